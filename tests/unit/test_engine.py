"""The engine over in-memory parts."""

from dataclasses import replace
from datetime import timedelta
from threading import current_thread

import numpy as np
import pytest

from marketrank.asking import Candidates, Filters, Hits, Near, Sort
from marketrank.engine import Engine
from marketrank.errors import BadInput, NotReady
from marketrank.feedback.experiments import Experiment, Kind
from marketrank.feedback.interleave import team_draft
from marketrank.people import Surface
from marketrank.ranking.ranker import Material, NoopRanker, Ranker, reorder
from marketrank.ranking.rerank import Rules
from marketrank.ranking.seen import SeenTable, see
from marketrank.session_facts import asked_digest
from marketrank.trials import Trials
from marketrank.tuning import PLAIN
from marketrank.types import BuyerId, ListingId, Mask
from small_engine import ASK, DEPTHS, NOW, Store, engine_over, ids


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def engine(store: Store) -> Engine:
    return engine_over(store)


def test_without_a_release_the_remedy_is_named(store: Store) -> None:
    engine = Engine(view=lambda: None, listings=store, vectors=store, depths=DEPTHS)  # type: ignore[arg-type]
    with pytest.raises(NotReady, match="marketrank index"):
        engine.answer(ASK)


def test_text_is_found_by_words_and_by_vector(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, text="oak table"))
    assert ranking.items[0].listing.id == "id0"
    assert ranking.items[0].found_by == ("text", "vector")
    assert ranking.release == "rel"
    assert ranking.request == "r"
    scores = [item.score for item in ranking.items]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("beside", [False, True])
def test_words_are_looked_up_beside_the_query_only_where_a_core_is_free(
    engine: Engine, store: Store, beside: bool
) -> None:
    view = engine._view()
    assert view is not None
    search, seen = view.text.search, list[str]()

    def watched(text: str, k: int, allowed: Mask | None = None) -> Hits:
        seen.append(current_thread().name)
        return search(text, k, allowed)

    view.text.search = watched  # type: ignore[method-assign]
    other = Engine(view=lambda: view, listings=store, vectors=store, depths=DEPTHS, beside=beside)  # type: ignore[arg-type]
    request = replace(ASK, text="oak table")
    found = other.answer(request)
    # The first looks for words, the others at what only the vectors have found.
    assert seen[0].startswith("words") == beside
    assert set(seen[1:]) <= {current_thread().name}
    assert found.items == engine.answer(request).items


def test_a_photo_is_found_by_vector_alone(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, photo=b"3"))
    assert ranking.items[0].listing.id == "id3"
    assert {item.found_by for item in ranking.items} == {("vector",)}
    assert ranking.total == DEPTHS.vector


def test_nothing_asked_is_the_feed_newest_first(engine: Engine) -> None:
    assert ids(engine, ASK) == ["id3", "id2", "id1", "id0"]
    assert ids(engine, replace(ASK, text="  ")) == ["id3", "id2", "id1", "id0"]


def test_like_a_listing_leaves_it_out(engine: Engine) -> None:
    assert ids(engine, replace(ASK, like=ListingId("id2"))) == ["id0", "id1", "id3"]
    with pytest.raises(BadInput, match="like=nobody"):
        engine.answer(replace(ASK, like=ListingId("nobody")))


def test_filters_hold_for_every_retriever(engine: Engine) -> None:
    cheap = Filters(price_high=1000)
    assert ids(engine, replace(ASK, text="oak table", filters=cheap)) == ["id1", "id3"]
    assert ids(engine, replace(ASK, filters=cheap)) == ["id3", "id1"]
    sports = Filters(category=("Sports",))
    assert ids(engine, replace(ASK, text="oak table", filters=sports)) == ["id3"]


def test_distance_filters_and_is_reported(engine: Engine) -> None:
    near = Filters(near=Near(51.0, 0.0, within_km=150))
    ranking = engine.answer(replace(ASK, text="table", filters=near))
    assert [item.listing.id for item in ranking.items] == ["id0", "id1"]
    assert ranking.items[0].distance_km == pytest.approx(0, abs=0.1)
    assert ranking.items[1].distance_km == pytest.approx(111, rel=0.01)


def test_a_sort_reorders_the_best_matches_only(engine: Engine) -> None:
    # Depth 3: the bicycle, cheapest of all, is no match for "oak table" and stays out.
    assert ids(engine, replace(ASK, text="oak table", sort=Sort.PRICE)) == ["id1", "id2", "id0"]
    assert ids(engine, replace(ASK, sort=Sort.PRICE))[0] == "id3"
    newest = ids(engine, replace(ASK, text="oak table", sort=Sort.NEWEST))
    assert newest == ["id2", "id1", "id0"]


