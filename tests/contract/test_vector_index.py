"""One behaviour suite for ports.VectorIndex, run against every implementation of it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from marketrank.asking import Hits
from marketrank.errors import BadInput, Corrupt
from marketrank.ports import VectorIndex
from marketrank.retrieval.exact_index import ExactSegment
from marketrank.retrieval.layered_index import LayeredIndex
from marketrank.retrieval.vector_index import Base, build, is_readable, limit_threads
from marketrank.types import Mask, Vectors

_N, _DIM = 20_000, 64
_EXACT, _LISTS = 10**9, 1
_CENTRES = np.random.default_rng(0).normal(size=(100, _DIM))
Keys = NDArray[np.int64]
Make = Callable[[Path, Keys, Vectors], VectorIndex]


def _exact(folder: Path, keys: Keys, vectors: Vectors) -> VectorIndex:
    build(folder / "index", keys, vectors, exact_below=_EXACT)
    return Base.open(folder / "index")


def _lists(folder: Path, keys: Keys, vectors: Vectors) -> VectorIndex:
    with pytest.MonkeyPatch.context() as patch:
        # As large a share of 20,000 vectors as the usual number is of 160,000.
        patch.setattr("marketrank.retrieval.inverted_lists._MIN_COMPARED", 500)
        build(folder / "index", keys, vectors, exact_below=_LISTS)
    return Base.open(folder / "index", verify=True)


def _segment(_: Path, keys: Keys, vectors: Vectors) -> VectorIndex:
    segment = ExactSegment(vectors.shape[1])
    segment.put(keys, vectors)
    return segment


def _layered(folder: Path, keys: Keys, vectors: Vectors) -> VectorIndex:
    """A base whose every tenth vector is out of date, and that lacks every seventh."""
    number = np.arange(len(keys))
    stale = vectors.copy()
    stale[number % 10 == 0] *= -1
    held = number % 7 != 0
    build(folder / "index", keys[held], stale[held], exact_below=_LISTS)
    fresh = (number % 10 == 0) | ~held
    segment = ExactSegment(vectors.shape[1])
    segment.put(keys[fresh], vectors[fresh])
    return LayeredIndex(Base.open(folder / "index"), segment)


_MAKERS: dict[str, Make] = {
    "exact": _exact,
    "lists": _lists,
    "segment": _segment,
    "layered": _layered,
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    limit_threads(1)


def _unit(rows: NDArray[np.floating]) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _clustered(n: int, seed: int) -> Vectors:
    """Points around the centres, as listings gather around kinds of things."""
    rng = np.random.default_rng(seed)
    return _unit(_CENTRES[rng.integers(0, 100, n)] + 0.8 * rng.normal(size=(n, _DIM)))


_VECTORS = _clustered(_N, seed=1)
_KEYS: Keys = np.random.default_rng(2).permutation(2 * _N)[:_N].astype(np.int64)
_QUERIES = _clustered(40, seed=3)


@pytest.fixture(scope="module", params=_MAKERS)
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> VectorIndex:
    return _MAKERS[request.param](tmp_path_factory.mktemp("index"), _KEYS, _VECTORS)


@pytest.fixture(params=_MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return _MAKERS[request.param]


def _truth(query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
    keys, vectors = _KEYS, _VECTORS
    if allowed is not None:
        inside = keys < len(allowed)
        rows = np.zeros(len(keys), np.bool_)
        rows[inside] = allowed[keys[inside]]
        keys, vectors = keys[rows], vectors[rows]
    scores = vectors @ query
    order = np.lexsort((keys, -scores))[:k]
    return Hits(keys[order], scores[order])


def _recall(index: VectorIndex, allowed: Mask | None, queries: Vectors = _QUERIES) -> float:
    found = []
    for row in range(len(queries)):
        hits = index.search(queries[row : row + 1], 10, allowed)
        truth = _truth(queries[row], 10, allowed)
        assert len(hits.keys) == len(truth.keys)
        found.append(np.isin(truth.keys, hits.keys).mean())
    return float(np.mean(found))


def test_finds_the_nearest(index: VectorIndex) -> None:
    assert _recall(index, None) >= 0.99


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
def test_a_mask_loses_no_recall(index: VectorIndex, share: float) -> None:
    allowed = np.random.default_rng(4).random(2 * _N) < share
    assert _recall(index, allowed) >= 0.95


def test_a_filter_that_allows_only_other_things_loses_no_recall(index: VectorIndex) -> None:
    """As a category does to a query for something else: none of what is near is allowed."""
    nearest_centre = np.argmax(_VECTORS @ _CENTRES.T, axis=1)
    allowed = np.zeros(2 * _N, np.bool_)
    allowed[_KEYS[nearest_centre >= 50]] = True
    others = _QUERIES[np.argmax(_QUERIES @ _CENTRES.T, axis=1) < 50]
    assert len(others) > 10
    assert _recall(index, allowed, others) >= 0.95


def test_hits_are_sorted_with_true_scores(index: VectorIndex) -> None:
    hits = index.search(_QUERIES[:1], 50)
    assert hits.keys.dtype == np.int64
    assert hits.scores.dtype == np.float32
    assert np.array_equal(np.lexsort((hits.keys, -hits.scores)), np.arange(50))
    row_of = {key: row for row, key in enumerate(_KEYS.tolist())}
    true = _VECTORS[[row_of[key] for key in hits.keys.tolist()]] @ _QUERIES[0]
    assert hits.scores == pytest.approx(true, abs=1e-5)


def test_only_allowed_keys(index: VectorIndex) -> None:
    allowed = np.zeros(2 * _N, np.bool_)
    allowed[_KEYS[:3]] = True
    hits = index.search(_QUERIES[:1], 10, allowed)
    assert set(hits.keys.tolist()) == set(_KEYS[:3].tolist())


def test_keys_beyond_the_mask_are_not_allowed(index: VectorIndex) -> None:
    hits = index.search(_QUERIES[:1], 100, np.ones(_N // 2, np.bool_))
    assert len(hits.keys) == 100
    assert hits.keys.max() < _N // 2


def test_a_mask_that_allows_nothing(index: VectorIndex) -> None:
    for allowed in (np.zeros(2 * _N, np.bool_), np.zeros(0, np.bool_)):
        assert index.search(_QUERIES[:1], 10, allowed).keys.shape == (0,)


def test_a_query_of_another_model_is_refused(index: VectorIndex) -> None:
    with pytest.raises(BadInput, match=f"dim {_DIM}"):
        index.search(np.zeros((1, _DIM + 1), np.float32), 3)


def test_vectors_come_back_by_key(index: VectorIndex) -> None:
    rows = np.array([7, 10, 14, 0, 7, _N - 1])  # of every layer, and one twice
    np.testing.assert_allclose(index.vectors_of(_KEYS[rows]), _VECTORS[rows], atol=1e-4)
    unknown = np.setdiff1d(np.arange(2 * _N + 5), _KEYS)[[0, -1]]
    mixed = index.vectors_of(np.array([unknown[0], _KEYS[3], unknown[1]]))
    expected = np.stack([np.zeros(_DIM), _VECTORS[3], np.zeros(_DIM)])
    np.testing.assert_allclose(mixed, expected, atol=1e-4)  # lists keep two bytes a number
    assert index.vectors_of(np.empty(0, np.int64)).shape == (0, _DIM)
    mixed[:] = 0  # the caller's own
    np.testing.assert_allclose(index.vectors_of(_KEYS[3:4]), _VECTORS[3:4], atol=1e-4)


def test_an_empty_index_has_no_vectors(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path, np.empty(0, np.int64), np.empty((0, _DIM), np.float32))
    assert np.array_equal(index.vectors_of(np.array([5])), np.zeros((1, _DIM)))


def test_asking_for_more_than_there_is(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path, np.arange(30), _VECTORS[:30])
    assert sorted(index.search(_QUERIES[:1], 100).keys.tolist()) == list(range(30))


def test_equal_vectors_come_by_key(make: Make, tmp_path: Path) -> None:
    keys = np.array([50, 3, 41, 7, 22, 9])
    index = make(tmp_path, keys, np.repeat(_VECTORS[:1], 6, axis=0))
    assert index.search(_VECTORS[:1], 3).keys.tolist() == [3, 7, 9]


def test_of_a_key_given_twice_the_last_counts(make: Make, tmp_path: Path) -> None:
    keys = np.concatenate([np.arange(300), [5]])
    vectors = np.concatenate([_VECTORS[:300], -_VECTORS[5:6]])
    index = make(tmp_path, keys, vectors)
    hits = index.search(_VECTORS[5:6], 301)
    assert sorted(hits.keys.tolist()) == list(range(300))
    assert hits.keys[-1] == 5


def test_a_photo_alone_finds_what_text_dominates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listings are text and photo features side by side, gathered by text; the query has zeros
    where the text would be."""
    monkeypatch.setattr("marketrank.retrieval.inverted_lists._MIN_COMPARED", 200)
    rng = np.random.default_rng(6)
    text = _unit(_CENTRES[rng.integers(0, 100, 8_000)] + 0.3 * rng.normal(size=(8_000, _DIM)))
    photo = _unit(rng.normal(size=(8_000, _DIM)))
    listings = _unit(np.concatenate([0.9 * text, 0.45 * photo], axis=1))
    build(tmp_path / "index", np.arange(8_000), listings, exact_below=_LISTS)
    base = Base.open(tmp_path / "index")
    found = []
    for _ in range(20):
        query = np.concatenate([np.zeros((1, _DIM)), _unit(rng.normal(size=(1, _DIM)))], axis=1)
        truth = np.argsort(-(listings @ query[0]))[:10]
        hits = base.search(query.astype(np.float32), 10)
        found.append(np.isin(truth, hits.keys).mean())
    assert float(np.mean(found)) >= 0.97


