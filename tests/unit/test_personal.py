"""A buyer's own feed, over a small engine: what is used of whom, and what never is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.asking import Candidates, Filters, Near
from marketrank.buyers.popularity import Popularity
from marketrank.engine import Engine
from marketrank.people import About, Buyer, EventId, Interaction, InteractionKind, Purpose
from marketrank.personal import Personal, held
from marketrank.ranking.ranker import Looked, Material
from marketrank.ranking.session_features import NAMES
from marketrank.retrieval.feed import FRESH, POPULAR, TASTE, fresh_retriever, popular_retriever
from marketrank.shown import Shown
from marketrank.types import BuyerId, ListingId, ListingKey, ModelVersion, Place, SellerId
from small_engine import ASK, NOW, Store, engine_over, ids, tuned, with_attributes

ANN = BuyerId("ann")
HISTORY = dict.fromkeys([Purpose.HISTORY], NOW)
EVERYTHING = dict.fromkeys(Purpose, NOW)
MINE = replace(ASK, buyer=ANN, at=NOW)


def did(n: int, kind: InteractionKind = InteractionKind.SAVE) -> Interaction:
    at = NOW - timedelta(hours=1)
    return Interaction(EventId(f"{kind}{n}"), ANN, ListingId(f"id{n}"), kind, at)


class Tower:
    """Who is old wants the bicycle, key 3, with all their heart; else what they turned to last."""

    encoder = ModelVersion("fake")
    space = {"dim": 4, "bumps": 2, "scales_km": [20.0], "waves": 4}  # noqa: RUF012
    kinds = tuple(InteractionKind)
    history = 5
    temperature = 0.1
    interest = 0.5

    def points(
        self,
        history: NDArray[np.float32],
        *,
        kinds: NDArray[np.int64],
        ages_days: NDArray[np.float64],
        present: NDArray[np.bool_],
        attributes: Sequence[dict[str, str]],
        places: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        out = (history * present[:, :, np.newaxis]).sum(axis=1) * 0.1
        out[:, 4:] = 0
        for row, one in enumerate(attributes):
            out[row, 3] += 5.0 * (one.get("age") == "65+")
        return out.astype(np.float32)


def engine_of(
    about: About | None,
    tower: Tower | None = None,
    *,
    sensitive: str = "",
    store: Store | None = None,
    **changes: object,
) -> Engine:
    def flags(paths: Sequence[tuple[str, ...]]) -> NDArray[np.bool_]:
        return np.array([bool(path) and path[0] == sensitive for path in paths], np.bool_)

    small = tuned(engine_over(store or Store()), **changes)
    small._people = lambda buyer: about if buyer == ANN else None
    small._personal = Personal(tower=lambda: tower, sensitive=flags)
    return small


def buyer(consents: dict[Purpose, object], **more: object) -> Buyer:
    return Buyer(ANN, consents=consents, **more)  # type: ignore[arg-type]


LEADING_TASTE = {"feed_weights": {TASTE: 10.0}}


def test_the_feed_begins_with_what_is_like_what_they_saved() -> None:
    engine = engine_of(About(buyer(HISTORY), recent=(did(1),)), **LEADING_TASTE)
    assert ids(engine, ASK)[0] == "id3"  # the newest, for anybody
    ranking = engine.answer(MINE)
    assert ranking.items[0].listing.id == "id1"
    assert TASTE in ranking.items[0].found_by
    assert ranking.items[0].why[0] == "like the home you saved"


@pytest.mark.parametrize(
    ("about", "request_"),
    [
        (None, MINE),
        (About(buyer({}), recent=(did(1),)), MINE),
        (About(buyer(HISTORY), recent=(did(1),)), replace(MINE, profiling=False)),
        (About(buyer(HISTORY), recent=(did(1),)), replace(MINE, buyer=BuyerId("ben"))),
    ],
)
def test_without_agreement_or_profiling_the_feed_is_everybodys(
    about: About | None, request_: object
) -> None:
    engine = engine_of(about, Tower(), **LEADING_TASTE)
    assert ids(engine, request_) == ["id3", "id2", "id1", "id0"]  # type: ignore[arg-type]


def test_a_click_changes_the_next_feed() -> None:
    known = [About(buyer(HISTORY))]
    engine = engine_of(None, **LEADING_TASTE)
    engine._people = lambda buyer: known[0]
    engine._personal = Personal()
    assert ids(engine, MINE)[0] == "id3"
    known[0] = About(buyer(HISTORY), recent=(did(0, InteractionKind.CLICK),))
    assert ids(engine, MINE)[0] == "id0"


def test_hidden_and_own_listings_are_never_in_the_feed() -> None:
    known = About(buyer({}, seller=SellerId("me")), hidden=frozenset([ListingId("id2")]))
    engine = with_attributes(engine_of(None), {3: {"seller": SellerId("me")}})
    engine._people = lambda buyer: known
    engine._personal = Personal()
    assert ids(engine, MINE) == ["id1", "id0"]
    assert ids(engine, replace(MINE, profiling=False)) == ["id1", "id0"]
    # Whoever searches finds what they sell, but not what they hid.
    found = ids(engine, replace(MINE, text="bicycle oak"))
    assert "id3" in found
    assert "id2" not in found


def test_a_buyer_without_a_history_has_a_feed_from_demographics() -> None:
    old = buyer(EVERYTHING, attributes={"age": "65+"})
    engine = engine_of(About(old), Tower(), feed={}, feed_weights={TASTE: 1.0})
    ranking = engine.answer(MINE)
    assert ranking.items[0].listing.id == "id3"
    assert "liked by people like you (from your data)" in ranking.items[0].why
    young = engine_of(About(buyer(EVERYTHING, attributes={"age": "18-24"})), Tower())
    assert not any("people like you" in one for i in young.answer(MINE).items for one in i.why)
    without = buyer(HISTORY, attributes={"age": "65+"})
    assert engine_of(About(without), Tower(), feed={}).answer(MINE).items == ()


def test_a_tower_of_another_encoder_is_not_used() -> None:
    tower = Tower()
    tower.encoder = ModelVersion("other")
    old = buyer(EVERYTHING, attributes={"age": "65+"})
    assert engine_of(About(old), tower, feed={}).answer(MINE).items == ()


def test_demographics_have_no_part_in_where_a_sensitive_listing_stands() -> None:
    """The bicycle, key 3, is of a sensitive category; the old would have it first."""
    feed = {FRESH: fresh_retriever(30.0)}
    weights = {TASTE: 10.0, FRESH: 1.0}
    history = (did(1),)
    places = {}
    for name, age in (("old", "65+"), ("young", "18-24")):
        known = About(buyer(EVERYTHING, attributes={"age": age}), recent=history)
        engine = engine_of(known, Tower(), sensitive="Sports", feed=feed, feed_weights=weights)
        ranking = engine.answer(MINE)
        places[name] = [item.listing.id for item in ranking.items].index("id3")
        bicycle = ranking.items[places[name]]
        assert not any("your data" in one for one in bicycle.why)
    plain = engine_of(
        About(buyer(HISTORY), recent=history), Tower(), feed=feed, feed_weights=weights
    )
    assert set(places.values()) == {ids(plain, MINE).index("id3")}
    open_ = engine_of(
        About(buyer(EVERYTHING, attributes={"age": "65+"}), recent=history),
        Tower(),
        feed=feed,
        feed_weights=weights,
    )
    assert ids(open_, MINE)[0] == "id3"  # where the category is not sensitive


def test_the_ranker_is_told_nothing_of_demographics_in_sensitive_categories() -> None:
    old = buyer(EVERYTHING, attributes={"age": "65+"}, place=Place("T", latitude=51.0, longitude=0))
    engine = engine_of(About(old, recent=(did(1),)), Tower(), sensitive="Sports")
    view = engine._view()
    assert view is not None
    assert engine._personal is not None
    person = engine._personal.person(view, MINE, engine._people(ANN))
    assert person is not None
    facts = person.more_facts(view, MINE, np.arange(4))
    for name in ("tower", "demographic_affinity", "home_km", "distances_km"):
        assert np.isnan(facts[name][3])
        assert not np.isnan(facts[name][:3]).any()
    assert facts["taste"].tolist() == [0, 1, 0, 0]
    assert facts["taste_category"].tolist() == [1, 1, 1, 0]
    assert facts["home_km"][0] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize(
    ("consents", "near", "km"),
    [
        (EVERYTHING, None, 0.0),
        (EVERYTHING, Near(52.0, 0), 111.2),
        (HISTORY, None, None),
        (HISTORY, Near(52.0, 0), 111.2),
    ],
    ids=["own_place", "place_asked_for", "no_consent", "no_consent_but_asked_for"],
)
def test_distances_are_from_the_place_asked_for_else_from_the_buyers_own(
    consents: dict[Purpose, object], near: Near | None, km: float | None
) -> None:
    ann = buyer(consents, place=Place("T", latitude=51.0, longitude=0))
    engine = engine_of(About(ann, recent=(did(1),)))
    shown: list[Shown] = []
    engine._on_shown, engine._keep_depth = shown.append, 4
    engine.answer(replace(MINE, text="oak table", filters=Filters(near=near)))
    found = dict(zip(shown[0].looked.keys.tolist(), shown[0].looked.features, strict=True))
    value = float(found[0][NAMES.index("distance_log")])
    if km is None:
        assert np.isnan(value)
    else:
        assert np.expm1(value) == pytest.approx(km, abs=0.2)


def test_a_search_is_lifted_by_taste_alone_and_only_as_much_as_the_setting_says() -> None:
    history = (did(2),)
    known = About(buyer(EVERYTHING, attributes={"age": "65+"}), recent=history)
    ask = replace(MINE, text="oak")
    assert ids(engine_of(known, Tower(), taste=0.0), ask)[0] == "id0"
    assert ids(engine_of(known, Tower(), taste=1.0), ask)[0] == "id2"
    assert ids(engine_of(known, Tower(), taste=1.0), replace(ask, profiling=False))[0] == "id0"


class Judged:
    """Orders as it came, having looked at features that know no taste, or one."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        n = len(candidates.keys)
        features = np.zeros((n, len(self.names)), np.float32)
        material.saw(Looked(candidates.keys, self.names, features, None))
        return candidates


