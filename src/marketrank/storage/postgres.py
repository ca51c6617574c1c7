"""The listing store on PostgreSQL."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Row, TextClause, text

from marketrank.asking import Traces
from marketrank.errors import BadInput
from marketrank.storage import numbers, repeats
from marketrank.storage.checks import check_listings, check_text, check_time
from marketrank.storage.database import reading
from marketrank.storage.rows import (
    ATTRIBUTE_COLUMNS,
    LISTING_COLUMNS,
    PHOTO_COLUMNS,
    encode_rows,
    finding_rows,
    listing_row,
    photo_row,
    to_attributes,
    to_photo,
    to_stored,
)
from marketrank.storage.schema import listings as listings_table
from marketrank.types import (
    Applied,
    Attributes,
    Duplicate,
    Finding,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Photo,
    SellerId,
    Seq,
    Stored,
)

_KEPT = {"key", "id", "findings", "first_seen"}  # what an update leaves as it is
_WRITE_LISTINGS = text(
    f"INSERT INTO listings ({LISTING_COLUMNS}) SELECT {LISTING_COLUMNS}"
    " FROM json_populate_recordset(NULL::listings, CAST(:rows AS json))"
    " ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{c.name} = excluded.{c.name}" for c in listings_table.c if c.name not in _KEPT)
)
_WRITE_PHOTOS = text(
    f"INSERT INTO photos ({PHOTO_COLUMNS}) SELECT {PHOTO_COLUMNS}"
    " FROM json_populate_recordset(NULL::photos, CAST(:rows AS json))"
)
# With its photos in one statement: a page of 24 takes half the time of two in a transaction.
_ITS_PHOTOS = (
    f"(SELECT json_agg(json_build_array({PHOTO_COLUMNS}) ORDER BY position)"
    " FROM photos WHERE listing_key = key) AS photos"
)
_NEVER = -1  # no change has this number


class PostgresListings:
    """ListingStore on a migrated database. Safe for threads; one writer at a time writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def apply(self, listings: Sequence[Listing], *, at: datetime) -> Applied:
        """See ListingStore. Raises BadInput for a listing that cannot be stored; then none of
        them is."""
        check_listings(listings)
        check_time("apply", at)
        hashes = {listing.id: listing.content_hash() for listing in listings}
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection)
            held = _held(connection, list(hashes))
            changed = [
                listing
                for listing in listings
                if held.get(listing.id, (0, "", False))[1:] != (hashes[listing.id], True)
            ]
            if changed:
                _write(connection, changed, hashes, held, at)
        updated = sum(listing.id in held for listing in changed)
        return Applied(
            inserted=len(changed) - updated,
            updated=updated,
            unchanged=len(listings) - len(changed),
        )

    def end(self, ids: Collection[ListingId], *, at: datetime) -> int:
        """See ListingStore. Unknown ids are passed over."""
        check_text("end", ids)
        check_time("end", at)
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection)
            keys = connection.scalars(
                text("SELECT key FROM listings WHERE live AND id = ANY(CAST(:ids AS text[]))"),
                {"ids": list(ids)},
            ).all()
            if keys:
                rows = _number(connection, ({"key": key} for key in sorted(keys)))
                connection.execute(
                    text(
                        "UPDATE listings SET live = false, ended_at = :at, updated_at = :at,"
                        " seq = r.seq FROM"
                        " json_populate_recordset(NULL::listings, CAST(:rows AS json)) r"
                        " WHERE listings.key = r.key"
                    ),
                    {"at": at, "rows": rows},
                )
        return len(keys)

    def live_ids(self) -> set[ListingId]:
        """See ListingStore."""
        with self._reading.connect() as connection:
            return set(connection.scalars(text("SELECT id FROM listings WHERE live")))

    def get(self, ids: Sequence[ListingId]) -> dict[ListingId, Stored]:
        """See ListingStore. In the order of `ids`."""
        check_text("get", ids)
        found = self._read("WHERE id = ANY(CAST(:ids AS text[]))", {"ids": list(ids)})
        by_id = {stored.listing.id: stored for stored in found}
        return {id_: by_id[id_] for id_ in ids if id_ in by_id}

    def get_by_key(
        self, keys: Sequence[ListingKey], known: Mapping[ListingKey, Stored] | None = None
    ) -> dict[ListingKey, Stored]:
        """See ListingStore. In the order of `keys`."""
        plain = [ListingKey(int(key)) for key in keys]  # indexes hand over numpy's integers
        held = {key: known[key] for key in plain if key in known} if known else {}
        seqs = [held[key].seq if key in held else _NEVER for key in plain]
        # Each change of a listing or of its photos gives it another number.
        found = self._read(
            "JOIN unnest(CAST(:keys AS bigint[]), CAST(:seqs AS bigint[]))"
            " AS known(known_key, known_seq) ON key = known_key AND seq <> known_seq",
            {"keys": plain, "seqs": seqs},
        )
        by_key = held | {stored.key: stored for stored in found}
        return {key: by_key[key] for key in plain if key in by_key}

    def of_seller(self, seller: SellerId, limit: int, before: Seq | None) -> list[Stored]:
        """See ListingStore."""
        check_text("of_seller", [seller])
        older = "" if before is None else "AND seq < :before "
        return self._read(
            f"WHERE seller = :seller {older}ORDER BY seq DESC LIMIT :limit",
            {"seller": seller, "limit": limit} | ({} if before is None else {"before": before}),
        )

    def changes(self, after: Seq, limit: int) -> list[Stored]:
        """See ListingStore."""
        return self._read(
            "WHERE seq > :after ORDER BY seq LIMIT :limit", {"after": after, "limit": limit}
        )

    def attributes(self, after: Seq, limit: int) -> list[Attributes]:
        """See ListingStore."""
        query = text(
            f"SELECT {ATTRIBUTE_COLUMNS} FROM listings WHERE seq > :after ORDER BY seq LIMIT :limit"
        )
        with self._reading.connect() as connection:
            rows = connection.execute(query, {"after": after, "limit": limit})
            return [to_attributes(row) for row in rows]

    def last_seq(self) -> Seq:
        """See ListingStore."""
        with self._reading.connect() as connection:
            return Seq(numbers.last(connection, "seq"))

    def photos(self, listings: Collection[ListingId]) -> dict[ListingId, dict[ImageId, Photo]]:
        """See ListingStore. Only listings that have photos are named."""
        check_text("photos", listings)
        query = text(
            f"SELECT {PHOTO_COLUMNS}, id FROM photos JOIN listings ON key = listing_key"
            " WHERE id = ANY(CAST(:ids AS text[])) ORDER BY listing_key, position"
        )
        found: dict[ListingId, dict[ImageId, Photo]] = defaultdict(dict)
        with self._reading.connect() as connection:
            for *row, id_ in connection.execute(query, {"ids": list(listings)}):
                photo = to_photo(row)
                found[id_][photo.id] = photo
        return dict(found)

    def set_findings(
        self,
        findings: Mapping[ListingId, Collection[Finding]],
        *,
        among: Collection[ListingId] | None = None,
    ) -> int:
        """See ListingStore. Raises BadInput for a listing that is not there, or that has two
        findings of one signal."""
        _check_findings(findings)
        chosen = "" if among is None else " AND id = ANY(CAST(:among AS text[]))"
        wanted = {id_: finding_rows(found) for id_, found in findings.items()}
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection)
            keys = _keys(connection, wanted)
            held: dict[int, list[Any]] = {
                row.key: row.findings
                for row in connection.execute(
                    text(f"SELECT key, findings FROM listings WHERE findings <> '[]'{chosen}"),
                    {} if among is None else {"among": list(among)},
                )
            }
            target = {keys[id_]: values for id_, values in wanted.items()}
            differing = sorted(
                key
                for key in held.keys() | target.keys()
                if held.get(key, []) != target.get(key, [])
            )
            if differing:
                rows = ({"key": key, "findings": target.get(key, [])} for key in differing)
                connection.execute(
                    text(
                        "UPDATE listings SET findings = r.findings, seq = r.seq FROM"
                        " json_populate_recordset(NULL::listings, CAST(:rows AS json)) r"
                        " WHERE listings.key = r.key"
                    ),
                    {"rows": _number(connection, rows)},
                )
        return len(differing)

    def with_findings(self) -> list[Stored]:
        """See ListingStore."""
        return self._read("WHERE findings <> '[]' AND live ORDER BY seq", {})

    def replace_duplicates(
        self, links: Sequence[Duplicate], *, among: Collection[ListingId] | None = None
    ) -> None:
        """See ListingStore. Writes only what differs and gives out no number: links are not part
        of a listing. Raises BadInput for a listing that is not there or repeats itself."""
        for link in links:
            if link.listing == link.of:
                raise BadInput(f"listing {link.listing!r} is linked to itself as a duplicate")
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection)
            keys = _keys(connection, {id_ for link in links for id_ in (link.listing, link.of)})
            wanted = {
                (keys[link.listing], keys[link.of], link.kind): float(link.score)
                for link in sorted(links, key=lambda link: link.score)
            }
            held = {
                (row.listing_key, row.of_key, row.kind): row.score
                for row in _links(connection, among)
            }
            _replace_links(connection, held, wanted)

    def alike(self, traces: Traces, linked: Collection[ListingKey]) -> set[ListingKey]:
        """See ListingStore."""
        with self._reading.connect() as connection:
            return repeats.alike(connection, traces, linked)

    def prices(self) -> list[tuple[tuple[str, ...], int, int]]:
        """See ListingStore."""
        query = text(
            "SELECT category[1:2], price_minor, count(*) FROM listings"
            " WHERE live AND price_minor > 0 GROUP BY 1, 2"
        )
        with self._reading.connect() as connection:
            found = connection.execute(query)
            return [(tuple(path), minor, times) for path, minor, times in found]

    def duplicates(self) -> list[Duplicate]:
        """See ListingStore. In the order in which the listings came."""
        query = text(
            "SELECT l.id AS listing, o.id AS of, kind, score FROM duplicates"
            " JOIN listings l ON l.key = listing_key JOIN listings o ON o.key = of_key"
            " ORDER BY listing_key, of_key, kind"
        )
        with self._reading.connect() as connection:
            return [
                Duplicate(row.listing, row.of, row.kind, row.score)
                for row in connection.execute(query)
            ]

    def _read(self, where: str, values: dict[str, Any]) -> list[Stored]:
        with self._reading.connect() as connection:
            rows = connection.execute(_reading(where), values).all()
        return [to_stored(row[:-1], [to_photo(photo) for photo in row[-1] or ()]) for row in rows]


