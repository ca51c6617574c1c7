"""Advice on drafts, over four listings and fakes of model and index."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from marketrank.errors import BadInput, NotReady
from marketrank.listings.images import clean_photo
from marketrank.listings.places import Gazetteer
from marketrank.models.labels import Labels
from marketrank.models.price_interval import PriceRange
from marketrank.pipelines.drafts import Draft, Drafter
from marketrank.pipelines.ingest import Cleaning
from marketrank.types import Listing, ListingKey, ModelVersion, Money, Signal, Vectors
from small_engine import LISTINGS, NOW, Store, engine_over, with_attributes
from small_market import draw

VERSION = ModelVersion("small")
CLEANING = Cleaning(Gazetteer.load("GB"), "GBP", "GB", keep_original=False)


class Model:
    """Nine in ten likely to be Home; like the first listing; worth £100."""

    labels = Labels((("Home",), ("Sports",)), 1)

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder
        self.seen: list[int] = []
        self.priced: list[Listing] = []

    def study(self, listing: Listing, photos: list[bytes]) -> tuple[Vectors, Vectors]:
        self.seen.append(len(photos))
        return np.array([[0.9, 0.1]], np.float32), np.eye(4, dtype=np.float32)[[0]]

    def price_range(self, listing: Listing) -> PriceRange:
        self.priced.append(listing)
        return PriceRange(Money(80000, "GBP"), Money(30000, "GBP"), Money(90000, "GBP"), 0.8)


class VectorTable:
    def known(self, version: ModelVersion, keys: list[ListingKey]) -> dict[ListingKey, str]:
        return {key: "" for key in keys if key != 2}

    def vectors_of(self, version: ModelVersion, keys: list[ListingKey]) -> Vectors:
        return np.eye(4, dtype=np.float32)[keys]


class Bench:
    """A drafter and what it is made of."""

    def __init__(self) -> None:
        self.store = Store()
        engine = engine_over(self.store)
        self.view = engine._view()
        assert self.view is not None
        self.model = Model(self.view.encoder)
        self.drafter = Drafter(
            cast(Any, self),
            view=lambda: self.view,
            listings=cast(Any, self),
            vectors=cast(Any, VectorTable()),
            cleaning=lambda: CLEANING,
            clean_photo=lambda data: clean_photo(
                data, final_size=448, max_bytes=10**7, max_pixels=10**7
            ),
        )

    def current(self) -> tuple[ModelVersion, Model]:
        return VERSION, self.model

    def get_by_key(self, keys: list[ListingKey]) -> Any:
        found = self.store.get_by_key(keys)
        homes = {key: ("Home", "Tables" if key < 2 else "Chairs") for key in (0, 1, 2)}
        return {
            key: replace(one, listing=replace(one.listing, category=homes.get(key, ("Sports",))))
            for key, one in found.items()
        }

    def advise(self, *photos: bytes, **values: str) -> Any:
        return self.drafter.advise(Draft(values, photos, NOW))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_models_root_and_the_neighbours_path(bench: Bench) -> None:
    found = bench.advise(title="oak table in good condition")
    first, second = found.categories  # chairs are too far away to count
    assert (first.path, second.path) == (("Home", "Tables"), ("Sports",))
    assert (first.probability, second.probability) == pytest.approx((0.9, 0.1), abs=0.02)
    assert (found.model, found.release) == (VERSION, "rel")
    assert bench.model.priced[0].category == ("Home", "Tables")
    assert found.price.share == 0.8


def test_a_category_that_is_given_prices_it(bench: Bench) -> None:
    bench.advise(title="oak table", category="Sports / Camping")
    assert bench.model.priced[0].category == ("Sports", "Camping")


def test_what_is_live_and_what_has_ended(bench: Bench) -> None:
    found = bench.advise(title="oak table in good condition")
    assert [one.listing.id for one in found.live] == ["id0", "id1", "id2", "id3"]
    assert found.sold == ()
    catalogue = with_attributes(engine_over(Store()), {n: {"live": False} for n in (1, 2, 3)})
    bench.view = catalogue._view()
    found = bench.advise(title="oak table in good condition")
    assert [one.listing.id for one in found.live] == ["id0"]
    assert [one.listing.id for one in found.sold] == ["id1"]  # 2 has no vector, 3 is sport


def test_warnings_of_repeats_contacts_and_low_prices(bench: Bench) -> None:
    found = bench.advise(title="oak table", price="£5", description="ring 0117 496 0123")
    signals = {one.signal: one for one in found.warnings}
    assert set(signals) == {Signal.CONTACT_IN_TEXT, Signal.PRICE_LOW}
    assert "ask about £800" in signals[Signal.PRICE_LOW].reason
    assert "0117" not in found.listing.description
    (repeat,) = bench.advise(title="oak table").warnings
    assert (repeat.signal, repeat.others) == (Signal.DUPLICATE, ("id0",))


def test_photos_that_cannot_be_used_are_named(bench: Bench) -> None:
    found = bench.advise(draw("#a5713d"), b"no photo", title="oak table")
    assert [one.problem[:11] for one in found.photos] == ["", "the content"]
    assert (found.photos[0].width, bench.model.seen) == (448, [1])


def test_a_photo_alone_will_do(bench: Bench) -> None:
    found = bench.advise(draw("#a5713d"))
    assert (found.listing.title, found.title[0].code) == ("", "missing")
    for empty in ((), (b"no photo",)):
        with pytest.raises(BadInput, match="draft is empty"):
            bench.advise(*empty)


def test_another_encoder_than_the_models_makes_the_vector(bench: Bench) -> None:
    class Other:
        version = ModelVersion("other")

    bench.model.encoder = Other()
    assert bench.advise(title="oak table").live[0].listing.id == LISTINGS[0].id


def test_before_the_first_release(bench: Bench) -> None:
    bench.view = None
    with pytest.raises(NotReady, match="marketrank index"):
        bench.advise(title="oak table")


def test_a_look_takes_no_model_and_no_index(bench: Bench) -> None:
    bench.view = None
    values = {"title": "table", "description": "Call 07700 900123"}
    found = bench.drafter.look(Draft(values, (draw("#000000"), b"no photo"), NOW))
    assert bench.model.seen == []
    assert [one.code for one in found.title] == ["too_short"]
    assert [one.signal for one in found.warnings] == [Signal.CONTACT_IN_TEXT]
    assert "[tel]" in found.listing.description
    assert found.photos[0].width == 448
    assert found.photos[1].problem
    with pytest.raises(BadInput, match="the draft is empty"):
        bench.drafter.look(Draft({}, (b"no photo",), NOW))