def test_faint_matches_take_no_part_in_a_sort(store: Store, engine: Engine) -> None:
    # Scores fall from 1 to 0.5: of the words' three hits and the vectors' three, the last is faint.
    strict = Engine(
        view=engine._view,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=replace(DEPTHS, sort_floor=0.7),
    )
    oak = replace(ASK, text="oak table")
    assert ids(strict, replace(oak, sort=Sort.PRICE)) == ["id1", "id0"]
    assert ids(strict, oak) == ids(engine, oak)  # relevance keeps all: it puts them last


def test_pages_join_without_gap_or_repeat(engine: Engine) -> None:
    whole = ids(engine, ASK)
    pages = [ids(engine, replace(ASK, offset=offset, k=1)) for offset in range(5)]
    assert [one for page in pages for one in page] == whole


def test_what_ended_since_the_last_poll_is_left_out_and_the_page_stays_full(
    engine: Engine, store: Store
) -> None:
    store.ended = {3, 1}
    assert ids(engine, replace(ASK, k=2)) == ["id2", "id0"]


def test_facets_count_all_that_matched(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, k=1))
    assert [(v.value, v.count) for v in ranking.facets["category"]] == [("Home", 3), ("Sports", 1)]
    assert ranking.total == 4


def test_a_slip_is_corrected_for_words_and_vector(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, text="oak tabel"))
    assert ranking.corrected is not None
    assert (ranking.corrected.original, ranking.corrected.text) == ("oak tabel", "oak table")
    assert ranking.understood.text == "oak table"
    assert [item.listing.id for item in ranking.items][:2] == ["id0", "id1"]
    view = engine._view()
    assert view is not None and view.encoder.asked[0] == "oak table"  # type: ignore[attr-defined]


def test_a_common_word_that_no_listing_has_is_not_taken_for_a_slip(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, text="oak cable"))
    assert ranking.corrected is not None
    assert (ranking.corrected.text, ranking.corrected.certain) == ("oak table", False)
    view = engine._view()
    assert view is not None and view.encoder.asked[0] == "oak cable"  # type: ignore[attr-defined]


def test_correction_can_be_switched_off(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, text="oak tabel", spelling=False))
    assert ranking.corrected is None
    view = engine._view()
    assert view is not None and view.encoder.asked[0] == "oak tabel"  # type: ignore[attr-defined]


def test_right_words_are_not_said_to_be_corrected(engine: Engine) -> None:
    assert engine.answer(replace(ASK, text="oak table")).corrected is None
    assert engine.answer(ASK).corrected is None


def test_a_correction_that_finds_nothing_gives_way(engine: Engine) -> None:
    """Under filters that no listing with the corrected word passes."""
    view = engine._view()
    assert view is not None
    view.text.listings = {"bicycel": 3}  # type: ignore[attr-defined]
    sports = Filters(category=("Sports",))
    ranking = engine.answer(replace(ASK, text="oak tabel", filters=sports))
    assert not any("text" in item.found_by for item in ranking.items)
    view.text.listings = {"tabel": 3}  # type: ignore[attr-defined]
    ranking = engine.answer(replace(ASK, text="oak tabel", filters=sports))
    assert ranking.items[0].found_by == ("text", "vector")
    # The answer is for what was typed.
    assert (ranking.corrected, ranking.understood.text) == (None, "oak tabel")


def test_suggestions_come_from_the_release(engine: Engine, store: Store) -> None:
    assert [one.text for one in engine.suggest("oak t", 5)] == ["oak table"]
    none = Engine(view=lambda: None, listings=store, vectors=store, depths=DEPTHS)  # type: ignore[arg-type]
    with pytest.raises(NotReady):
        none.suggest("oak", 5)


# --- fusion and ranking -------------------------------------------------------------------


def test_a_ranker_has_the_last_word_on_what_is_asked_for(store: Store, engine: Engine) -> None:
    asked: list[Material] = []

    class Backwards:
        def rank(self, candidates: Candidates, material: Material) -> Candidates:
            asked.append(material)
            return candidates.take(np.arange(len(candidates.keys))[::-1])

    ranked = Engine(
        view=engine._view,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=DEPTHS,
        ranker=Backwards,
    )
    oak = replace(ASK, text="oak table")
    assert ids(ranked, oak) == ids(engine, oak)[::-1]
    assert ids(ranked, ASK) == ids(engine, ASK)[::-1]  # a feed can be learned too
    by_price = replace(oak, sort=Sort.PRICE)
    assert ids(ranked, by_price) == ids(engine, by_price)
    assert [one.surface for one in asked] == [Surface.SEARCH, Surface.FEED]


