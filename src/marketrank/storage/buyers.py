"""Buyers and what they agree to, on PostgreSQL: their rows hold a pseudonym and what is sealed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, Row, text

from marketrank.errors import BadInput
from marketrank.people import Buyer, BuyerChange, Impression, Interaction, Pseudonym, Purpose
from marketrank.storage import erasure, impressions, numbers, outreach
from marketrank.storage.checks import check_id, check_text, check_time
from marketrank.storage.database import reading
from marketrank.storage.events import PostgresEvents
from marketrank.storage.keys import KeyFolder, Keys
from marketrank.storage.sealed_rows import Held, seal_buyer, unseal_buyer
from marketrank.types import BuyerId, Seq

_PUT = text(
    "INSERT INTO buyers (pseudonym, seq, sealed) VALUES (:pseudonym, :seq, :sealed)"
    " ON CONFLICT (pseudonym) DO UPDATE SET seq = excluded.seq, sealed = excluded.sealed"
)
_ONE = text("SELECT pseudonym, sealed FROM buyers WHERE pseudonym = :pseudonym")
_EVERYTHING = 2**31 - 1


class PostgresBuyers:
    """BuyerStore on a migrated database."""

    def __init__(self, engine: Engine, keys: KeyFolder) -> None:
        self._engine = engine
        self._reading = reading(engine)
        self._keys = keys

    def put(self, buyer: Buyer, *, at: datetime) -> None:
        """See BuyerStore. Raises BadInput for one that cannot be stored."""
        _check(buyer)
        self.change(buyer.id, lambda _: buyer, at=at)

    def change(self, id: BuyerId, change: Callable[[Buyer], Buyer], *, at: datetime) -> Buyer:
        """See BuyerStore. Raises BadInput for one that cannot be stored, or has another id."""
        check_id("buyer", id)
        check_time("change", at)
        self._keys.find_or_make(id)  # slow on a disk: before the turn
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection, "event")
            erasure.hold_off(connection)
            keys = self._keys.find_or_make(id)
            held = _read(connection, keys) or Held(Buyer(id))
            buyer = change(held.buyer)
            _check(buyer)
            if buyer.id != id:
                raise BadInput(f"buyer {id!r} cannot become {buyer.id!r}: put another one")
            if held.buyer.allows(Purpose.HISTORY) and not buyer.allows(Purpose.HISTORY):
                keys = self._forget(connection, id, keys)
            if held.buyer.allows(Purpose.OUTREACH) and not buyer.allows(Purpose.OUTREACH):
                erasure.drop_outreach(connection, keys.raw_pseudonym)
            values = {
                "pseudonym": keys.raw_pseudonym,
                "seq": numbers.take(connection, "event", 1)[0],
                "sealed": seal_buyer(held.replaced_by(buyer, at), keys),
            }
            connection.execute(_PUT, values)
        return buyer

    def get(self, id: BuyerId) -> Buyer | None:
        """See BuyerStore."""
        return self.find([id]).get(id)

    def find(self, ids: Collection[BuyerId]) -> dict[BuyerId, Buyer]:
        """See BuyerStore."""
        found = [keys.raw_pseudonym for keys in map(self._keys.find, set(ids)) if keys]
        if not found:
            return {}
        query = text(
            "SELECT pseudonym, sealed FROM buyers WHERE pseudonym = ANY(CAST(:found AS bytea[]))"
        )
        with self._reading.connect() as connection:
            rows = connection.execute(query, {"found": found}).all()
        return {held.buyer.id: held.buyer for held in self._opened(rows) if held is not None}

    def pseudonym(self, id: BuyerId) -> Pseudonym | None:
        """See BuyerStore."""
        keys = self._keys.find(id)
        return None if keys is None else keys.pseudonym

    def agreed(self, purposes: Collection[Purpose]) -> Iterator[Buyer]:
        """See BuyerStore. Opens all of them: what they agreed to is sealed, too."""
        with self._reading.connect() as connection:
            rows = connection.execute(
                text("SELECT pseudonym, sealed FROM buyers WHERE sealed IS NOT NULL")
            ).all()
        found = [held.buyer for held in self._opened(rows) if held is not None]
        agreeing = [one for one in found if all(one.allows(each) for each in purposes)]
        yield from sorted(agreeing, key=lambda one: one.id)

    def changes(self, after: Seq, limit: int) -> list[BuyerChange]:
        """See BuyerStore. One whose key is gone counts as erased."""
        query = text(
            "SELECT seq, pseudonym, sealed FROM buyers WHERE seq > :after ORDER BY seq LIMIT :limit"
        )
        with self._reading.connect() as connection:
            rows = connection.execute(query, {"after": after, "limit": limit}).all()
        return [
            BuyerChange(
                Seq(row.seq),
                Pseudonym(bytes(row.pseudonym).hex()),
                None if held is None else held.buyer,
            )
            for row, held in zip(rows, self._opened(rows), strict=True)
        ]

    def export(self, id: BuyerId) -> Mapping[str, Any]:
        """See BuyerStore."""
        keys = self._keys.find(id)
        if keys is None:
            raise BadInput(f"buyer {id!r}: nothing is held of them; check the id")
        events = PostgresEvents(self._engine, self._keys).of_buyer(id, _EVERYTHING)
        with self._engine.connect() as connection:
            held = _read(connection, keys) or Held(Buyer(id))
            shown = impressions.of_buyer(connection, keys)
            offered = outreach.of_buyer(connection, keys)
        return {
            **_buyer_json(held),
            "interactions": [_interaction_json(one) for one in events],
            "impressions": [_impression_json(one) for one in shown],
            "offered": offered,
        }

    def erase(self, id: BuyerId) -> bool:
        """See BuyerStore. One that was cut short is ended by the next, or by `finish_erasing`."""
        self.finish_erasing()
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection, "event")
            erasure.wait_for_writers(connection)
            pseudonym = self._keys.destroy(id)
            if pseudonym is not None:
                erasure.drop_buyer(connection, pseudonym)
        if pseudonym is not None:
            self._keys.finished(pseudonym)
        return pseudonym is not None

    def finish_erasing(self) -> int:
        """See BuyerStore."""
        unfinished = self._keys.unfinished()
        for pseudonym in unfinished:
            with self._engine.begin() as connection:
                numbers.wait_for_turn(connection, "event")
                erasure.wait_for_writers(connection)
                self._keys.destroy_rest(pseudonym)
                erasure.drop_buyer(connection, pseudonym)
            self._keys.finished(pseudonym)
        return len(unfinished)

    def _forget(self, connection: Connection, id: BuyerId, keys: Keys) -> Keys:
        """Destroy what was kept of what they did; returns the keys of now."""
        erasure.wait_for_writers(connection)
        self._keys.forget_history(id)
        erasure.drop_history(connection, keys.raw_pseudonym)
        return self._keys.find_or_make(id)

    def _opened(self, rows: Sequence[Row[Any]]) -> list[Held | None]:
        keys = self._keys.of(bytes(row.pseudonym) for row in rows if row.sealed is not None)
        return [_open(row, keys.get(bytes(row.pseudonym))) for row in rows]


def _read(connection: Connection, keys: Keys) -> Held | None:
    row = connection.execute(_ONE, {"pseudonym": keys.raw_pseudonym}).one_or_none()
    return None if row is None else _open(row, keys)


def _open(row: Row[Any], keys: Keys | None) -> Held | None:
    if keys is None or row.sealed is None:
        return None
    return unseal_buyer(bytes(row.sealed), keys)


def _check(buyer: Buyer) -> None:
    check_id("buyer", buyer.id)
    texts = [*buyer.attributes, *buyer.attributes.values()]
    texts += [] if buyer.seller is None else [buyer.seller]
    place = buyer.place
    if place is not None:
        texts += [text for text in (place.town, place.county, place.country) if text is not None]
    check_text("buyer", texts)
    for at in buyer.consents.values():
        check_time("buyer", at)


def _buyer_json(held: Held) -> dict[str, Any]:
    buyer, place = held.buyer, held.buyer.place
    return {
        "id": buyer.id,
        "attributes": dict(buyer.attributes),
        "place": place
        and {
            "town": place.town,
            "county": place.county,
            "country": place.country,
            "latitude": place.latitude,
            "longitude": place.longitude,
        },
        "seller": buyer.seller,
        "consents": {str(purpose): at.isoformat() for purpose, at in buyer.consents.items()},
        "agreements": [
            {"purpose": str(purpose), "given": given, "at": at.isoformat()}
            for purpose, given, at in held.agreements
        ],
    }


def _interaction_json(one: Interaction) -> dict[str, Any]:
    return {
        "id": one.id,
        "listing": one.listing,
        "kind": str(one.kind),
        "at": one.at.isoformat(),
        "request": one.request,
    }


def _impression_json(one: Impression) -> dict[str, Any]:
    return {
        "request": one.request,
        "at": one.at.isoformat(),
        "surface": str(one.surface),
        "release": one.release,
        "query": one.query,
        "experiment": one.experiment,
        "arms": list(one.arms),
        "listings": list(one.listings),
        "positions": one.positions.tolist(),
        "features": {
            name: [None if np.isnan(value) else float(value) for value in column]
            for name, column in zip(one.names, one.features.T, strict=True)
        },
    }
