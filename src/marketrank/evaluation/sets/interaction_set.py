"""An interaction set: who had to do with which listing, and when, as a folder of CSV files.

    listings.csv   listing_id, title, category; further columns are read over
    events.csv     buyer_id, listing_id, at, kind
    buyers.csv     buyer_id and any attributes; may be missing

Ids are compared as they are written. What cannot be used is counted with its reason (`Dropped`).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketrank.evaluation.sets.csv_rows import rows

BUYERS, LISTINGS, EVENTS = "buyers.csv", "listings.csv", "events.csv"
Ints = NDArray[np.int64]
_HOLDS = f"an interaction set holds {LISTINGS}, {EVENTS} and {BUYERS}"
_AGAINST = frozenset({"hide", "report"})
# Seconds, milliseconds and microseconds since 1970, by how large a number is.
_EPOCHS = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6))


@dataclass(frozen=True, slots=True)
class Dropped:
    """Rows that were left out, by reason: counts."""

    incomplete_events: int = 0
    unparsable_times: int = 0
    events_of_unknown_listings: int = 0
    hides_and_reports: int = 0
    repeated_pairs: int = 0
    """Events after the first of the same buyer and listing."""
    repeated_listings: int = 0
    repeated_buyers: int = 0
    rows_without_id: int = 0
    buyers_without_events: int = 0


@dataclass(frozen=True, eq=False)
class InteractionSet:
    """Buyers with events and all listings, each sorted by id. `buyer`, `listing` and `at` (events,)
    are places in these and seconds since 1970, of the first event of each pair, sorted by buyer,
    time and listing. `attributes` has a mapping for each buyer, empty for one without a row."""

    name: str
    buyers: tuple[str, ...]
    listings: tuple[str, ...]
    titles: tuple[str, ...]
    categories: tuple[str, ...]
    attributes: tuple[Mapping[str, str], ...]
    buyer: Ints
    listing: Ints
    at: Ints
    read: int
    """Rows of events.csv."""
    dropped: Dropped


def read(folder: Path) -> InteractionSet:
    """Raises BadInput where a file or a column is missing or a file is no CSV."""
    count: Counter[str] = Counter()
    listings = _listings(folder / LISTINGS, count)
    known = _buyers(folder / BUYERS, count) if (folder / BUYERS).exists() else {}
    ids = tuple(sorted(listings))
    place = {id: row for row, id in enumerate(ids)}
    who: list[str] = []
    what: list[int] = []
    when: list[int] = []
    for buyer, listing, at in _events(folder / EVENTS, place, count):
        who.append(buyer)
        what.append(listing)
        when.append(at)
    buyers = tuple(sorted(set(who)))
    number = {id: row for row, id in enumerate(buyers)}
    count["buyers_without_events"] = len(known.keys() - number.keys())
    events = np.array([[number[id] for id in who], what, when], np.int64).reshape(3, -1)
    first = _first_of_pairs(events, len(ids))
    count["repeated_pairs"] = events.shape[1] - first.shape[1]
    return InteractionSet(
        name=folder.resolve().name,
        buyers=buyers,
        listings=ids,
        titles=tuple(listings[id][0] for id in ids),
        categories=tuple(listings[id][1] for id in ids),
        attributes=tuple(known.get(id, {}) for id in buyers),
        buyer=first[0],
        listing=first[1],
        at=first[2],
        read=count.pop("read"),
        dropped=Dropped(**count),
    )


@lru_cache(maxsize=100_000)
def parse_at(text: str) -> int | None:
    """Seconds since 1970 of ISO 8601 (UTC where it names no zone), of a date, or of seconds,
    milliseconds or microseconds since 1970; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            return None
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time
        return int(time.timestamp())
    for below, unit in _EPOCHS:
        if abs(number) < below:
            return int(number * unit)
    return None


def _first_of_pairs(events: Ints, listings: int) -> Ints:
    """(3, events), sorted by buyer, time and listing."""
    buyer, listing, at = events
    events = events[:, np.lexsort((listing, at, buyer))]
    _, first = np.unique(events[0] * max(listings, 1) + events[1], return_index=True)
    first.sort()
    return events[:, first]


def _listings(path: Path, count: Counter[str]) -> dict[str, tuple[str, str]]:
    """Title and category by id; the first row of an id is kept."""
    found: dict[str, tuple[str, str]] = {}
    for _, row in rows(path, ("listing_id", "title", "category"), _HOLDS):
        id = row["listing_id"]
        if not id:
            count["rows_without_id"] += 1
        elif id in found:
            count["repeated_listings"] += 1
        else:
            found[id] = (row["title"], row["category"])
    return found


def _buyers(path: Path, count: Counter[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for _, row in rows(path, ("buyer_id",), _HOLDS):
        id = row.pop("buyer_id")
        if not id:
            count["rows_without_id"] += 1
        elif id in found:
            count["repeated_buyers"] += 1
        else:
            found[id] = row
    return found


def _events(
    path: Path, listings: Mapping[str, int], count: Counter[str]
) -> Iterator[tuple[str, int, int]]:
    """Buyer, place of the listing and time of each event that can be used."""
    count["read"] = 0
    for _, row in rows(path, ("buyer_id", "listing_id", "at", "kind"), _HOLDS):
        count["read"] += 1
        buyer, listing, at = row["buyer_id"], row["listing_id"], parse_at(row["at"])
        if not buyer or not listing:
            count["incomplete_events"] += 1
        elif at is None:
            count["unparsable_times"] += 1
        elif listing not in listings:
            count["events_of_unknown_listings"] += 1
        elif row["kind"].lower() in _AGAINST:
            count["hides_and_reports"] += 1
        else:
            yield buyer, listings[listing], at