def test_an_experiment_ranks_and_is_told_to_the_log_alone(store: Store, engine: Engine) -> None:
    class Backwards:
        def rank(self, candidates: Candidates, material: Material) -> Candidates:
            return reorder(candidates, np.arange(len(candidates.keys), dtype=np.float32))

    rankers: dict[str, Ranker] = {"current": NoopRanker(), "other": Backwards()}
    arms = {"now": "current", "next": "other"}
    both = Experiment("both", Kind.INTERLEAVE, arms)
    tried = Engine(
        view=engine._view,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=DEPTHS,
        trials=Trials(lambda: [both], rankers.__getitem__, 10),
    )
    oak = replace(ASK, text="oak table", buyer=BuyerId("b"))
    found = tried.answer(oak)
    assert found.experiment == "both"
    assert [one.arm for one in found.items].count("now") in {1, 2}
    assert {one.arm for one in found.items} == {"now", "next"}
    page = tried.answer(replace(oak, offset=1, k=1))
    assert page.items == found.items[1:2]
    for request in (replace(oak, profiling=False), replace(oak, buyer=None)):
        plain = tried.answer(request)
        assert (plain.experiment, {one.arm for one in plain.items}) == ("", {""})
        assert ids(tried, request) == ids(engine, request)
    assert tried.answer(replace(oak, sort=Sort.PRICE)).experiment == ""


def test_an_experiment_interleaves_what_each_arm_would_have_shown(engine: Engine) -> None:
    """With lifts and diversity: not what its ranker put first."""

    class Backwards:
        def rank(self, candidates: Candidates, material: Material) -> Candidates:
            return reorder(candidates, np.arange(len(candidates.keys), dtype=np.float32))

    rankers: dict[str, Ranker] = {"current": NoopRanker(), "other": Backwards()}
    rules = Rules(10, 0.3, 0, 0.5, 0.0, True)  # newer ones far ahead
    oak = replace(ASK, text="oak table", buyer=BuyerId("b"), at=NOW + timedelta(days=4))

    def over(ranker: Ranker, *trials: Trials) -> Engine:
        return Engine(
            view=engine._view,
            listings=engine._finder._listings,
            vectors=engine._finder._vectors,
            depths=DEPTHS,
            tuning=replace(PLAIN, rerank=rules),
            ranker=lambda: ranker,
            trials=trials[0] if trials else None,
        )

    alone = {name: ids(over(ranker), oak) for name, ranker in rankers.items()}
    assert alone["current"] != ids(engine, oak)  # the rules do something
    assert alone["current"] != alone["other"]
    arms = {"now": "current", "next": "other"}
    for salt in "abcdef":
        both = Experiment("both", Kind.INTERLEAVE, arms, salt=salt)
        tried = over(NoopRanker(), Trials(lambda: [both], rankers.__getitem__, 10))  # noqa: B023
        items = tried.answer(oak).items
        seed = f"{salt}\0b\0{asked_digest(oak)}"
        order, whose = team_draft({arm: alone[name] for arm, name in arms.items()}, seed)
        assert tuple(one.listing.id for one in items) == order
        assert tuple(one.arm for one in items) == whose


def test_a_ranker_sees_words_vectors_and_listings(engine: Engine) -> None:
    seen: list[Material] = []

    class Looking:
        def rank(self, candidates: Candidates, material: Material) -> Candidates:
            seen.append(material)
            return candidates

    looking = Engine(
        view=engine._view,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=DEPTHS,
        ranker=Looking,
    )
    looking.answer(replace(ASK, text="oak table"))
    material = seen[0]
    assert material.asked().stems == ("oak", "table")
    titles = [see(title, "", "", str.split) for title in ("bicycle", "oak table")]
    found_titles = material.seen(np.array([3, 0])).titles
    assert found_titles.tolist() == SeenTable.of(titles).titles.tolist()
    found = material.vectors_of(np.array([2, 1]))
    assert found is not None
    assert found.argmax(axis=1).tolist() == [2, 1]
    vector = np.eye(4, dtype=np.float32)[[2]]
    assert material.near(vector, np.array([0, 2])).argmax() == 1


def test_the_fusion_is_the_one_that_is_set(engine: Engine) -> None:
    by_ranks = Engine(
        view=engine._view,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=replace(DEPTHS, fusion="reciprocal_rank"),
    )
    scores = [
        one.answer(replace(ASK, text="oak table")).items[0].score for one in (engine, by_ranks)
    ]
    assert scores[1] == pytest.approx(2 / 61)
    assert scores[0] > 0.9


def test_listings_are_prepared_ahead_and_each_once(engine: Engine) -> None:
    found = [engine.look_ahead(2) for _ in range(20)]
    live = sum(found)
    assert live > 2
    assert found == sorted(found, reverse=True)  # twos, a rest, and then nothing is left
    assert found[-1] == 0
    assert (
        Engine(
            view=lambda: None, listings=engine._finder._listings, vectors=Store(), depths=DEPTHS
        ).look_ahead(9)
        == 0
    )  # type: ignore[arg-type]