@pytest.mark.parametrize(("name", "first"), [("title_coverage", "id2"), ("taste", "id0")])
def test_a_ranker_that_knows_the_taste_is_not_lifted_after(name: str, first: str) -> None:
    engine = engine_of(About(buyer(HISTORY), recent=(did(2),)), taste=1.0)
    engine._ranker = lambda: Judged(name)
    assert ids(engine, replace(MINE, text="oak"))[0] == first


OLD_FEED = {"feed": {FRESH: fresh_retriever(30.0)}, "feed_weights": {FRESH: 1.0, TASTE: 2.0}}


@pytest.mark.parametrize(
    ("about", "tower", "reasons"),
    [
        (None, None, {"listed 2 months ago"}),
        (About(buyer(HISTORY)), None, {"listed 2 months ago"}),
        (
            About(buyer(HISTORY), recent=(did(1),)),
            None,
            {
                "like the home you saved",
                "from Home, where you have looked before",
                "fits what you have looked at",
            },
        ),
        (
            About(buyer(EVERYTHING, attributes={"age": "65+"})),
            Tower(),
            {
                "liked by people like you (from your data)",
                "suggested for people like you (from your data)",
            },
        ),
    ],
    ids=["nobody", "nothing_done", "history", "demographics_alone"],
)
def test_every_listing_of_a_feed_has_a_reason_that_is_true(
    about: About | None, tower: Tower | None, reasons: set[str]
) -> None:
    """Nothing is new, popular or near."""
    engine = engine_of(about, tower, **OLD_FEED)
    late = replace(MINE, at=NOW + timedelta(days=70))
    said = [item.why for item in engine.answer(late).items]
    assert len(said) == 4
    assert all(said)
    assert {one for why in said for one in why} == reasons


