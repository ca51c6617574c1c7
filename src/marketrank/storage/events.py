"""What buyers did, on PostgreSQL; what they were shown is in `impressions`."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from random import SystemRandom
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from marketrank.people import (
    Buyer,
    Counted,
    EventId,
    Impression,
    Interaction,
    InteractionKind,
    Recorded,
    Session,
)
from marketrank.storage import erasure, impressions, numbers
from marketrank.storage.checks import check_id, check_text, check_time
from marketrank.storage.database import reading
from marketrank.storage.keys import KeyFolder, Keys
from marketrank.storage.sealed_rows import (
    LASTING,
    Held,
    latest,
    request_digest,
    seal_buyer,
    seal_interaction,
    unseal_interaction,
)
from marketrank.types import BuyerId, ListingId, Seq

_DIGESTS = "CAST(:digests AS bytea[])"
_KNOWN = text(
    f"SELECT digest FROM events WHERE digest = ANY({_DIGESTS})"
    f" UNION ALL SELECT digest FROM counted WHERE digest = ANY({_DIGESTS})"
)
_PUT = text(
    "INSERT INTO events (seq, digest, pseudonym, day, lasting, request, sealed) SELECT * FROM"
    " unnest(CAST(:seqs AS bigint[]), CAST(:digests AS bytea[]), CAST(:pseudonyms AS bytea[]),"
    " CAST(:days AS date[]), CAST(:lasting AS boolean[]), CAST(:requests AS bytea[]),"
    " CAST(:sealed AS bytea[]))"
)
_COUNT = text(
    "INSERT INTO counted (seq, digest, listing, kind, day) SELECT * FROM"
    " unnest(CAST(:seqs AS bigint[]), CAST(:digests AS bytea[]), CAST(:listings AS text[]),"
    " CAST(:kinds AS text[]), CAST(:days AS date[]))"
)
_PUT_BUYERS = text(
    "INSERT INTO buyers (pseudonym, seq, sealed) SELECT * FROM"
    " unnest(CAST(:pseudonyms AS bytea[]), CAST(:seqs AS bigint[]), CAST(:sealed AS bytea[]))"
)
_UNMIXED = text(
    "SELECT day FROM counted WHERE day < :before GROUP BY day"
    " HAVING count(DISTINCT CAST(xmin AS text)) > 1 ORDER BY day"
)
_MIX = (
    "CREATE TEMPORARY TABLE mixed ON COMMIT DROP AS SELECT seq, digest, listing, kind, day FROM"
    " (SELECT seq, row_number() OVER (ORDER BY seq) AS n FROM counted WHERE day = {day}) a JOIN"
    " (SELECT digest, listing, kind, day, row_number() OVER (ORDER BY random()) AS n"
    " FROM counted WHERE day = {day}) b USING (n)",
    "DELETE FROM counted WHERE day = {day}",
    "INSERT INTO counted (seq, digest, listing, kind, day)"
    " SELECT seq, digest, listing, kind, day FROM mixed ORDER BY random()",
    "DROP TABLE mixed",
)
_CHANCE = SystemRandom()
_Write = Callable[[Connection, dict[bytes, Interaction]], None]
_COLUMNS = "seq, pseudonym, lasting, sealed"
# The latest by their time, which is sealed: whole days, as many as hold enough of them.
_OF_BUYER = text(
    f"SELECT {_COLUMNS} FROM events WHERE pseudonym = :pseudonym AND day >= coalesce("
    "(SELECT day FROM events WHERE pseudonym = :pseudonym ORDER BY day DESC"
    " OFFSET :before LIMIT 1), '-infinity')"
)


class PostgresEvents:
    """EventStore on a migrated database."""

    def __init__(self, engine: Engine, keys: KeyFolder) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._known = impressions.Known()
        self._keys = keys

    def record(
        self,
        interactions: Sequence[Interaction],
        *,
        at: datetime,
        anonymous: Collection[EventId] = (),
    ) -> Recorded:
        """See EventStore. Raises BadInput for one that cannot be stored; then none is."""
        check_time("record", at)
        for one in interactions:
            _check(one)
        wanted: dict[bytes, Interaction] = {}
        for one in interactions:
            wanted.setdefault(self._digest(one.id), one)
        # Slow on a disk: before the turn.
        self._keys.make_missing(one.buyer for one in interactions if one.id not in anonymous)
        kept = {d: one for d, one in wanted.items() if one.id not in anonymous}
        counted = {d: one for d, one in wanted.items() if one.id in anonymous}
        # Rows of one transaction have one number (xmin), which would tell whose was counted.
        parts = [(kept, self._keep), (counted, _count)]
        _CHANCE.shuffle(parts)
        new = sum(self._write(part, write) for part, write in parts if part)
        return Recorded(new=new, repeated=len(interactions) - new)

    def _write(self, wanted: dict[bytes, Interaction], write: _Write) -> int:
        """In a transaction of their own, those that are not known; returns how many that were."""
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection, "event")
            erasure.hold_off(connection)
            known = set(connection.scalars(_KNOWN, {"digests": list(wanted)}))
            new = {digest: one for digest, one in wanted.items() if digest not in known}
            write(connection, new)
        return len(new)

    def mix(self, before: date) -> int:
        """See EventStore. Numbers, too, are dealt out anew, so that nothing of the order is left;
        whoever follows is past them."""
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection, "event")
            days = connection.scalars(_UNMIXED, {"before": before}).all()
            for day in days:
                for statement in _MIX:
                    # Written out: a CREATE TABLE takes no parameters.
                    connection.execute(text(statement.format(day=f"DATE '{day.isoformat()}'")))
        return len(days)

    def known(self, ids: Collection[EventId]) -> set[EventId]:
        """See EventStore."""
        check_text("known", ids)
        digests = {self._digest(id_): id_ for id_ in ids}
        with self._reading.connect() as connection:
            return {
                digests[found] for found in connection.scalars(_KNOWN, {"digests": list(digests)})
            }

    def of_buyer(self, buyer: BuyerId, limit: int) -> list[Interaction]:
        """See EventStore. Ties by id."""
        keys = self._keys.find(buyer)
        if keys is None or limit <= 0:
            return []
        values = {"pseudonym": keys.raw_pseudonym, "before": limit - 1}
        with self._reading.connect() as connection:
            rows = connection.execute(_OF_BUYER, values).all()
        return latest((one for _, one in _opened(rows, {keys.raw_pseudonym: keys})), limit)

    def hidden(self, buyer: BuyerId) -> set[ListingId]:
        """See EventStore."""
        keys = self._keys.find(buyer)
        if keys is None:
            return set()
        query = text(f"SELECT {_COLUMNS} FROM events WHERE pseudonym = :pseudonym AND lasting")
        with self._reading.connect() as connection:
            rows = connection.execute(query, {"pseudonym": keys.raw_pseudonym}).all()
        opened = _opened(rows, {keys.raw_pseudonym: keys})
        return {one.listing for _, one in opened if one.kind is InteractionKind.HIDE}

    def after(self, after: Seq, limit: int) -> list[tuple[Seq, Interaction]]:
        """See EventStore."""
        query = text(f"SELECT {_COLUMNS} FROM events WHERE seq > :after ORDER BY seq LIMIT :limit")
        while True:
            with self._reading.connect() as connection:
                rows = connection.execute(query, {"after": after, "limit": limit}).all()
            found = _opened(rows, self._keys.of(row.pseudonym for row in rows))
            if found or not rows:
                return found
            after = Seq(rows[-1].seq)

    def counted(self, after: Seq, limit: int) -> list[tuple[Seq, Counted]]:
        """See EventStore."""
        query = text(
            "SELECT seq, listing, kind, day FROM counted WHERE seq > :after"
            " ORDER BY seq LIMIT :limit"
        )
        with self._reading.connect() as connection:
            return [
                (
                    Seq(row.seq),
                    Counted(ListingId(row.listing), InteractionKind(row.kind), row.day),
                )
                for row in connection.execute(query, {"after": after, "limit": limit})
            ]

    def last_seq(self) -> Seq:
        """See EventStore."""
        with self._reading.connect() as connection:
            return Seq(numbers.last(connection, "event"))

    def seq_before(self, day: date) -> Seq:
        """See EventStore. Reads every row without an index: ask once, at the start."""
        query = text(
            "SELECT least((SELECT min(seq) - 1 FROM events WHERE day >= :day),"
            " (SELECT min(seq) - 1 FROM counted WHERE day >= :day),"
            " (SELECT value FROM counters WHERE name = 'event'))"
        )
        with self._reading.connect() as connection:
            return Seq(connection.execute(query, {"day": day}).scalar_one())

    def log(self, shown: Sequence[Impression]) -> None:
        """See EventStore."""
        impressions.log(self._engine, self._keys, shown, self._known)

    def sessions(self, since: datetime, until: datetime) -> Iterator[Session]:
        """See EventStore. Ties by request. Reads an hour at a time; what is written meanwhile may
        be left out."""
        check_time("sessions", since)
        check_time("sessions", until)
        for pairs in impressions.by_hour(self._engine, self._keys, since, until):
            digests = [digest for _, digest in pairs if digest is not None]
            followed = self._that_follow(digests)
            for impression, digest in pairs:
                found = followed.get(digest, []) if digest is not None else []
                found.sort(key=lambda one: (one.at, one.id))
                yield Session(impression, tuple(found))

    def drop_before(self, at: datetime) -> int:
        """See EventStore. What was counted on days before goes too, and with it the memory that
        such an event is a repetition."""
        check_time("drop_before", at)
        return impressions.drop_before(self._engine, at.astimezone(UTC).date())

    def _digest(self, id_: EventId) -> bytes:
        return self._keys.digest("event", id_)

    def _keep(self, connection: Connection, new: dict[bytes, Interaction]) -> None:
        if not new:
            return
        # Again, now that none can be destroyed until we have committed.
        keys = {buyer: self._keys.find_or_make(buyer) for buyer in {e.buyer for e in new.values()}}
        _introduce(connection, keys)
        values: dict[str, list[Any]] = {
            "seqs": list(numbers.take(connection, "event", len(new))),
            "digests": list(new),
            "pseudonyms": [keys[one.buyer].raw_pseudonym for one in new.values()],
            "days": [_day(one) for one in new.values()],
            "lasting": [one.kind in LASTING for one in new.values()],
            "requests": [request_digest(one.request, keys[one.buyer]) for one in new.values()],
            "sealed": [seal_interaction(one, keys[one.buyer]) for one in new.values()],
        }
        connection.execute(_PUT, values)

    def _that_follow(self, digests: list[bytes]) -> dict[bytes, list[Interaction]]:
        if not digests:
            return {}
        query = text(f"SELECT {_COLUMNS}, request FROM events WHERE request = ANY({_DIGESTS})")
        with self._reading.connect() as connection:
            rows = connection.execute(query, {"digests": digests}).all()
        by_seq = {Seq(row.seq): bytes(row.request) for row in rows}
        found: dict[bytes, list[Interaction]] = {}
        for seq, one in _opened(rows, self._keys.of(row.pseudonym for row in rows)):
            found.setdefault(by_seq[seq], []).append(one)
        return found


def _check(one: Interaction) -> None:
    check_id("event", one.id)
    what = f"event {one.id[:60]!r}"
    check_id(f"{what}: buyer", one.buyer)
    check_id(f"{what}: listing", one.listing)
    check_time(what, one.at)
    if one.request is not None:
        check_text(what, [one.request])


def _day(one: Interaction) -> date:
    return one.at.astimezone(UTC).date()


def _opened(rows: Sequence[Row[Any]], keys: dict[bytes, Keys]) -> list[tuple[Seq, Interaction]]:
    """Those whose keys still exist."""
    found = []
    for row in rows:
        held = keys.get(bytes(row.pseudonym))
        one = held and unseal_interaction(bytes(row.sealed), lasting=row.lasting, keys=held)
        if one:
            found.append((Seq(row.seq), one))
    return found


def _introduce(connection: Connection, keys: dict[BuyerId, Keys]) -> None:
    """Give buyers of whom nothing was held a row: their id is known to nobody else."""
    query = text("SELECT pseudonym FROM buyers WHERE pseudonym = ANY(CAST(:found AS bytea[]))")
    found = [held.raw_pseudonym for held in keys.values()]
    held = {bytes(raw) for raw in connection.scalars(query, {"found": found})}
    new = {buyer: one for buyer, one in keys.items() if one.raw_pseudonym not in held}
    if new:
        values = {
            "pseudonyms": [one.raw_pseudonym for one in new.values()],
            "seqs": list(numbers.take(connection, "event", len(new))),
            "sealed": [seal_buyer(Held(Buyer(buyer)), one) for buyer, one in new.items()],
        }
        connection.execute(_PUT_BUYERS, values)


def _count(connection: Connection, new: dict[bytes, Interaction]) -> None:
    if not new:
        return
    values: dict[str, list[Any]] = {
        "seqs": list(numbers.take(connection, "event", len(new))),
        "digests": list(new),
        "listings": [one.listing for one in new.values()],
        "kinds": [str(one.kind) for one in new.values()],
        "days": [_day(one) for one in new.values()],
    }
    connection.execute(_COUNT, values)
