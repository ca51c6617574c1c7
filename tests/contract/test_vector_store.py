"""What every VectorStore does, run against each implementation."""

from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine

from marketrank.errors import BadInput
from marketrank.ports import ListingStore, VectorStore
from marketrank.storage.postgres import PostgresListings
from marketrank.storage.vectors import PostgresVectors
from marketrank.types import Listing, ListingId, ListingKey, ModelVersion, Seq

T0 = datetime(2026, 3, 1, tzinfo=UTC)
V1, V2 = ModelVersion("towers-1"), ModelVersion("towers-2")
DIM = 5

IMPLEMENTATIONS = {"postgres": (PostgresListings, PostgresVectors)}


@pytest.fixture(params=IMPLEMENTATIONS)
def stores(
    request: pytest.FixtureRequest, database_engine: Engine
) -> tuple[ListingStore, VectorStore]:
    """With ten listings, whose keys are 1 to 10 and whose changes took the numbers 1 to 10."""
    listings, vectors = IMPLEMENTATIONS[request.param]
    store = listings(database_engine)
    store.apply([Listing(ListingId(f"l{n}"), "Oak table") for n in range(10)], at=T0)
    return store, vectors(database_engine)


@pytest.fixture
def store(stores: tuple[ListingStore, VectorStore]) -> VectorStore:
    return stores[1]


def keys(*values: int) -> list[ListingKey]:
    return [ListingKey(value) for value in values]


def unit(*seeds: int, dim: int = DIM) -> NDArray[np.float32]:
    rows = np.stack([np.random.default_rng(seed).normal(size=dim) for seed in seeds])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_vectors_come_back_exactly_in_the_order_of_their_numbers(store: VectorStore) -> None:
    store.put_vectors(V1, keys(3, 1), ["h3", "h1"], unit(3, 1))
    store.put_vectors(V1, keys(2), ["h2"], unit(2))
    found = store.vectors_after(V1, Seq(0), 10)
    assert found.keys.tolist() == [3, 1, 2]
    assert found.keys.dtype == np.int64
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors, unit(3, 1, 2))
    assert found.seq == 13
    found.vectors[0] = 0  # the caller's own


def test_fresh_vectors_are_counted_per_version(store: VectorStore) -> None:
    store.put_vectors(V1, keys(1, 2), ["h1", "h2"], unit(1, 2))
    seq = store.vectors_after(V1, Seq(0), 10).seq
    store.put_vectors(V1, keys(2, 3, 4), ["h2b", "h3", "h4"], unit(5, 3, 4))
    store.put_vectors(V2, keys(5), ["h5"], unit(5))
    assert store.count_after(V1, seq) == 3
    assert store.count_after(V1, Seq(0)) == 4  # 2 was replaced
    assert store.count_after(V2, Seq(0)) == 1


def test_numbers_are_shared_with_the_listings(
    stores: tuple[ListingStore, VectorStore],
) -> None:
    listings, vectors = stores
    vectors.put_vectors(V1, keys(1), ["h"], unit(1))
    assert listings.last_seq() == 11
    listings.apply([Listing(ListingId("new"), "Chair")], at=T0)
    assert listings.get([ListingId("new")])[ListingId("new")].seq == 12
    vectors.put_vectors(V2, keys(1), ["h"], unit(1))
    assert vectors.vectors_after(V2, Seq(0), 5).seq == 13


def test_page_by_page(store: VectorStore) -> None:
    store.put_vectors(V1, keys(*range(1, 8)), ["h"] * 7, unit(*range(7)))
    pages = []
    after = Seq(0)
    while len((page := store.vectors_after(V1, after, 3)).keys):
        pages.append(page.keys.tolist())
        after = page.seq
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]
    assert [store.count_after(V1, Seq(seq)) for seq in (0, 11, 17)] == [7, 6, 0]
    assert store.count_after(V2, Seq(0)) == 0
    assert page.seq == after


