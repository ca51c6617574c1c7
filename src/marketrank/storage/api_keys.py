"""Keys of the API, and the log of what administrators did, on PostgreSQL."""

from typing import Any

from sqlalchemy import Engine, Row, insert, select
from sqlalchemy.dialects import postgresql

from marketrank.access import Action, ApiKey, Digest, HeldKey, KeyId, Scope
from marketrank.storage.checks import check_text
from marketrank.storage.schema import api_keys, audit
from marketrank.types import SellerId


class PostgresKeys:
    """KeyStore on a migrated database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, held: HeldKey) -> None:
        """See KeyStore. Raises BadInput for a name that cannot be stored."""
        key = held.key
        check_text("key", [key.name, key.seller or ""])
        values = {
            "id": key.id,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "seller": key.seller,
            "digest": held.digest,
            "previous": held.previous,
            "previous_until": held.previous_until,
            "created_at": key.created_at,
            "expires_at": key.expires_at,
            "revoked_at": key.revoked_at,
        }
        put = postgresql.insert(api_keys).values(values)
        with self._engine.begin() as connection:
            connection.execute(put.on_conflict_do_update(index_elements=["id"], set_=values))

    def get(self, id: KeyId) -> HeldKey | None:
        """See KeyStore."""
        with self._engine.connect() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == id)).one_or_none()
        if row is None:
            return None
        previous = None if row.previous is None else Digest(row.previous)
        return HeldKey(_key(row), Digest(row.digest), previous, row.previous_until)

    def all(self) -> list[ApiKey]:
        """See KeyStore."""
        query = select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        with self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(query)]


class PostgresAudit:
    """AuditLog on a migrated database. Rows are only ever added."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, action: Action) -> None:
        """See AuditLog."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(audit).values(
                    at=action.at,
                    actor=action.actor,
                    action=action.action,
                    target=action.target,
                    detail=dict(action.detail),
                )
            )

    def read(self, before: int | None, limit: int) -> list[Action]:
        """See AuditLog."""
        query = select(audit).order_by(audit.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.number < before)
        with self._engine.connect() as connection:
            return [
                Action(row.at, row.actor, row.action, row.target, row.detail, row.number)
                for row in connection.execute(query)
            ]


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=KeyId(row.id),
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        seller=None if row.seller is None else SellerId(row.seller),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
