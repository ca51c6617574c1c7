from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from marketrank.asking import PlaceCount
from marketrank.retrieval.catalogue import Catalogue
from marketrank.types import Attributes, Listing, ListingId, ListingKey, Place, Seq, Stored
from marketrank.whereabouts import COUNTED, MOST, Whereabouts

AT = datetime(2026, 3, 14, tzinfo=UTC)
LEEDS = Place("Leeds", "West Yorkshire", "GB", 53.7965, -1.5478)
BATH = Place("Bath", "Somerset", "GB", 51.3779, -2.3591)


class Shop:
    """Listings at places, by key; counts how many are read."""

    def __init__(self, places: Sequence[Place | None]) -> None:
        self.places = list(places)
        self.read = 0
        self.catalogue = Catalogue()
        self.catalogue.apply(
            [
                Attributes(
                    ListingKey(key),
                    ListingId(f"l{key}"),
                    Seq(key + 1),
                    True,
                    (),
                    None,
                    place and place.latitude,
                    place and place.longitude,
                    AT,
                )
                for key, place in enumerate(places)
            ]
        )
        self.whereabouts = Whereabouts(self._get)

    def _get(self, keys: Sequence[ListingKey]) -> Mapping[ListingKey, Stored]:
        self.read += len(keys)
        return {
            key: Stored(
                Listing(ListingId(f"l{key}"), "Thing", place=self.places[key]),
                key,
                Seq(key + 1),
                True,
                AT,
            )
            for key in keys
        }

    def of(self, keys: Sequence[int]) -> tuple[PlaceCount, ...]:
        return self.whereabouts.of(self.catalogue.snapshot(), np.array(keys, np.int64))


def test_results_are_counted_by_place() -> None:
    shop = Shop([LEEDS, BATH, None, LEEDS, BATH, LEEDS])
    assert shop.of(range(6)) == (PlaceCount(LEEDS, 3), PlaceCount(BATH, 2))
    assert shop.of([1, 4, 2]) == (PlaceCount(BATH, 2),)
    assert shop.of([]) == ()
    assert shop.read == 2  # each name once


def test_only_the_best_are_counted_and_the_largest_told() -> None:
    shop = Shop([BATH, *[LEEDS] * COUNTED])
    assert shop.of([*range(1, COUNTED + 1), 0]) == (PlaceCount(LEEDS, COUNTED),)
    many = Shop([Place(f"Town {n}", None, "GB", 50 + n / 10, -1) for n in range(MOST + 5)])
    assert len(many.of(range(MOST + 5))) == MOST


def test_a_listing_that_has_moved_names_no_other_place() -> None:
    shop = Shop([LEEDS, LEEDS])
    shop.places[0] = BATH
    assert shop.of([0, 1]) == ()
    shop.places[0] = LEEDS
    assert shop.of([0, 1]) == (PlaceCount(LEEDS, 2),)
