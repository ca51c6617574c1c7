"""The engine over in-memory parts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.engine import Depths, Engine, Understanding
from marketrank.errors import BadInput, NotReady
from marketrank.ranking.features import see
from marketrank.ranking.ranker import Material
from marketrank.retrieval.catalogue import Catalogue
from marketrank.retrieval.completion import Completer
from marketrank.retrieval.follow import View
from marketrank.retrieval.understand.boosting import Weights
from marketrank.retrieval.understand.categories import CategoryModel
from marketrank.retrieval.understand.reading import Reader
from marketrank.retrieval.vocabulary_build import build
from marketrank.tuning import PLAIN, Refine
from marketrank.types import (
    Attributes,
    Candidates,
    Filters,
    Finding,
    Hits,
    Listing,
    ListingId,
    ListingKey,
    Mask,
    ModelVersion,
    Money,
    Near,
    ParseKind,
    Place,
    ReleaseId,
    Request,
    RequestId,
    SellerId,
    Seq,
    Signal,
    Sort,
    Stored,
    Vectors,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEPTHS = Depths(text=100, vector=3, sort=3, sort_floor=0.0, fusion_k=60, fusion="confidence")
ASK = Request(RequestId("r"), NOW)
ODD = Finding(Signal.PRICE_LOW, "The price is £10; others like it ask about £90.")


def listing(n: int, title: str, pounds: int, latitude: float) -> Listing:
    place = Place("Town", latitude=latitude, longitude=0.0)
    return Listing(ListingId(f"id{n}"), title, price=Money(pounds * 100, "GBP"), place=place)


LISTINGS = [
    listing(0, "oak table", 30, 51.0),
    listing(1, "pine table", 10, 52.0),
    listing(2, "oak chair", 20, 53.0),
    listing(3, "bicycle", 5, 54.0),
]


class Words:
    """Counts the words that a title shares with the query. `listings` have further words."""

    def __init__(self) -> None:
        self.listings: dict[str, int] = {}

    def search(self, text: str, k: int, allowed: Mask | None = None) -> Hits:
        words = set(text.split())
        shared = [len(words & set(one.title.split())) for one in LISTINGS]
        for word in words & set(self.listings):
            shared[self.listings[word]] += 1
        found = [n for n, count in enumerate(shared) if count and _allows(allowed, n)]
        found.sort(key=lambda n: (-shared[n], n))
        return hits(found[:k])

    def occurs(self, word: str) -> bool:
        return any(word in one.title.split() for one in LISTINGS)

    def weights(self, text: str) -> dict[str, float]:
        return {"all": 1.0}  # `hits` gives the best a score of 1

    def stems(self, text: str) -> list[str]:
        return text.split()


class Vectors4:
    """Vectors are one-hot by key: nearest to key n is n, then the others in order."""

    def search(self, query: Vectors, k: int, allowed: Mask | None = None) -> Hits:
        best = int(query.argmax())
        order = [best, *(n for n in range(4) if n != best)]
        return hits([n for n in order if _allows(allowed, n)][:k])

    def vectors_of(self, keys: NDArray[np.int64]) -> Vectors:
        return np.eye(4, dtype=np.float32)[keys]


class Titles:
    version = ModelVersion("fake")
    dim = 4

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_listings(self, texts: Sequence[str], photos: object) -> Vectors:
        return np.eye(4, dtype=np.float32)[[0]]

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        self.asked.append(text)
        shown = np.eye(4, dtype=np.float32)[[int(photo) if photo else 0]]
        return shown if photo or text != "bicycle" else np.eye(4, dtype=np.float32)[[3]]


class Store:
    def __init__(self) -> None:
        self.ended: set[int] = set()
        self.young: set[int] = set()

    def get(self, ids: Sequence[ListingId]) -> dict[ListingId, Stored]:
        by_id = {one.id: ListingKey(key) for key, one in enumerate(LISTINGS)}
        return {id_: self.get_by_key([by_id[id_]])[by_id[id_]] for id_ in ids}

    def get_by_key(self, keys: Sequence[ListingKey]) -> dict[ListingKey, Stored]:
        live = {key: key not in self.ended for key in keys}
        odd = {key: (ODD,) if key == 1 else () for key in keys}
        return {key: Stored(LISTINGS[key], key, Seq(1), live[key], NOW, odd[key]) for key in keys}

    def vector(self, version: ModelVersion, key: ListingKey) -> Vectors | None:
        if key in self.young:
            return None
        return np.eye(4, dtype=np.float32)[[key]]

    def vectors_of(self, version: ModelVersion, keys: Sequence[ListingKey]) -> Vectors:
        return np.eye(4, dtype=np.float32)[list(keys)]


def _allows(allowed: Mask | None, key: int) -> bool:
    return allowed is None or (key < len(allowed) and bool(allowed[key]))


def hits(keys: Sequence[int]) -> Hits:
    scores = np.linspace(1, 0.5, len(keys), dtype=np.float32)
    return Hits(np.array(keys, np.int64), scores)


def attributes() -> list[Attributes]:
    return [
        Attributes(
            ListingKey(n),
            one.id,
            Seq(n + 1),
            True,
            ("Home",) if n < 3 else ("Sports",),
            one.price.minor if one.price else None,
            one.place.latitude if one.place else None,
            0.0,
            NOW + timedelta(days=n),
        )
        for n, one in enumerate(LISTINGS)
    ]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def engine(store: Store) -> Engine:
    catalogue = Catalogue()
    catalogue.apply(attributes())
    vocabulary = build(
        replace(one, id=ListingId(f"{n} {one.id}"), description=f"Number {n}")
        for one in LISTINGS
        for n in range(5)
    )
    view = View(
        ReleaseId("rel"),
        Titles(),
        catalogue.snapshot(),
        Words(),
        Vectors4(),
        vocabulary=vocabulary,
        completer=Completer(vocabulary),
    )
    return Engine(view=lambda: view, listings=store, vectors=store, depths=DEPTHS)  # type: ignore[arg-type]


def tuned(engine: Engine, **changes: object) -> Engine:
    return Engine(
        view=engine._view,
        listings=engine._listings,
        vectors=engine._vectors,
        depths=replace(DEPTHS, vector=4),
        tuning=replace(PLAIN, **changes),  # type: ignore[arg-type]
    )


def with_attributes(engine: Engine, changes: Mapping[int, Mapping[str, object]]) -> Engine:
    """The same marketplace, where some listings have other attributes."""
    view = engine._view()
    assert view is not None
    catalogue = Catalogue()
    catalogue.apply(
        [replace(one, **changes.get(key, {})) for key, one in enumerate(attributes())]  # type: ignore[arg-type]
    )
    other = replace(view, catalogue=catalogue.snapshot())
    return Engine(
        view=lambda: other,
        listings=engine._listings,
        vectors=engine._vectors,
        depths=replace(DEPTHS, vector=4),
        tuning=engine._tuning,
    )


def ids(engine: Engine, request: Request) -> list[str]:
    return [item.listing.id for item in engine.answer(request).items]


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
        listings=engine._listings,
        vectors=engine._vectors,
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


# --- understanding -----------------------------------------------------------------------

WEIGHTS = Weights(near=1.0, near_km=20, price=1.0, words=1.0, category=1.0)
# It takes every query for a thing of sports.
SPORTS = CategoryModel(
    ModelVersion("fake"),
    4,
    (("Home",), ("Sports",)),
    np.array([[0, 5]] * 4 + [[0, 0]], np.float32),
    1.0,
    {"home": ("Home",)},
)


def understanding(
    engine: Engine,
    weights: Weights = WEIGHTS,
    confidence: float = 0.9,
    categories: CategoryModel | None = None,
) -> Engine:
    view = engine._view()
    assert view is not None
    north = Near(53.0, 0.0, label="North")
    reader = Reader("GBP", lambda name: north if name == "North" else None)
    return Engine(
        view=lambda: replace(view, categories=categories),
        listings=engine._listings,
        vectors=engine._vectors,
        depths=replace(DEPTHS, vector=4, fusion="reciprocal_rank"),
        understanding=Understanding(reader, weights, confidence),
    )


def test_a_parsed_price_filters_and_its_words_are_not_looked_for(engine: Engine) -> None:
    ask = replace(ASK, text="oak table under £25")
    ranking = understanding(engine).answer(ask)
    assert [item.listing.id for item in ranking.items] == ["id1", "id2", "id3"]
    assert ranking.understood.text == "oak table"
    assert [parse.value for parse in ranking.understood.parses] == ["..25"]
    taken_back = understanding(engine).answer(replace(ask, ignore=(ParseKind.PRICE,)))
    assert taken_back.items[0].listing.id == "id0"
    assert taken_back.understood.text == "oak table under £25"
    assert taken_back.understood.parses == ()


def test_without_an_understanding_a_query_is_words(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, text="oak table under £25"))
    assert ranking.items[0].listing.id == "id0"
    assert ranking.understood.text == "oak table under £25"
    assert ranking.understood.parses == ()


def test_a_place_in_words_lifts_what_is_near_and_shows_distances(engine: Engine) -> None:
    assert ids(understanding(engine), replace(ASK, text="oak"))[0] == "id0"
    ranking = understanding(engine).answer(replace(ASK, text="oak near North"))
    assert ranking.items[0].listing.id == "id2"
    assert ranking.items[0].distance_km == pytest.approx(0, abs=0.1)
    assert ranking.total == 4  # nothing is excluded
    plain = understanding(engine, replace(WEIGHTS, near=0.0))
    assert ids(plain, replace(ASK, text="oak near North"))[0] == "id0"


def test_a_place_of_the_request_lifts_as_well_but_not_in_the_feed(engine: Engine) -> None:
    near = Filters(near=Near(53.0, 0.0))
    assert ids(understanding(engine), replace(ASK, text="oak", filters=near))[0] == "id2"
    assert ids(understanding(engine), replace(ASK, filters=near)) == ["id3", "id2", "id1", "id0"]


def test_cheap_lifts_the_cheaper(engine: Engine) -> None:
    assert ids(understanding(engine), replace(ASK, text="cheap table")) == [
        "id1", "id0", "id3", "id2",
    ]  # fmt: skip
    assert ids(understanding(engine), replace(ASK, text="table"))[0] == "id0"


def test_a_likely_category_lifts_and_is_shown_where_it_is_sure(engine: Engine) -> None:
    plain = ids(understanding(engine), replace(ASK, text="oak"))
    sporty = understanding(engine, categories=SPORTS).answer(replace(ASK, text="oak"))
    position = [item.listing.id for item in sporty.items].index(ListingId("id3"))
    assert position < plain.index("id3")
    [parse] = sporty.understood.parses
    assert (parse.kind, parse.value, parse.words, parse.hard) == (
        "category", "Sports", "oak", False,
    )  # fmt: skip
    unsure = understanding(engine, confidence=1.0, categories=SPORTS)
    assert unsure.answer(replace(ASK, text="oak")).understood.parses == ()


def test_a_category_is_not_guessed_where_it_is_taken_back_or_there_are_no_words(
    engine: Engine,
) -> None:
    sporty = understanding(engine, categories=SPORTS)
    taken_back = sporty.answer(replace(ASK, text="oak", ignore=(ParseKind.CATEGORY,)))
    assert taken_back.understood.parses == ()
    assert taken_back.understood.boosts.categories == {}
    assert sporty.answer(replace(ASK, photo=b"1")).understood.parses == ()
    assert sporty.answer(replace(ASK, text="under £25")).understood.boosts.categories == {}


def test_a_sort_reorders_what_was_lifted(engine: Engine) -> None:
    lifting = understanding(engine)
    lifting._depths = replace(lifting._depths, sort=1)
    sort = replace(ASK, text="oak near North", sort=Sort.PRICE)
    assert ids(lifting, sort) == ["id2"]


# --- signals, similar listings, words about a thing, reordering ------------------------------


def test_signals_come_with_the_results(engine: Engine) -> None:
    items = engine.answer(replace(ASK, text="table")).items
    assert {item.listing.id: item.findings for item in items}["id1"] == (ODD,)
    assert not any(item.findings for item in items if item.listing.id != "id1")


def test_similar_listings_by_category_and_price(engine: Engine) -> None:
    like = replace(ASK, like=ListingId("id3"))
    sports = with_attributes(engine, {2: {"category": ("Sports",)}})
    assert ids(sports, like) == ["id0", "id1", "id2"]
    wide = replace(PLAIN.similar, category=1.0)
    assert ids(tuned(sports, similar=wide), like) == ["id2", "id0", "id1"]
    # £5 like £10 rather than £20 or £30.
    assert ids(tuned(engine, similar=replace(PLAIN.similar, price=2.0)), like)[0] == "id1"


def test_a_repeat_of_a_listing_is_not_similar_to_it(engine: Engine) -> None:
    like = replace(ASK, like=ListingId("id2"))
    repeated = with_attributes(engine, {3: {"repeats": ListingKey(2)}})
    assert ids(repeated, like) == ["id0", "id1"]
    siblings = with_attributes(
        engine, {2: {"repeats": ListingKey(1)}, 3: {"repeats": ListingKey(1)}}
    )
    assert ids(siblings, like) == ["id0"]
    # The vectors of all four are at right angles, so nothing is as near as that.
    assert ids(tuned(engine, similar=replace(PLAIN.similar, same=0.0)), like) == []


def test_an_ended_listing_has_similar_ones(engine: Engine) -> None:
    gone = with_attributes(engine, {2: {"live": False}})
    assert ids(gone, replace(ASK, like=ListingId("id2"))) == ["id0", "id1", "id3"]


def test_a_listing_without_a_vector_is_looked_for_by_its_words(
    engine: Engine, store: Store
) -> None:
    store.young = {3}
    assert ids(engine, replace(ASK, like=ListingId("id3")))  # the title "bicycle" has a vector
    store.young = set()


def test_words_about_a_photo_choose_among_things_like_it(engine: Engine) -> None:
    photo = replace(ASK, photo=b"3", text="oak")
    both = tuned(engine, refine=Refine(share=0.2, depth=2))
    # The photo shows the bicycle; of the two best matches, id3 and id0, one is of oak.
    found = both.answer(photo).items
    assert [item.listing.id for item in found if "text" in item.found_by] == ["id0"]
    deeper = tuned(engine, refine=Refine(share=0.2, depth=4)).answer(photo).items
    assert {item.listing.id for item in deeper if "text" in item.found_by} == {"id0", "id2"}


def test_the_share_of_words_in_a_photo_s_query(engine: Engine) -> None:
    photo = replace(ASK, photo=b"2", text="bicycle")
    little = tuned(engine, refine=Refine(share=0.1, depth=1))
    much = tuned(engine, refine=Refine(share=0.9, depth=1))
    assert ids(little, photo)[0] == "id2"
    assert ids(much, photo)[0] == "id3"


def test_words_about_a_listing_refine_it(engine: Engine) -> None:
    like = replace(ASK, like=ListingId("id0"), text="bicycle")
    much = tuned(engine, refine=Refine(share=0.9, depth=4))
    assert ids(much, like)[0] == "id3"
    assert "id0" not in ids(much, like)


def test_results_are_reordered_and_pages_join(engine: Engine) -> None:
    one_seller = {n: {"seller": SellerId("s")} for n in (0, 1, 2)}
    sellers = with_attributes(engine, one_seller)
    ask = replace(ASK, text="oak table")
    capped = tuned(sellers, rerank=replace(PLAIN.rerank, window=4, seller_cap=1))
    assert ids(sellers, ask) == ["id0", "id1", "id2", "id3"]
    assert ids(capped, ask) == ["id0", "id3", "id1", "id2"]
    pages = [ids(capped, replace(ask, offset=offset, k=1)) for offset in range(5)]
    assert [one for page in pages for one in page] == ids(capped, ask)
    # The window is what is reordered: with 3, the bicycle stays where it was.
    small = tuned(sellers, rerank=replace(PLAIN.rerank, window=3, seller_cap=1))
    assert ids(small, ask) == ["id0", "id1", "id2", "id3"]
    # Other orders, and a feed of the newest alone, are left as they are.
    assert ids(capped, replace(ask, sort=Sort.PRICE)) == ids(sellers, replace(ask, sort=Sort.PRICE))
    assert ids(capped, ASK) == ["id3", "id2", "id1", "id0"]


def test_repeats_stand_behind_the_first(engine: Engine) -> None:
    twins = with_attributes(engine, {1: {"repeats": ListingKey(0)}})
    collapsing = tuned(twins, rerank=replace(PLAIN.rerank, window=4, collapse_repeats=True))
    ranking = collapsing.answer(replace(ASK, text="oak table"))
    assert [item.listing.id for item in ranking.items] == ["id0", "id2", "id3"]
    assert [item.repeats for item in ranking.items] == [("id1",), (), ()]
    assert ranking.total == 3


def test_the_feed_is_what_its_retrievers_find(engine: Engine) -> None:
    def favourite(view: View, request: Request, k: int, allowed: Mask) -> Hits:
        return hits([0])

    both = tuned(engine, feed={**PLAIN.feed, "favourite": favourite})
    first = both.answer(ASK).items[0]
    assert (first.listing.id, first.found_by) == ("id0", ("fresh", "favourite"))


def test_a_slip_is_corrected_for_words_and_vector(engine: Engine) -> None:
    ranking = engine.answer(replace(ASK, text="oak tabel"))
    assert ranking.corrected is not None
    assert (ranking.corrected.original, ranking.corrected.text) == ("oak tabel", "oak table")
    assert [item.listing.id for item in ranking.items][:2] == ["id0", "id1"]
    view = engine._view()
    assert view is not None and view.encoder.asked[0] == "oak table"  # type: ignore[attr-defined]


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
        listings=engine._listings,
        vectors=engine._vectors,
        depths=DEPTHS,
        ranker=Backwards,
    )
    oak = replace(ASK, text="oak table")
    assert ids(ranked, oak) == ids(engine, oak)[::-1]
    assert ids(ranked, ASK) == ids(engine, ASK)  # nothing asked: nothing to rank by
    by_price = replace(oak, sort=Sort.PRICE)
    assert ids(ranked, by_price) == ids(engine, by_price)
    assert len(asked) == 1


def test_a_ranker_sees_words_vectors_and_listings(engine: Engine) -> None:
    seen: list[Material] = []

    class Looking:
        def rank(self, candidates: Candidates, material: Material) -> Candidates:
            seen.append(material)
            return candidates

    looking = Engine(
        view=engine._view,
        listings=engine._listings,
        vectors=engine._vectors,
        depths=DEPTHS,
        ranker=Looking,
    )
    looking.answer(replace(ASK, text="oak table"))
    material = seen[0]
    assert material.asked().stems == ("oak", "table")
    assert [one.title.tolist() for one in material.seen(np.array([3, 0]))] == [
        see(title, "", "", str.split).title.tolist() for title in ("bicycle", "oak table")
    ]
    found = material.vectors_of(np.array([2, 1]))
    assert found is not None
    assert found.argmax(axis=1).tolist() == [2, 1]
    vector = np.eye(4, dtype=np.float32)[[2]]
    assert material.near(vector, np.array([0, 2])).argmax() == 1


def test_the_fusion_is_the_one_that_is_set(engine: Engine) -> None:
    by_ranks = Engine(
        view=engine._view,
        listings=engine._listings,
        vectors=engine._vectors,
        depths=replace(DEPTHS, fusion="reciprocal_rank"),
    )
    scores = [
        one.answer(replace(ASK, text="oak table")).items[0].score for one in (engine, by_ranks)
    ]
    assert scores[1] == pytest.approx(2 / 61)
    assert scores[0] > 0.9
