"""What was shown, on PostgreSQL: a partition a day, so that old days are dropped as files.

A body is the length of its header (4 bytes, little endian), a header in JSON and the features as
float32, little endian, row by row. It is sealed with the key of what its buyer did; that of nobody
is as it is.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Connection, Engine, Row, text
from sqlalchemy.exc import IntegrityError

from marketrank.errors import BadInput
from marketrank.people import Impression, Surface
from marketrank.storage import erasure
from marketrank.storage.checks import check_text, check_time
from marketrank.storage.keys import KeyFolder, Keys
from marketrank.storage.sealed_rows import request_digest
from marketrank.storage.sealing import seal, unseal
from marketrank.types import BuyerId, ListingId, ReleaseId, RequestId

_PARTITIONING = 7_307_710_005  # advisory lock; any fixed number
_FLOAT = np.dtype("<f4")
_PREFIX = "impressions_"
_PUT = text(
    "INSERT INTO impressions (day, hour, pseudonym, request, names, body) SELECT * FROM"
    " unnest(CAST(:days AS date[]), CAST(:hours AS smallint[]), CAST(:pseudonyms AS bytea[]),"
    " CAST(:requests AS bytea[]), CAST(:names AS bigint[]), CAST(:bodies AS bytea[]))"
)
_PARTITIONS = text(
    "SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
    " WHERE inhparent = 'impressions'::regclass ORDER BY c.relname"
)

Found = tuple[Impression, bytes | None]
"""An impression, and what joins it with the interactions of its buyer."""


@dataclass(frozen=True, slots=True)
class Known:
    """What this process knows to be in the database and need not ask again: days that have their
    partition, and lists of names."""

    days: set[date] = field(default_factory=set)
    names: dict[tuple[str, ...], int] = field(default_factory=dict)

    def forget(self) -> None:
        self.days.clear()
        self.names.clear()


def log(engine: Engine, keys: KeyFolder, shown: Sequence[Impression], known: Known) -> None:
    """See EventStore.log. Raises BadInput for one that cannot be stored; then none is."""
    for one in shown:
        _check(one)
    if not shown:
        return
    try:
        _log(engine, keys, shown, known)
    except IntegrityError:
        if not known.days:
            raise
        # No partition: another process has dropped the day. (What ends otherwise may have been
        # written all the same, and must not be written twice.)
        known.forget()
        _log(engine, keys, shown, known)


def _log(engine: Engine, keys: KeyFolder, shown: Sequence[Impression], known: Known) -> None:
    # Before the rows: it locks the table for a moment.
    days = {_utc(one).date() for one in shown}
    if not days <= known.days:
        _make_partitions(engine, days)
    ids = {one.names: known.names.get(one.names) or _names_id(one.names) for one in shown}
    with engine.begin() as connection:
        for each, id_ in ids.items():
            if each in known.names:
                continue
            connection.execute(
                text("INSERT INTO feature_names VALUES (:id, :names) ON CONFLICT DO NOTHING"),
                {"id": id_, "names": list(each)},
            )
        erasure.hold_off(connection)
        held = {buyer: keys.find(buyer) for buyer in {one.buyer for one in shown if one.buyer}}
        # Whoever was erased while it waited to be written is not kept as nobody: it was about them.
        pairs = [
            (one, held[one.buyer] if one.buyer else None)
            for one in shown
            if one.buyer is None or held[one.buyer] is not None
        ]
        values: dict[str, list[Any]] = {
            "days": [_utc(one).date() for one, _ in pairs],
            "hours": [_utc(one).hour for one, _ in pairs],
            "pseudonyms": [owner.raw_pseudonym if owner else None for _, owner in pairs],
            "requests": [request_digest(one.request, k) if k else None for one, k in pairs],
            "names": [ids[one.names] for one, _ in pairs],
            "bodies": [_pack(one, owner) for one, owner in pairs],
        }
        connection.execute(_PUT, values)
    known.days.update(days)
    known.names.update(ids)


def by_hour(
    engine: Engine, keys: KeyFolder, since: datetime, until: datetime
) -> Iterator[list[Found]]:
    """Those shown in [since, until), in order of time, ties by request: a list for each hour."""
    first, last = since.astimezone(UTC), until.astimezone(UTC)
    hours = text(
        "SELECT DISTINCT day, hour FROM impressions WHERE day BETWEEN :first AND :last"
        " ORDER BY day, hour"
    )
    with engine.connect() as connection:
        found = connection.execute(hours, {"first": first.date(), "last": last.date()}).all()
    for day, hour in found:
        start = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
        if start < last and start + timedelta(hours=1) > first:
            whole = _of_hour(engine, keys, day, hour)
            inside = [pair for pair in whole if first <= pair[0].at < last]
            yield sorted(inside, key=lambda pair: (pair[0].at, pair[0].request))


def of_buyer(connection: Connection, keys: Keys) -> list[Impression]:
    """All that a buyer was shown, in order of time."""
    query = text(
        "SELECT pseudonym, request, names, body FROM impressions WHERE pseudonym = :pseudonym"
    )
    rows = connection.execute(query, {"pseudonym": keys.raw_pseudonym}).all()
    found = _opened(connection, rows, {keys.raw_pseudonym: keys})
    return sorted((one for one, _ in found), key=lambda one: (one.at, one.request))


def drop_before(engine: Engine, day: date) -> int:
    """See EventStore.drop_before."""
    with engine.begin() as connection:
        _wait_for_partitions(connection)
        old = [name for name in connection.scalars(_PARTITIONS) if name < _partition(day)]
        for name in old:
            connection.execute(text(f"DROP TABLE {name}"))
        connection.execute(text("DELETE FROM counted WHERE day < :day"), {"day": day})
        connection.execute(text("DELETE FROM buyers WHERE erased_on < :day"), {"day": day})
    return len(old)


def _of_hour(engine: Engine, keys: KeyFolder, day: date, hour: int) -> list[Found]:
    query = text(
        "SELECT pseudonym, request, names, body FROM impressions WHERE day = :day AND hour = :hour"
    )
    with engine.connect() as connection:
        rows = connection.execute(query, {"day": day, "hour": hour}).all()
        held = keys.of(row.pseudonym for row in rows if row.pseudonym is not None)
        return _opened(connection, rows, held)


def _opened(
    connection: Connection, rows: Sequence[Row[Any]], keys: dict[bytes, Keys]
) -> list[Found]:
    """Those of nobody and those whose keys still exist."""
    query = text("SELECT id, names FROM feature_names")
    names = {row.id: tuple(row.names) for row in connection.execute(query)}
    found = []
    for row in rows:
        owner = None if row.pseudonym is None else keys.get(bytes(row.pseudonym))
        if row.pseudonym is not None and owner is None:
            continue
        one = _unpack(bytes(row.body), names[row.names], owner)
        if one is not None:
            found.append((one, None if row.request is None else bytes(row.request)))
    return found


def _pack(one: Impression, owner: Keys | None) -> bytes:
    header = orjson.dumps(
        {
            "request": one.request,
            "at": one.at,
            "surface": one.surface,
            "release": one.release,
            "listings": one.listings,
            "positions": one.positions.tolist(),
            "buyer": one.buyer if owner else None,
            "query": one.query,
            "experiment": one.experiment,
            "arms": one.arms,
        }
    )
    body = len(header).to_bytes(4, "little") + header + one.features.astype(_FLOAT).tobytes()
    return body if owner is None else seal(owner.history, body, _about(owner))


def _unpack(body: bytes, names: tuple[str, ...], owner: Keys | None) -> Impression | None:
    """None where the keys do not fit."""
    plain = body if owner is None else unseal(owner.history, body, _about(owner))
    if plain is None:
        return None
    end = 4 + int.from_bytes(plain[:4], "little")
    header = orjson.loads(plain[4:end])
    listings = tuple(ListingId(each) for each in header["listings"])
    features = np.frombuffer(plain, _FLOAT, offset=end).reshape(len(listings), len(names))
    return Impression(
        request=RequestId(header["request"]),
        at=datetime.fromisoformat(header["at"]),
        surface=Surface(header["surface"]),
        release=ReleaseId(header["release"]),
        listings=listings,
        positions=np.array(header["positions"], np.int32),
        features=features.astype(np.float32),
        names=names,
        buyer=None if header["buyer"] is None else BuyerId(header["buyer"]),
        query=header["query"],
        experiment=header["experiment"],
        arms=tuple(header["arms"]),
    )


def _about(owner: Keys) -> bytes:
    return b"impressions\0" + owner.raw_pseudonym


def _check(one: Impression) -> None:
    what = f"impression {one.request[:60]!r}"
    check_text(what, (one.request, one.release, *one.listings, *one.names, one.query))
    check_time(what, one.at)
    shape = (len(one.listings), len(one.names))
    if one.features.shape != shape or one.positions.shape != shape[:1]:
        raise BadInput(
            f"{what}: {shape[0]} listings and {shape[1]} names came with features of shape "
            f"{one.features.shape} and positions of shape {one.positions.shape}: give a row each"
        )


def _utc(one: Impression) -> datetime:
    return one.at.astimezone(UTC)


def _names_id(names: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.sha256(orjson.dumps(names)).digest()[:8], "big", signed=True)


def _partition(day: date) -> str:
    return f"{_PREFIX}{day:%Y%m%d}"


def _make_partitions(engine: Engine, days: set[date]) -> None:
    with engine.connect() as connection:
        held = set(connection.scalars(_PARTITIONS))
    missing = [day for day in sorted(days) if _partition(day) not in held]
    if not missing:
        return
    with engine.begin() as connection:
        _wait_for_partitions(connection)
        for day in missing:
            connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {_partition(day)}"
                    f" PARTITION OF impressions FOR VALUES IN ('{day.isoformat()}')"
                )
            )


def _wait_for_partitions(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _PARTITIONING})