class HoldsAgainst:
    """Orders as it came; each listing's age lowered it."""

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        features = np.zeros((len(candidates.keys), 1), np.float32)
        material.saw(Looked(candidates.keys, ("age_log",), features, self.contributions))
        return candidates

    @staticmethod
    def contributions(
        features: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        return np.full((len(rows), 1), -1.0), ("age_log",)


def test_a_ranker_that_lowered_every_reason_leaves_how_it_was_found() -> None:
    engine = engine_of(None, feed={FRESH: fresh_retriever(30.0)})
    soon = replace(MINE, at=NOW + timedelta(days=4))
    assert {item.why for item in engine.answer(soon).items} == {("new this week",)}
    engine._ranker = HoldsAgainst
    said = [item.why for item in engine.answer(soon).items]
    assert said == [(f"listed {days} day{'s' * (days > 1)} ago",) for days in (1, 2, 3, 4)]


def test_what_is_popular_is_in_the_feed_of_everybody() -> None:
    popular = Popularity(2.0)
    feed = {FRESH: fresh_retriever(30.0), POPULAR: popular_retriever(popular)}
    engine = engine_of(None, feed=feed, feed_weights={POPULAR: 10.0})
    assert ids(engine, ASK) == ["id3", "id2", "id1", "id0"]
    popular.add(ListingKey(0), InteractionKind.CLICK, NOW)
    ranking = engine.answer(ASK)
    assert ranking.items[0].listing.id == "id0"
    assert "popular now" in ranking.items[0].why


def candidates(*keys: int) -> Candidates:
    n = len(keys)
    scores = np.linspace(1, 0.5, n, dtype=np.float32)
    return Candidates(np.array(keys), scores, {"fresh": np.arange(n, dtype=np.int32)})


def test_held_listings_keep_their_places() -> None:
    plain = candidates(10, 1, 11, 2, 3)
    found = held(plain, candidates(3, 2, 1, 11, 10), np.array([1, 0, 1, 0, 0], np.bool_))
    assert found.keys.tolist() == [10, 3, 11, 2, 1]
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.ranks["fresh"].tolist() == [0, 0, 2, 1, 2]


def test_held_listings_at_the_end_of_a_longer_order_close_up() -> None:
    found = held(candidates(1, 2, 3, 10), candidates(1, 10), np.array([0, 0, 0, 1], np.bool_))
    assert found.keys.tolist() == [1, 10]
    same = candidates(1, 2)
    assert held(same, candidates(2, 1), np.zeros(2, np.bool_)).keys.tolist() == [2, 1]
