"""Where the results of an answer are: their places with counts, for a map.

A place is a point: listings whose town was found on the map share its coordinates. Its name is
that of one of its listings, read once.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import PlaceCount
from marketrank.retrieval.catalogue import Snapshot
from marketrank.types import ListingKey, Place, Stored

COUNTED = 1_000
"""The best so many results are counted, so that a map of everything costs no more than others."""
MOST = 40
_STEPS = 20_000  # of the unit sphere's radius: 300 m
_MOST_NAMES = 50_000

Keys = NDArray[np.int64]


class Whereabouts:
    """Names and counts places. May be asked from several threads."""

    def __init__(self, read: Callable[[Sequence[ListingKey]], Mapping[ListingKey, Stored]]) -> None:
        """`read` returns listings by key."""
        self._read = read
        self._names: dict[int, Place] = {}
        self._lock = Lock()

    def of(self, catalogue: Snapshot, keys: Keys) -> tuple[PlaceCount, ...]:
        """The places of the best COUNTED `keys`, at most MOST, those with most results first, ties
        by name. Results without a place are in none."""
        keys = keys[:COUNTED]
        codes = _codes(catalogue.points(keys))
        keys, codes = keys[codes >= 0], codes[codes >= 0]
        found, first, counts = np.unique(codes, return_index=True, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:MOST]
        names = self._named(found[order], keys[first[order]])
        counted = [
            PlaceCount(names[code], n)
            for code, n in zip(found[order].tolist(), counts[order].tolist(), strict=True)
            if code in names
        ]
        return tuple(sorted(counted, key=lambda one: (-one.count, str(one.place))))

    def _named(self, codes: Keys, keys: Keys) -> Mapping[int, Place]:
        """The places of these codes, `keys` holding a listing of each."""
        with self._lock:
            if len(self._names) > _MOST_NAMES:
                self._names = {}
            names = self._names
        unknown = {
            ListingKey(key): code
            for code, key in zip(codes.tolist(), keys.tolist(), strict=True)
            if code not in names
        }
        for key, stored in (self._read(list(unknown)) if unknown else {}).items():
            place = stored.listing.place
            # It may have moved since the catalogue was read.
            if place is not None and _code_of(place) == unknown[key]:
                names[unknown[key]] = place
        return names


def _codes(points: NDArray[np.float32]) -> Keys:
    """A number for each point of the unit sphere (n, 3), equal for equal ones; -1 for none."""
    known = ~np.isnan(points[:, 0])
    x, y, z = np.where(known[:, None], np.rint((points + 1) * _STEPS), 0).astype(np.int64).T
    return np.where(known, (x << 40) | (y << 20) | z, -1)


def _code_of(place: Place) -> int:
    if place.latitude is None or place.longitude is None:
        return -1
    phi, theta = np.radians(place.latitude), np.radians(place.longitude)
    point = (np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi))
    return int(_codes(np.array([point], np.float32))[0])
