"""Signals, similar listings, words about a thing, and reordering."""

from dataclasses import replace

import pytest

from marketrank.asking import Hits, Request, Sort
from marketrank.engine import Engine
from marketrank.retrieval.follow import View
from marketrank.tuning import PLAIN, Refine
from marketrank.types import ListingId, ListingKey, Mask, SellerId
from small_engine import ASK, ODD, Store, engine_over, hits, ids, tuned, with_attributes


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def engine(store: Store) -> Engine:
    return engine_over(store)


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
