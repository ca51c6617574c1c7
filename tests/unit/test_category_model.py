"""When a release's classifier is fitted anew, and on what."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from marketrank.pipelines import category_model
from marketrank.pipelines.category_model import fit_categories, still_fits
from marketrank.retrieval.understand.categories import CategoryModel
from marketrank.types import (
    Attributes,
    Duplicate,
    Listing,
    ListingId,
    ListingKey,
    ModelVersion,
    Seq,
    Stored,
    Vectors,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = {"oak sofa": ("Home", "Sofas"), "road bike": ("Sports", "Bicycles"), "cat bed": ("Pets",)}


class Titles:
    """Encodes the first word of a title."""

    version = ModelVersion("m")
    dim = 3

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        self.asked.append(text)
        return vector(text)


def vector(text: str) -> Vectors:
    firsts = [title.split()[0] for title in KINDS]
    return np.eye(3, dtype=np.float32)[[firsts.index(text.split(maxsplit=1)[0])]]


class Store:
    """Three kinds of listings in turn; the last has no category."""

    def __init__(self, n: int, links: Sequence[Duplicate] = ()) -> None:
        self.links = links
        titles = list(KINDS)
        self.rows = [
            Listing(ListingId(f"id{k}"), f"{titles[k % 3]} number {k}", category=path)
            for k in range(n)
            for path in [() if k == n - 1 else KINDS[titles[k % 3]]]
        ]

    def vectors(self) -> Vectors:
        return np.concatenate([vector(one.title) for one in self.rows])

    def attributes(self, after: Seq, limit: int) -> list[Attributes]:
        return [
            Attributes(ListingKey(k), one.id, Seq(k + 1), True, one.category, None, None, None, AT)
            for k, one in enumerate(self.rows)
            if k + 1 > after
        ][:limit]

    def get_by_key(self, keys: Sequence[ListingKey]) -> dict[ListingKey, Stored]:
        return {key: Stored(self.rows[key], key, Seq(1), True, AT) for key in keys}

    def duplicates(self) -> list[Duplicate]:
        return list(self.links)


def fit(store: Store, encoder: Titles) -> CategoryModel:
    keys = np.arange(len(store.rows), dtype=np.int64)
    return fit_categories(keys, store.vectors(), encoder=encoder, listings=store, seed=7)  # type: ignore[arg-type]


def test_it_learns_from_all_listings_with_a_category() -> None:
    encoder = Titles()
    model = fit(Store(301), encoder)
    assert (model.version, model.count) == ("m", 300)
    assert model.probabilities(vector("oak"))["Home", "Sofas"] > 0.9
    assert model.temperature != 1.0
    lengths = {len(text.split()) for text in encoder.asked}
    assert lengths == {3, 4}  # whole titles, and cut ones as queries are
    assert 20 < len(encoder.asked) < 120  # a fifth


def test_small_markets_are_not_held_back() -> None:
    encoder = Titles()
    model = fit(Store(31), encoder)
    assert (encoder.asked, model.temperature, model.count) == ([], 1.0, 30)


def test_duplicates_are_held_back_together() -> None:
    store = Store(301)
    store.links = [
        Duplicate(one.id, store.rows[0].id, "exact_text", 1.0) for one in store.rows[1:150]
    ]
    held = category_model._held_back([one.id for one in store.rows], store, 7)  # type: ignore[arg-type]
    assert len(set(held[:150].tolist())) == 1
    assert set(held.tolist()) == {True, False}


def test_only_a_sample_teaches_a_large_market(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(category_model, "_MOST", 250)
    assert fit(Store(301), Titles()).count == 250


@pytest.mark.parametrize(
    ("version", "count", "kept"), [("m", 1200, True), ("m", 1300, False), ("n", 1000, False)]
)
def test_it_is_kept_for_the_same_encoder_and_not_many_more(
    version: str, count: int, kept: bool
) -> None:
    model = CategoryModel(ModelVersion("m"), 1000, (), np.zeros((4, 0), np.float32), 1.0, {})
    encoder = SimpleNamespace(version=ModelVersion(version))
    assert (still_fits(model, encoder, count) is model) == kept  # type: ignore[arg-type]
    assert still_fits(None, encoder, count) is None  # type: ignore[arg-type]