@cache
def _reading(where: str) -> TextClause:
    """Made once for each of the few conditions: to look for its parameters takes 0.1 ms."""
    return text(f"SELECT {LISTING_COLUMNS}, {_ITS_PHOTOS} FROM listings {where}")


def _held(connection: Connection, ids: list[ListingId]) -> dict[str, tuple[int, str, bool]]:
    query = text(
        "SELECT id, key, content_hash, live FROM listings WHERE id = ANY(CAST(:ids AS text[]))"
    )
    rows = connection.execute(query, {"ids": ids})
    return {row.id: (row.key, row.content_hash, row.live) for row in rows}


def _write(
    connection: Connection,
    changed: Sequence[Listing],
    hashes: Mapping[ListingId, str],
    held: Mapping[str, tuple[int, str, bool]],
    at: datetime,
) -> None:
    new = [listing.id for listing in changed if listing.id not in held]
    keys = dict(zip(new, numbers.take(connection, "key", len(new)), strict=True))
    keys |= {ListingId(id_): key for id_, (key, _, _) in held.items()}
    seqs = numbers.take(connection, "seq", len(changed))
    rows = [
        listing_row(listing, key=keys[listing.id], seq=seq, content_hash=hashes[listing.id], at=at)
        for listing, seq in zip(changed, seqs, strict=True)
    ]
    connection.execute(_WRITE_LISTINGS, {"rows": encode_rows(rows)})
    replaced = [keys[listing.id] for listing in changed if listing.id in held]
    if replaced:
        connection.execute(
            text("DELETE FROM photos WHERE listing_key = ANY(CAST(:keys AS bigint[]))"),
            {"keys": replaced},
        )
    photos = [photo_row(photo, keys[listing.id]) for listing in changed for photo in listing.photos]
    if photos:
        connection.execute(_WRITE_PHOTOS, {"rows": encode_rows(photos)})