@pytest.mark.parametrize("exact_below", [0, _EXACT])
def test_an_index_of_nothing(tmp_path: Path, exact_below: int) -> None:
    nothing = np.empty((0, _DIM), np.float32)
    build(tmp_path / "index", np.empty(0, np.int64), nothing, exact_below=exact_below)
    base = Base.open(tmp_path / "index", verify=True)
    assert base.search(_QUERIES[:1], 5).keys.shape == (0,)
    assert base.search(_QUERIES[:1], 5, np.ones(9, np.bool_)).keys.shape == (0,)


@pytest.mark.parametrize("n", [1, 2, 40])
def test_lists_over_few_vectors(tmp_path: Path, n: int) -> None:
    build(tmp_path / "index", np.arange(n), _VECTORS[:n], exact_below=0)
    hits = Base.open(tmp_path / "index").search(_VECTORS[n - 1 : n], 1)
    assert hits.keys.tolist() == [n - 1]


def test_exact_below_decides_the_kind(tmp_path: Path) -> None:
    for limit, kind in ((100, "ivf"), (101, "exact")):
        folder = tmp_path / kind
        build(folder, np.arange(100), _VECTORS[:100], exact_below=limit)
        assert orjson.loads((folder / "vectors.json").read_bytes())["kind"] == kind


