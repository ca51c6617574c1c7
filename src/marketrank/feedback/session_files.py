"""Sessions as two neutral files, which any tool can read and write.

`impressions.parquet` has a row for each listing of each impression: request_id, buyer_id (null:
nobody was named), at (UTC), surface, release, query, experiment, arm, listing_id, position (-1: not
shown), kind (the strongest interaction that followed from it, null for none; for readers' ease
alone), then a float32 column for each feature under its name. `events.csv` has a row for each
interaction: buyer_id, listing_id, at, kind, event_id, request_id ("" where it followed from none);
its first four columns are those of an interaction set.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from marketrank.errors import BadInput
from marketrank.people import EventId, Impression, Interaction, InteractionKind, Session, Surface
from marketrank.types import BuyerId, ListingId, ReleaseId, RequestId

IMPRESSIONS, EVENTS = "impressions.parquet", "events.csv"
_COLUMNS: Mapping[str, Any] = {
    "request_id": pl.String,
    "buyer_id": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "surface": pl.String,
    "release": pl.String,
    "query": pl.String,
    "experiment": pl.String,
    "arm": pl.String,
    "listing_id": pl.String,
    "position": pl.Int32,
    "kind": pl.String,
}
_EVENT_COLUMNS = ("buyer_id", "listing_id", "at", "kind", "event_id", "request_id")
_STRENGTH = {kind: place for place, kind in enumerate(InteractionKind)}


def write_sessions(folder: Path, sessions: Iterable[Session]) -> None:
    """Write both files into `folder`, which is made; files that are there are replaced. Rows stand
    in the order of the sessions, events in the order of their time. Raises BadInput where
    impressions have different features."""
    every = list(sessions)
    folder.mkdir(parents=True, exist_ok=True)
    _table(every).write_parquet(folder / IMPRESSIONS)
    write_events(folder / EVENTS, chain.from_iterable(one.interactions for one in every))


def read_sessions(folder: Path) -> Iterator[Session]:
    """The sessions of both files, in the order of the impressions, each with its interactions in
    order of time. Raises BadInput where a file is missing, has not the columns, or holds something
    that cannot be."""
    path = folder / IMPRESSIONS
    try:
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{path} cannot be read as Parquet: {error}") from error
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise BadInput(f"{path} has no column {', '.join(missing)}; it needs {', '.join(_COLUMNS)}")
    followed: dict[RequestId, list[Interaction]] = {}
    for one in read_events(folder / EVENTS):
        if one.request is not None:
            followed.setdefault(one.request, []).append(one)
    try:
        for impression in _impressions(table):
            yield Session(impression, tuple(followed.get(impression.request, ())))
    except (ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise BadInput(f"{path}: {error}") from error


def write_events(path: Path, interactions: Iterable[Interaction]) -> None:
    """In order of their time."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(_EVENT_COLUMNS)
        for one in sorted(interactions, key=lambda one: (one.at, one.id)):
            at = one.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            out.writerow((one.buyer, one.listing, at, one.kind, one.id, one.request or ""))


def read_events(path: Path) -> list[Interaction]:
    """In order of their time. Raises BadInput naming the line of what cannot be read."""
    found = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in _EVENT_COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise BadInput(
                    f"{path} has no column {', '.join(missing)}; it needs "
                    f"{', '.join(_EVENT_COLUMNS)}"
                )
            for row in rows:
                try:
                    found.append(_interaction(row))
                except (ValueError, TypeError, AttributeError) as error:
                    raise BadInput(f"{path}, line {rows.line_num}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    return sorted(found, key=lambda one: (one.at, one.id))


def _interaction(row: Mapping[str, str]) -> Interaction:
    at = datetime.fromisoformat(row["at"])
    if at.tzinfo is None:
        raise ValueError(f"the time {row['at']} names no time zone; write {row['at']}Z")
    return Interaction(
        id=EventId(row["event_id"]),
        buyer=BuyerId(row["buyer_id"]),
        listing=ListingId(row["listing_id"]),
        kind=InteractionKind(row["kind"]),
        at=at.astimezone(UTC),
        request=RequestId(row["request_id"]) if row["request_id"] else None,
    )


def _table(sessions: Sequence[Session]) -> pl.DataFrame:
    impressions = [one.impression for one in sessions]
    names = {one.names for one in impressions}
    if len(names) > 1:
        raise BadInput(
            "impressions with different features cannot be one table: "
            + " and ".join(", ".join(each) for each in sorted(names)[:2])
        )
    sizes = np.array([len(one.listings) for one in impressions], np.int64)
    request = np.repeat(np.arange(len(impressions)), sizes)
    once = pl.DataFrame(
        {
            "request_id": [one.request for one in impressions],
            "buyer_id": [one.buyer for one in impressions],
            "at": [one.at for one in impressions],
            "surface": [str(one.surface) for one in impressions],
            "release": [one.release for one in impressions],
            "query": [one.query for one in impressions],
            "experiment": [one.experiment for one in impressions],
        },
        schema={name: _COLUMNS[name] for name in list(_COLUMNS)[:7]},
    )
    each = pl.DataFrame(
        {
            "arm": [arm for one in impressions for arm in one.arms or ("",) * len(one.listings)],
            "listing_id": [listing for one in impressions for listing in one.listings],
            "position": _stacked([one.positions for one in impressions], np.int32),
            "kind": [kind for one in sessions for kind in _strongest(one)],
        },
        schema={name: _COLUMNS[name] for name in list(_COLUMNS)[7:]},
    )
    features = _stacked([one.features for one in impressions], np.float32)
    columns = [
        pl.Series(name, features[:, place], pl.Float32)
        for place, name in enumerate(next(iter(names), ()))
    ]
    return pl.concat([once[request], each], how="horizontal").with_columns(columns)


def _stacked(parts: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate(parts).astype(dtype) if parts else np.empty((0, 0), dtype)


def _strongest(session: Session) -> list[str | None]:
    done: dict[ListingId, InteractionKind] = {}
    for one in session.interactions:
        before = done.get(one.listing, one.kind)
        done[one.listing] = max(before, one.kind, key=_STRENGTH.__getitem__)
    found = [done.get(listing) for listing in session.impression.listings]
    return [None if kind is None else str(kind) for kind in found]


def _impressions(table: pl.DataFrame) -> Iterator[Impression]:
    """Rows that follow each other and have one request_id are one impression."""
    names = tuple(name for name in table.columns if name not in _COLUMNS)
    features = np.ascontiguousarray(
        table.select(names).cast(pl.Float32).to_numpy().astype(np.float32)
        if names
        else np.empty((len(table), 0), np.float32)
    )
    positions = table["position"].cast(pl.Int32).to_numpy()
    starts = table["request_id"].rle_id().to_numpy()
    edges = [*np.flatnonzero(np.diff(starts, prepend=-1)).tolist(), len(table)]
    firsts = table.select(list(_COLUMNS)[:7])[edges[:-1]]
    listings, arms = table["listing_id"].to_list(), table["arm"].to_list()
    for row, (low, high) in zip(firsts.iter_rows(named=True), pairwise(edges), strict=True):
        told = tuple(arms[low:high])
        yield Impression(
            request=RequestId(row["request_id"]),
            at=row["at"],
            surface=Surface(row["surface"]),
            release=ReleaseId(row["release"]),
            listings=tuple(map(ListingId, listings[low:high])),
            positions=positions[low:high],
            features=features[low:high],
            names=names,
            buyer=None if row["buyer_id"] is None else BuyerId(row["buyer_id"]),
            query=row["query"],
            experiment=row["experiment"],
            arms=told if any(told) else (),
        )
