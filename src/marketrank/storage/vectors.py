"""Embeddings on PostgreSQL."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, text

from marketrank.errors import BadInput
from marketrank.storage import numbers
from marketrank.storage.checks import check_text
from marketrank.storage.database import reading
from marketrank.types import ListingKey, ModelVersion, Seq, StoredVectors, Vectors

_FLOAT = np.dtype("<f4")
_KEYS = "CAST(:keys AS bigint[])"
# One parameter for all vectors, cut up by the server: 20 times fewer than one for each.
_PUT = text(
    "INSERT INTO vectors (model_version, listing_key, embed_hash, vector, seq)"
    " SELECT :version, key, hash, substring(CAST(:data AS bytea) FROM"
    " CAST((n - 1) * :size + 1 AS integer) FOR :size), :before + n"
    f" FROM unnest({_KEYS}, CAST(:hashes AS text[])) WITH ORDINALITY AS r (key, hash, n)"
    " ON CONFLICT (model_version, listing_key) DO UPDATE SET"
    " embed_hash = excluded.embed_hash, vector = excluded.vector, seq = excluded.seq"
)


class PostgresVectors:
    """VectorStore on a migrated database. Numbers come from the counter of the listings."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = reading(engine)

    def known(self, version: ModelVersion, keys: Sequence[ListingKey]) -> dict[ListingKey, str]:
        """See VectorStore."""
        query = text(
            "SELECT listing_key, embed_hash FROM vectors"
            f" WHERE model_version = :version AND listing_key = ANY({_KEYS})"
        )
        with self._reading.connect() as connection:
            rows = connection.execute(query, {"version": version, "keys": _plain(keys)})
            return {ListingKey(row.listing_key): row.embed_hash for row in rows}

    def put_vectors(
        self,
        version: ModelVersion,
        keys: Sequence[ListingKey],
        hashes: Sequence[str],
        vectors: Vectors,
    ) -> None:
        """See VectorStore. Raises BadInput, and stores nothing, where lengths differ, a key is
        named twice or has no listing, a vector is not finite float32 in C order, or its width
        is not that of the version's other vectors."""
        check_text("put_vectors", (version, *hashes))
        _check(keys, hashes, vectors)
        if not len(keys):
            return
        with self._engine.begin() as connection:
            numbers.wait_for_turn(connection)
            _check_width(connection, version, vectors.shape[1])
            _check_listings(connection, keys)
            seqs = numbers.take(connection, "seq", len(keys))
            values = {
                "version": version,
                "keys": _plain(keys),
                "hashes": list(hashes),
                "data": vectors.tobytes(),
                "size": vectors.shape[1] * _FLOAT.itemsize,
                "before": seqs[0] - 1,
            }
            connection.execute(_PUT, values)

    def vectors_after(self, version: ModelVersion, after: Seq, limit: int) -> StoredVectors:
        """See VectorStore. The arrays are the caller's to change."""
        query = (
            "SELECT listing_key, vector, seq FROM vectors"
            " WHERE model_version = %s AND seq > %s ORDER BY seq LIMIT %s"
        )
        with self._reading.connect() as connection:
            # The driver's own binary cursor: as text, a vector is twice as long.
            driver: Any = connection.connection.driver_connection
            with driver.cursor(binary=True) as cursor:
                rows = cursor.execute(query, (version, after, limit)).fetchall()
        if not rows:
            return StoredVectors(np.empty(0, np.int64), np.empty((0, 0), np.float32), after)
        keys, data, seqs = zip(*rows, strict=True)
        vectors = np.frombuffer(b"".join(data), _FLOAT).reshape(len(rows), -1)
        return StoredVectors(np.array(keys, np.int64), vectors.copy(), Seq(seqs[-1]))

    def count_after(self, version: ModelVersion, after: Seq) -> int:
        """See VectorStore."""
        query = text("SELECT count(*) FROM vectors WHERE model_version = :version AND seq > :after")
        with self._reading.connect() as connection:
            return int(connection.execute(query, {"version": version, "after": after}).scalar_one())

    def vector(self, version: ModelVersion, key: ListingKey) -> Vectors | None:
        """See VectorStore."""
        query = text(
            "SELECT vector FROM vectors WHERE model_version = :version AND listing_key = :key"
        )
        with self._reading.connect() as connection:
            data = connection.execute(query, {"version": version, "key": int(key)}).scalar()
        return None if data is None else np.frombuffer(data, _FLOAT).reshape(1, -1).copy()

    def vectors_of(self, version: ModelVersion, keys: Sequence[ListingKey]) -> Vectors | None:
        """See VectorStore."""
        query = text(
            "SELECT listing_key, vector FROM vectors"
            f" WHERE model_version = :version AND listing_key = ANY({_KEYS})"
        )
        with self._reading.connect() as connection:
            rows = connection.execute(query, {"version": version, "keys": _plain(keys)})
            held = {row.listing_key: row.vector for row in rows}
        if not held or any(int(key) not in held for key in keys):
            return None
        data = b"".join(held[int(key)] for key in keys)
        return np.frombuffer(data, _FLOAT).reshape(len(keys), -1).copy()


def _plain(keys: Sequence[ListingKey]) -> list[int]:
    return [int(key) for key in keys]  # indexes hand over numpy's integers


def _check(keys: Sequence[ListingKey], hashes: Sequence[str], vectors: Vectors) -> None:
    if vectors.ndim != 2 or not len(keys) == len(hashes) == len(vectors):
        raise BadInput(
            f"{len(keys)} keys, {len(hashes)} hashes and vectors of shape {vectors.shape}: give "
            "one of each a listing"
        )
    if vectors.dtype != _FLOAT or not vectors.flags.c_contiguous:
        raise BadInput(
            f"vectors of type {vectors.dtype}: make them numpy.ascontiguousarray(…, numpy.float32)"
        )
    if len(set(_plain(keys))) < len(keys):
        raise BadInput("a listing's key is named twice in one batch of vectors: keep one")
    wrong = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(wrong) or (len(keys) and not vectors.shape[1]):
        bad = keys[int(wrong[0])] if len(wrong) else keys[0]
        raise BadInput(f"the vector of listing key {bad} is empty or not finite: embed it again")


def _check_width(connection: Connection, version: ModelVersion, width: int) -> None:
    found = connection.execute(
        text("SELECT octet_length(vector) FROM vectors WHERE model_version = :version LIMIT 1"),
        {"version": version},
    ).scalar()
    if found is not None and found != width * _FLOAT.itemsize:
        raise BadInput(
            f"vectors of width {width} for {version}, whose others have "
            f"{found // _FLOAT.itemsize}: give another encoder another version"
        )


def _check_listings(connection: Connection, keys: Sequence[ListingKey]) -> None:
    found = connection.scalars(
        text(f"SELECT key FROM listings WHERE key = ANY({_KEYS})"), {"keys": _plain(keys)}
    ).all()
    if len(found) < len(keys):
        missing = min(set(_plain(keys)) - set(found))
        raise BadInput(f"there is no listing with key {missing}: apply it first")