def test_a_replaced_vector_takes_a_new_number(store: VectorStore) -> None:
    store.put_vectors(V1, keys(1, 2), ["old", "h2"], unit(1, 2))
    seen = store.vectors_after(V1, Seq(0), 10).seq
    store.put_vectors(V1, keys(1), ["new"], unit(9))
    later = store.vectors_after(V1, seen, 10)
    assert later.keys.tolist() == [1]
    np.testing.assert_array_equal(later.vectors, unit(9))
    assert store.known(V1, keys(1, 2, 3)) == {1: "new", 2: "h2"}
    assert store.vectors_after(V1, Seq(0), 10).keys.tolist() == [2, 1]


def test_versions_do_not_see_each_other(store: VectorStore) -> None:
    store.put_vectors(V1, keys(1), ["h1"], unit(1))
    store.put_vectors(V2, keys(1, 2), ["g1", "g2"], unit(5, 6, dim=8))
    assert store.known(V1, keys(1, 2)) == {1: "h1"}
    assert store.vectors_after(V1, Seq(0), 9).vectors.shape == (1, DIM)
    assert store.vectors_after(V2, Seq(0), 9).vectors.shape == (2, 8)
    assert store.known(ModelVersion("other"), keys(1)) == {}


def test_one_vector(store: VectorStore) -> None:
    assert store.vector(V1, ListingKey(1)) is None
    store.put_vectors(V1, keys(1, 2), ["a", "b"], unit(1, 2))
    found = store.vector(V1, ListingKey(2))
    assert found is not None
    np.testing.assert_array_equal(found, unit(2))


def test_keys_may_come_from_an_index(store: VectorStore) -> None:
    numpy_keys = [ListingKey(key) for key in np.array([4, 5])]
    store.put_vectors(V1, numpy_keys, ["a", "b"], unit(1, 2))
    assert store.known(V1, numpy_keys) == {4: "a", 5: "b"}


def test_nothing_put_is_nothing_stored(store: VectorStore) -> None:
    store.put_vectors(V1, [], [], np.empty((0, DIM), np.float32))
    found = store.vectors_after(V1, Seq(4), 10)
    assert (len(found.keys), found.seq) == (0, 4)


@pytest.mark.parametrize(
    ("batch", "hashes", "vectors", "message"),
    [
        (keys(1), ["h"], unit(1).astype(np.float64), "float64"),
        (keys(1, 2), ["h", "h"], np.asfortranarray(unit(1, 2)), "ascontiguousarray"),
        (keys(1, 2), ["h", "h"], unit(1), "2 keys"),
        (keys(1, 2), ["h"], unit(1, 2), "1 hashes"),
        (keys(1), ["h"], unit(1)[0], "shape"),
        (keys(1, 1), ["h", "h"], unit(1, 2), "twice"),
        (keys(1, 2), ["h", "h"], unit(1, 2) * np.array([[1], [np.nan]], np.float32), "key 2"),
        (keys(1), ["h"], unit(1, dim=DIM + 1), "width 6"),
        (keys(1), ["h"], np.empty((1, 0), np.float32), "empty"),
        (keys(1, 99), ["h", "h"], unit(1, 2), "key 99"),
        (keys(1), ["\0"], unit(1), "NUL"),
    ],
)
def test_what_does_not_fit_is_refused_whole(
    store: VectorStore,
    batch: list[ListingKey],
    hashes: list[str],
    vectors: NDArray[np.float32],
    message: str,
) -> None:
    store.put_vectors(V1, keys(7), ["kept"], unit(7))
    with pytest.raises(BadInput, match=message):
        store.put_vectors(V1, batch, hashes, vectors)
    assert store.vectors_after(V1, Seq(0), 10).keys.tolist() == [7]


def test_vectors_of_keys_come_in_their_order_or_not_at_all(store: VectorStore) -> None:
    store.put_vectors(V1, keys(3, 1, 2), ["h3", "h1", "h2"], unit(3, 1, 2))
    found = store.vectors_of(V1, keys(2, 3))
    assert found is not None
    np.testing.assert_array_equal(found, unit(2, 3))
    found[0] = 0  # the caller's own
    assert store.vectors_of(V1, keys(2, 4)) is None
    assert store.vectors_of(V2, keys(2)) is None
    assert store.vectors_of(V1, []) is None
