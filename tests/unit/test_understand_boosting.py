"""Lifting what fits: each weight moves exactly what it is for."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from marketrank.asking import Boosts, Candidates, Filters, Hits, Near, ParseKind, Understood
from marketrank.retrieval.catalogue import Catalogue, Snapshot
from marketrank.retrieval.understand import boosting
from marketrank.retrieval.understand.boosting import Weights, boost
from marketrank.types import Attributes, ListingId, ListingKey, Mask, Seq

NONE = Weights(near=0, near_km=10, price=0, words=0, category=0)
_DEGREE_KM = 111.195
# key → category, pence, latitude
ROWS = (
    (("Home", "Sofas"), 5000, 50.0),
    (("Home", "Tables", "Oak"), 1000, 50.0 + 10 / _DEGREE_KM),
    (("Sports", "Bikes"), None, None),
    ((), 0, 60.0),
)


@pytest.fixture
def catalogue() -> Snapshot:
    catalogue = Catalogue()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    catalogue.apply(
        [
            Attributes(
                ListingKey(n),
                ListingId(f"id{n}"),
                Seq(n + 1),
                True,
                category,
                price,
                latitude,
                None if latitude is None else 0.0,
                at,
            )
            for n, (category, price, latitude) in enumerate(ROWS)
        ]
    )
    return catalogue.snapshot()


class Words:
    """Key 1 says it best, key 2 half as well."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, list[int]]] = []

    def search(self, text: str, k: int, allowed: Mask | None = None) -> Hits:
        assert allowed is not None
        keys = np.flatnonzero(allowed)
        self.asked.append((text, k, keys.tolist()))
        found = [(key, score) for key, score in ((1, 4.0), (2, 2.0)) if key in keys]
        return Hits(
            np.array([key for key, _ in found], np.int64),
            np.array([score for _, score in found], np.float32),
        )


def candidates(keys: Sequence[int] = (0, 1, 2, 3)) -> Candidates:
    """All with a score of 1, so that what a boost adds is read off."""
    n = len(keys)
    return Candidates(
        np.array(keys, np.int64),
        np.ones(n, np.float32),
        {"text": np.arange(n, dtype=np.int32)},
        {"vector": np.arange(n, dtype=np.float32)},
    )


def scores(
    catalogue: Snapshot, boosts: Boosts, weights: Weights, near: Near | None = None
) -> dict[int, float]:
    understood = Understood(filters=Filters(near=near), boosts=boosts)
    got = boost(candidates(), understood, weights=weights, catalogue=catalogue, text=Words())
    assert got.scores.tolist() == sorted(got.scores.tolist(), reverse=True)
    assert got.ranks["text"].tolist() == got.keys.tolist()  # as they started, they move together
    assert got.parts["vector"].tolist() == got.keys.tolist()
    return dict(zip(got.keys.tolist(), got.scores.tolist(), strict=True))


def with_(**given: float) -> Weights:
    return Weights(**({"near": 0, "near_km": 10, "price": 0, "words": 0, "category": 0} | given))


def test_nearness_halves_with_the_distance(catalogue: Snapshot) -> None:
    near = Near(50.0, 0.0)
    got = scores(catalogue, Boosts(near=True), with_(near=0.8), near)
    assert got == pytest.approx({0: 1.8, 1: 1.4, 2: 1.0, 3: 1.0}, abs=1e-3)
    wide = scores(catalogue, Boosts(near=True), with_(near=0.8, near_km=20), near)
    assert wide[1] == pytest.approx(1 + 0.8 * 2**-0.5, abs=1e-3)
    assert set(scores(catalogue, Boosts(), with_(near=0.8), near).values()) == {1.0}


def test_cheap_lifts_the_cheaper(catalogue: Snapshot) -> None:
    got = scores(catalogue, Boosts(cheap=True), with_(price=0.3))
    assert got == pytest.approx({3: 1.3, 1: 1.2, 0: 1.1, 2: 1.0}, abs=1e-6)


def test_a_price_around_lifts_what_is_inside(catalogue: Snapshot) -> None:
    got = scores(catalogue, Boosts(price_low=1000, price_high=1500), with_(price=0.3))
    assert got == pytest.approx({1: 1.3, 0: 1.0, 2: 1.0, 3: 1.0}, abs=1e-6)
    free = scores(catalogue, Boosts(price_low=0, price_high=0), with_(price=0.3))
    assert free[3] == pytest.approx(1.3)


def test_words_lift_by_how_well_they_match(catalogue: Snapshot) -> None:
    boosts = Boosts(words=((ParseKind.CONDITION, "new unused"), (ParseKind.SIZE, "6ft")))
    got = scores(catalogue, boosts, with_(words=0.5))
    assert got == pytest.approx({1: 1.5, 2: 1.25, 0: 1.0, 3: 1.0})


def test_words_are_looked_for_in_the_best_candidates_only(
    catalogue: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boosting, "WORDS_DEPTH", 2)
    boosts = Boosts(near=True, words=((ParseKind.CONDITION, "new unused"), (ParseKind.SIZE, "6ft")))
    text = Words()
    got = boost(
        candidates((3, 2, 1)),
        Understood(filters=Filters(near=Near(50.0, 0.0)), boosts=boosts),
        weights=with_(near=0.1, words=0.5),
        catalogue=catalogue,
        text=text,
    )
    # The near one is lifted before the two best are chosen.
    assert text.asked == [("new unused 6ft", 2, [1, 2])]
    assert got.keys.tolist() == [1, 2, 3]
    assert got.scores.tolist() == pytest.approx([1.05 * 1.5, 1.25, 1.0], abs=1e-3)


def test_a_category_lifts_by_its_probability(catalogue: Snapshot) -> None:
    known = {("Home",): 0.8, ("Home", "Sofas"): 0.6}
    got = scores(catalogue, Boosts(categories=known), with_(category=1))
    assert got == pytest.approx({0: 1.7, 1: 1.4, 2: 1.0, 3: 1.0})
    named = known | {("Home", "Tables", "Oak"): 1.0}
    assert scores(catalogue, Boosts(categories=named), with_(category=1))[1] == pytest.approx(2.0)


def test_without_a_weight_nothing_moves(catalogue: Snapshot) -> None:
    everything = Boosts(
        near=True,
        cheap=True,
        words=((ParseKind.SIZE, "6ft"),),
        categories={("Home",): 1.0},
    )
    got = scores(catalogue, everything, NONE, Near(50.0, 0.0))
    assert list(got) == [0, 1, 2, 3]
    assert set(got.values()) == {1.0}


def test_no_candidates(catalogue: Snapshot) -> None:
    everything = Understood(boosts=Boosts(cheap=True, words=((ParseKind.SIZE, "6ft"),)))
    got = boost(candidates(()), everything, weights=NONE, catalogue=catalogue, text=Words())
    assert len(got.keys) == 0
