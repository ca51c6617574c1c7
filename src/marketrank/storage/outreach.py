"""Which buyers sellers were told of on which day, on PostgreSQL: what all processes count alike."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text

from marketrank.storage import erasure
from marketrank.storage.checks import check_text, check_time
from marketrank.storage.keys import KeyFolder, Keys
from marketrank.storage.sealing import digest, seal, unseal
from marketrank.types import BuyerId, ListingId

_TURN = 7_307_710_005  # advisory lock; any fixed number
_TABLE = b"offered"
# Of each of these buyers how many other listings they were offered that day.
_OTHERS = text(
    "SELECT o.pseudonym, count(*) AS others FROM offered o"
    " JOIN unnest(CAST(:pseudonyms AS bytea[]), CAST(:digests AS bytea[])) AS r (pseudonym, digest)"
    " ON o.pseudonym = r.pseudonym AND o.digest <> r.digest"
    " WHERE o.day = :day GROUP BY o.pseudonym"
)
_PUT = text(
    "INSERT INTO offered (pseudonym, day, digest, sealed) SELECT pseudonym, :day, digest, sealed"
    " FROM unnest(CAST(:pseudonyms AS bytea[]), CAST(:digests AS bytea[]),"
    " CAST(:sealed AS bytea[])) AS r (pseudonym, digest, sealed) ON CONFLICT DO NOTHING"
)


class PostgresOutreach:
    """OutreachLog on a migrated database. Rows hold pseudonyms and what is sealed."""

    def __init__(self, engine: Engine, keys: KeyFolder) -> None:
        self._engine = engine
        self._keys = keys

    def open_to(
        self, listing: ListingId, buyers: Sequence[BuyerId], *, at: datetime, cap: int
    ) -> set[BuyerId]:
        """See OutreachLog."""
        check_time("open_to", at)
        keys = self._held(buyers)
        with self._engine.connect() as connection:
            return _open(connection, keys, listing, _day(at), cap)

    def tell(
        self, listing: ListingId, buyers: Sequence[BuyerId], *, at: datetime, cap: int
    ) -> set[BuyerId]:
        """See OutreachLog."""
        check_time("tell", at)
        check_text("tell", [listing])
        if not buyers:
            return set()
        with self._engine.begin() as connection:
            # One at a time, so that nobody is counted by two at once.
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _TURN})
            erasure.hold_off(connection)
            keys = self._held(buyers)  # now that none can be destroyed until we have committed
            chosen = _open(connection, keys, listing, _day(at), cap)
            told = {id: keys[id] for id in keys if id in chosen}
            values = {
                "day": _day(at),
                "pseudonyms": [one.raw_pseudonym for one in told.values()],
                "digests": [_digest(listing, one) for one in told.values()],
                "sealed": [_seal(listing, one) for one in told.values()],
            }
            connection.execute(_PUT, values)
        return chosen

    def drop_before(self, at: datetime) -> int:
        """See OutreachLog."""
        check_time("drop_before", at)
        with self._engine.begin() as connection:
            query = text("DELETE FROM offered WHERE day < :day")
            return connection.execute(query, {"day": _day(at)}).rowcount

    def _held(self, buyers: Iterable[BuyerId]) -> dict[BuyerId, Keys]:
        found = {id: self._keys.find(id) for id in buyers}
        return {id: keys for id, keys in found.items() if keys is not None}


def of_buyer(connection: Connection, keys: Keys) -> list[dict[str, Any]]:
    """What a buyer was offered to and is still held, ready for JSON, in order."""
    query = text("SELECT day, sealed FROM offered WHERE pseudonym = :pseudonym")
    rows = connection.execute(query, {"pseudonym": keys.raw_pseudonym}).all()
    opened = [
        (row.day.isoformat(), unseal(keys.profile, bytes(row.sealed), _about(keys))) for row in rows
    ]
    return [
        {"day": day, "listing": listing}
        for day, listing in sorted(
            (day, orjson.loads(one)) for day, one in opened if one is not None
        )
    ]


def _open(
    connection: Connection,
    keys: Mapping[BuyerId, Keys],
    listing: ListingId,
    day: date,
    cap: int,
) -> set[BuyerId]:
    values = {
        "day": day,
        "pseudonyms": [one.raw_pseudonym for one in keys.values()],
        "digests": [_digest(listing, one) for one in keys.values()],
    }
    rows = connection.execute(_OTHERS, values).all() if keys else []
    full = {bytes(row.pseudonym) for row in rows if row.others >= cap}
    return {id for id, one in keys.items() if one.raw_pseudonym not in full}


def _digest(listing: ListingId, keys: Keys) -> bytes:
    return digest(keys.profile, "offered", listing)


def _seal(listing: ListingId, keys: Keys) -> bytes:
    return seal(keys.profile, orjson.dumps(listing), _about(keys))


def _about(keys: Keys) -> bytes:
    return _TABLE + b"\0" + keys.raw_pseudonym


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
