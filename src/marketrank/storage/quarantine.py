"""Rejected records on PostgreSQL."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, text

from marketrank.storage.checks import check_text, check_time
from marketrank.storage.rows import encode_rows
from marketrank.types import Reason, Rejected

_PUT = text(
    "INSERT INTO rejected SELECT * FROM"
    " json_populate_recordset(NULL::rejected, CAST(:rows AS json))"
    " ON CONFLICT (kind, key_digest) DO UPDATE SET reason = excluded.reason,"
    " detail = excluded.detail, source = excluded.source, raw = excluded.raw, at = excluded.at"
    " WHERE (rejected.reason, rejected.detail, rejected.source, rejected.raw)"
    " IS DISTINCT FROM (excluded.reason, excluded.detail, excluded.source, excluded.raw)"
)


class PostgresQuarantine:
    """Quarantine on a migrated database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, rejected: Sequence[Rejected], *, at: datetime) -> None:
        """See Quarantine. An equal rejection keeps its time; of two for one key the later one in
        `rejected` counts. Raises BadInput for text with NUL or lone surrogates."""
        check_time("put", at)
        for record in rejected:
            check_text(
                f"rejected {record.kind} {record.key[:60]!r}",
                (record.kind, record.key, record.detail, record.source, record.raw),
            )
        last = {(record.kind, record.key): record for record in rejected}
        rows = (
            {
                "kind": record.kind,
                "key_digest": "\\x" + _digest(record.key).hex(),
                "key": record.key,
                "reason": record.reason,
                "detail": record.detail,
                "source": record.source,
                "raw": record.raw,
                "at": at,
            }
            for record in last.values()
        )
        with self._engine.begin() as connection:
            connection.execute(_PUT, {"rows": encode_rows(rows)})

    def clear(self, kind: str, keys: Collection[str]) -> int:
        """Remove these; returns how many were there."""
        check_text("clear", (kind, *keys))
        query = text(
            "DELETE FROM rejected WHERE kind = :kind"
            " AND key_digest = ANY(CAST(:digests AS bytea[]))"
        )
        with self._engine.begin() as connection:
            done = connection.execute(
                query, {"kind": kind, "digests": [_digest(key) for key in keys]}
            )
        return done.rowcount

    def keep_only(self, kind: str, source: str, keys: Collection[str]) -> int:
        """See Quarantine."""
        check_text("keep_only", (kind, source, *keys))
        query = text(
            "DELETE FROM rejected WHERE kind = :kind AND source = :source"
            " AND key_digest <> ALL(CAST(:digests AS bytea[]))"
        )
        values = {"kind": kind, "source": source, "digests": [_digest(key) for key in keys]}
        with self._engine.begin() as connection:
            return connection.execute(query, values).rowcount

    def all(self) -> list[Rejected]:
        """See Quarantine. Sorted by kind and key."""
        query = text("SELECT kind, key, reason, detail, source, raw FROM rejected")
        with self._engine.connect() as connection:
            found = [_rejected(row) for row in connection.execute(query)]
        return sorted(found, key=lambda record: (record.kind, record.key))

    def counts(self) -> dict[tuple[str, Reason], int]:
        """See Quarantine."""
        query = text("SELECT kind, reason, count(*) AS n FROM rejected GROUP BY kind, reason")
        with self._engine.connect() as connection:
            return {(row.kind, Reason(row.reason)): row.n for row in connection.execute(query)}

    def page(
        self, kind: str | None, reason: Reason | None, offset: int, limit: int
    ) -> list[tuple[datetime, Rejected]]:
        """See Quarantine."""
        query = text(
            "SELECT kind, key, reason, detail, source, raw, at FROM rejected"
            " WHERE (CAST(:kind AS text) IS NULL OR kind = :kind)"
            " AND (CAST(:reason AS text) IS NULL OR reason = :reason)"
            " ORDER BY at DESC, kind, key_digest OFFSET :offset LIMIT :limit"
        )
        values = {"kind": kind, "reason": reason, "offset": offset, "limit": limit}
        with self._engine.connect() as connection:
            return [(row.at, _rejected(row)) for row in connection.execute(query, values)]


def _rejected(row: Row[Any]) -> Rejected:
    return Rejected(row.kind, row.key, Reason(row.reason), row.detail, row.source, row.raw)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
