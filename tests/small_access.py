"""Keys and the audit log in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from marketrank.access import Action, ApiKey, HeldKey, KeyId, Scope, check_scopes, new_token
from marketrank.types import SellerId


@dataclass
class SmallKeys:
    """Implements access.KeyStore."""

    held: dict[KeyId, HeldKey] = field(default_factory=dict)

    def put(self, held: HeldKey) -> None:
        self.held[held.key.id] = held

    def get(self, id: KeyId) -> HeldKey | None:
        return self.held.get(id)

    def all(self) -> list[ApiKey]:
        return sorted((one.key for one in self.held.values()), key=lambda key: key.created_at)

    def make(
        self, *scopes: Scope, at: datetime, seller: str | None = None, days: int = 0
    ) -> dict[str, str]:
        """A new key as the header that a request carries."""
        id, token, digest = new_token()
        of = None if seller is None else SellerId(seller)
        ends = at + timedelta(days=days) if days else None
        key = ApiKey(id, f"key {len(self.held)}", check_scopes(scopes, of), at, of, ends)
        self.put(HeldKey(key, digest))
        return {"Authorization": f"Bearer {token}"}


@dataclass
class SmallAudit:
    """Implements access.AuditLog."""

    actions: list[Action] = field(default_factory=list)

    def write(self, action: Action) -> None:
        self.actions.append(replace(action, number=len(self.actions) + 1))

    def read(self, before: int | None, limit: int) -> list[Action]:
        found = [one for one in self.actions if before is None or one.number < before]
        return found[::-1][:limit]