def _number(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows with the next numbers, encoded."""
    plain = list(rows)
    seqs = numbers.take(connection, "seq", len(plain))
    return encode_rows({**row, "seq": seq} for row, seq in zip(plain, seqs, strict=True))


def _check_findings(findings: Mapping[ListingId, Collection[Finding]]) -> None:
    for id_, found in findings.items():
        check_text("finding", (part for one in found for part in (one.reason, *one.others)))
        if len({one.signal for one in found}) < len(found):
            raise BadInput(f"listing {id_!r} has two findings of one signal: keep one")


def _keys(connection: Connection, ids: Collection[ListingId]) -> dict[ListingId, int]:
    check_text("listing id", ids)
    rows = connection.execute(
        text("SELECT id, key FROM listings WHERE id = ANY(CAST(:ids AS text[]))"),
        {"ids": list(ids)},
    )
    keys = {ListingId(row.id): int(row.key) for row in rows}
    for id_ in ids:
        if id_ not in keys:
            raise BadInput(f"there is no listing {id_!r}: apply it first")
    return keys


def _links(connection: Connection, among: Collection[ListingId] | None) -> Iterable[Row[Any]]:
    """The links of these listings to others; of all for None."""
    if among is None:
        return connection.execute(text("SELECT * FROM duplicates"))
    query = (
        "SELECT duplicates.* FROM duplicates JOIN listings ON key = listing_key"
        " WHERE id = ANY(CAST(:among AS text[]))"
    )
    return connection.execute(text(query), {"among": list(among)})


def _replace_links(
    connection: Connection,
    held: Mapping[tuple[int, int, str], float],
    wanted: Mapping[tuple[int, int, str], float],
) -> None:
    fields = ("listing_key", "of_key", "kind", "score")
    written = [
        dict(zip(fields, (*link, score), strict=True))
        for link, score in wanted.items()
        if held.get(link) != score
    ]
    gone = [
        dict(zip(fields, (*link, score), strict=True))
        for link, score in held.items()
        if wanted.get(link) != score
    ]
    if gone:
        connection.execute(
            text(
                "DELETE FROM duplicates d USING"
                " json_populate_recordset(NULL::duplicates, CAST(:rows AS json)) r WHERE"
                " (d.listing_key, d.of_key, d.kind) = (r.listing_key, r.of_key, r.kind)"
            ),
            {"rows": encode_rows(gone)},
        )
    if written:
        connection.execute(
            text(
                "INSERT INTO duplicates SELECT * FROM"
                " json_populate_recordset(NULL::duplicates, CAST(:rows AS json))"
            ),
            {"rows": encode_rows(written)},
        )
