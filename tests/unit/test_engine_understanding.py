"""What a query is understood to mean changes what is found and in which order."""

from dataclasses import replace

import numpy as np
import pytest

from marketrank.asking import Filters, Near, ParseKind, Sort
from marketrank.engine import Engine
from marketrank.retrieval.understand.boosting import Weights
from marketrank.retrieval.understand.categories import CategoryModel
from marketrank.retrieval.understand.reading import Reader
from marketrank.retrieval.vocabulary_build import build
from marketrank.types import Listing, ListingId, ModelVersion
from marketrank.understanding import Understanding
from small_engine import ASK, DEPTHS, Store, engine_over, ids


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def engine(store: Store) -> Engine:
    return engine_over(store)


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
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
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


def test_a_wish_that_was_misspelt_is_read_once_it_is_corrected(engine: Engine) -> None:
    view = engine._view()
    assert view is not None
    words = build(
        Listing(ListingId(f"{n}"), f"oak table number {n}", f"Anything under the sun, box {n}")
        for n in range(30)
    )
    able = understanding(engine)
    able._view = lambda: replace(view, vocabulary=words)
    ranking = able.answer(replace(ASK, text="oak tabel undre £25"))
    assert [item.listing.id for item in ranking.items] == ["id1", "id2", "id3"]
    assert [parse.value for parse in ranking.understood.parses] == ["..25"]
    assert ranking.understood.text == "oak table"
    assert ranking.corrected is not None
    assert ranking.corrected.text == "oak table under £25"
