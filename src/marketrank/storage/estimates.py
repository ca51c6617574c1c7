"""What listings like each one ask, on PostgreSQL."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from marketrank.storage import numbers
from marketrank.storage.checks import check_text
from marketrank.storage.database import reading
from marketrank.types import ListingKey, ModelVersion, Seq

_MISSING = text(
    "SELECT key, listings.content_hash FROM listings LEFT JOIN estimates ON listing_key = key"
    " WHERE live AND listings.seq > :after AND (listing_key IS NULL"
    " OR model_version <> :version OR estimates.content_hash <> listings.content_hash)"
    " ORDER BY listings.seq LIMIT :limit"
)
_PUT = text(
    "INSERT INTO estimates (listing_key, model_version, content_hash, minor, seq)"
    " SELECT key, :version, hash, minor, :before + n FROM unnest(CAST(:keys AS bigint[]),"
    " CAST(:hashes AS text[]), CAST(:minor AS bigint[])) WITH ORDINALITY AS r (key, hash, minor, n)"
    " ON CONFLICT (listing_key) DO UPDATE SET model_version = excluded.model_version,"
    " content_hash = excluded.content_hash, minor = excluded.minor, seq = excluded.seq"
)
_AFTER = text(
    "SELECT listing_key, minor, seq FROM estimates WHERE seq > :after ORDER BY seq LIMIT :limit"
)


class PostgresEstimates:
    """EstimateStore on a migrated database. Numbers come from the counter of the listings."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def missing(self, version: ModelVersion, after: Seq, limit: int) -> dict[ListingKey, str]:
        """See EstimateStore."""
        check_text("missing", [version])
        values = {"version": version, "after": after, "limit": limit}
        with self._reading.connect() as connection:
            rows = connection.execute(_MISSING, values)
            return {ListingKey(row.key): row.content_hash for row in rows}

    def put_estimates(
        self, version: ModelVersion, minor: Mapping[ListingKey, tuple[str, int | None]]
    ) -> None:
        """See EstimateStore. Each key must be that of a listing."""
        check_text("put_estimates", [version])
        if not minor:
            return
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection)
            seqs = numbers.take(connection, "seq", len(minor))
            values = {
                "version": version,
                "before": seqs[0] - 1,
                "keys": [int(key) for key in minor],
                "hashes": [hash for hash, _ in minor.values()],
                "minor": [amount for _, amount in minor.values()],
            }
            connection.execute(_PUT, values)

    def estimates_after(
        self, after: Seq, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], Seq]:
        """See EstimateStore."""
        with self._reading.connect() as connection:
            rows = connection.execute(_AFTER, {"after": after, "limit": limit}).all()
        keys = np.array([row.listing_key for row in rows], np.int64)
        # None becomes NaN.
        return (
            keys,
            np.array([row.minor for row in rows], np.float64),
            Seq(rows[-1].seq if rows else after),
        )