def test_building_again_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        build(tmp_path / name, _KEYS[:3_000], _VECTORS[:3_000], exact_below=_LISTS)
    one, two = (orjson.loads((tmp_path / n / "vectors.json").read_bytes()) for n in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("name", ["keys.npy", "codes.npy", "scales.npy", "lists.faiss"])
def test_a_changed_file_is_noticed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "index"
    build(folder, np.arange(500), _VECTORS[:500], exact_below=_LISTS)
    data = bytearray((folder / name).read_bytes())
    data[-1] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(Corrupt, match=name):
        Base.open(folder, verify=True)


@pytest.mark.parametrize(
    "name", ["keys.npy", "codes.npy", "scales.npy", "lists.faiss", "vectors.json"]
)
@pytest.mark.parametrize("keep", [None, 0, 60])
def test_a_missing_or_cut_file_is_noticed_at_once(
    tmp_path: Path, name: str, keep: int | None
) -> None:
    folder = tmp_path / "index"
    build(folder, np.arange(500), _VECTORS[:500], exact_below=_LISTS)
    data = (folder / name).read_bytes()
    (folder / name).unlink()
    if keep is not None:
        (folder / name).write_bytes(data[:keep])
    with pytest.raises(Corrupt, match="index --rebuild"):
        Base.open(folder)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(folder, np.arange(5), _VECTORS[:5], exact_below=_EXACT)
    manifest = orjson.loads((folder / "vectors.json").read_bytes())
    assert is_readable(folder)
    (folder / "vectors.json").write_bytes(orjson.dumps(manifest | {"format": 99}))
    assert not is_readable(folder)
    assert not is_readable(tmp_path)
    with pytest.raises(Corrupt, match="format 99"):
        Base.open(folder)


def test_keys_and_vectors_must_be_as_many(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="3 keys"):
        build(tmp_path / "index", np.arange(3), _VECTORS[:2], exact_below=_EXACT)


def test_what_arrives_later_is_found_at_once(tmp_path: Path) -> None:
    build(tmp_path / "index", np.arange(1_000), _VECTORS[:1_000], exact_below=_LISTS)
    segment = ExactSegment(_DIM)
    index = LayeredIndex(Base.open(tmp_path / "index"), segment)
    query = _VECTORS[2_000:2_001]
    assert index.search(query, 1).keys.tolist() != [7]
    segment.put(np.array([7]), query)
    assert index.search(query, 1).keys.tolist() == [7]
    assert index.search(_VECTORS[7:8], 1_000).keys.tolist().count(7) == 1
    segment.put(np.array([7]), -query)
    assert index.search(query, 1).keys.tolist() != [7]


def test_scores_of_keys_are_their_inner_products(make: Make, tmp_path: Path) -> None:
    index = make(tmp_path, _KEYS, _VECTORS)
    asked = _KEYS[[40, 3, 3, 900]]
    wanted = _VECTORS[[40, 3, 3, 900]] @ _QUERIES[0]
    np.testing.assert_allclose(index.scores_of(_QUERIES[:1], asked), wanted, atol=1e-4)
    unknown = np.array([_KEYS.max() + 1, _KEYS[3]])
    assert index.scores_of(_QUERIES[:1], unknown)[0] == 0
    assert index.scores_of(_QUERIES[:1], np.empty(0, np.int64)).shape == (0,)


@pytest.mark.parametrize("first", [0, 1, 7])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("dim", [8, 9])
def test_keys_with_and_without_gaps_name_the_same_rows(
    tmp_path: Path, first: int, gaps: bool, dim: int
) -> None:
    rng = np.random.default_rng(2)
    vectors = _unit(rng.normal(size=(3_000, dim)))
    keys = first + np.arange(3_000) * (2 if gaps else 1)
    build(tmp_path / "index", keys, vectors, exact_below=_LISTS)
    index = Base.open(tmp_path / "index")
    asked = np.array([first - 1, first, keys[40], keys[-1], keys[-1] + 1, first + 1])
    row_of = {key: row for row, key in enumerate(keys.tolist())}
    rows = [row_of.get(key) for key in asked.tolist()]
    wanted = np.array([np.zeros(dim) if row is None else vectors[row] for row in rows])
    np.testing.assert_allclose(index.vectors_of(asked), wanted, atol=1e-4)
    np.testing.assert_allclose(index.scores_of(vectors[:1], asked), wanted @ vectors[0], atol=1e-4)
    for length in (0, first, keys[-1], keys[-1] + 1, keys[-1] + 50):
        allowed = rng.random(length) < 0.5
        held = [key < length and bool(allowed[key]) for key in keys.tolist()]
        assert index.rows_of(allowed).tolist() == held


def _of_words(rng: np.random.Generator) -> tuple[Vectors, Vectors]:
    """Listings of words and photos side by side, and queries of words alone."""
    words = _unit(_CENTRES[rng.integers(0, 100, 8_000)] + 0.3 * rng.normal(size=(8_000, _DIM)))
    photos = _unit(rng.normal(size=(8_000, _DIM)))
    asked = _unit(_CENTRES[:20] + 0.5 * rng.normal(size=(20, _DIM)))
    queries = np.concatenate([asked, np.zeros_like(asked)], axis=1).astype(np.float32)
    return _unit(np.concatenate([0.8 * words, 0.6 * photos], axis=1)), queries


def test_lists_of_words_find_what_a_query_of_words_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marketrank.retrieval.inverted_lists._MIN_COMPARED", 200)
    listings, queries = _of_words(np.random.default_rng(7))
    build(tmp_path / "index", np.arange(8_000), listings, exact_below=_LISTS, asked=lambda: queries)
    base = Base.open(tmp_path / "index", verify=True)
    found, allowed = [], np.arange(8_000) % 3 == 0
    for query in queries:
        scores = listings @ query
        hits = base.search(query[np.newaxis], 10, allowed)
        truth = np.argsort(np.where(allowed, -scores, np.inf))[:10]
        found.append(np.isin(truth, hits.keys).mean())
        np.testing.assert_allclose(hits.scores, scores[hits.keys], atol=1e-4)
    assert float(np.mean(found)) >= 0.97


def test_where_words_fill_a_vector_its_lists_are_fitted_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Far from everything, as what people type is, ten nearest lie in many lists."""
    monkeypatch.setattr("marketrank.retrieval.inverted_lists._MIN_COMPARED", 200)
    far = _unit(np.random.default_rng(9).normal(size=(40, _DIM)))
    probes = []
    for name, asked in (("without", None), ("with", lambda: far)):
        folder = tmp_path / name
        build(folder, np.arange(_N), _VECTORS, exact_below=_LISTS, asked=asked)
        probes.append(orjson.loads((folder / "vectors.json").read_bytes())["probes"])
        assert not (folder / "words.faiss").exists()
    base, found = Base.open(tmp_path / "with"), []
    for query in far:
        hits = base.search(query[np.newaxis], 10)
        found.append(np.isin(np.argsort(-(_VECTORS @ query))[:10], hits.keys).mean())
    assert probes[0] < probes[1]
    assert float(np.mean(found)) >= 0.97


def test_only_queries_of_words_use_the_lists_of_words(tmp_path: Path) -> None:
    listings, queries = _of_words(np.random.default_rng(8))
    build(tmp_path / "index", np.arange(8_000), listings, exact_below=_LISTS, asked=lambda: queries)
    base = Base.open(tmp_path / "index")
    base = replace(base, lists=None)
    assert len(base.search(queries[:1], 5).keys) == 5
    with pytest.raises(AssertionError):
        base.search(listings[:1], 5)
