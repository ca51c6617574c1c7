"""The nouns of access: keys and what they allow, what was done with them, and the ports of both.

A key is `mr_<id>.<secret>`. Only the sha256 of the secret is kept: it has 256 random bits, so that
guessing one from its digest is as hopeless as guessing it at all, and no slow hash is needed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import Any, NewType, Protocol

from marketrank.errors import BadInput
from marketrank.types import SellerId

KeyId = NewType("KeyId", str)
Digest = NewType("Digest", bytes)
_TOKEN = re.compile(r"mr_([0-9a-f]{16})\.([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a key allows. `admin` allows all, and every scope allows to read."""

    READ = "read"
    """Search, listings, predictions, advice on drafts: what needs no key where reading is open."""
    WRITE = "write"
    """All listings, events and buyers: for the marketplace's own systems."""
    SELLER = "seller"
    """The listings of one seller."""
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `seller` is whose listings a key of scope `seller` may change."""

    id: KeyId
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    seller: SellerId | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes or scope is Scope.READ

    def is_valid(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key as it is kept. After a rotation the secret before it holds until `previous_until`."""

    key: ApiKey
    digest: Digest
    previous: Digest | None = None
    previous_until: datetime | None = None

    def opens(self, digest: Digest, at: datetime) -> bool:
        return any(hmac.compare_digest(one, digest) for one in self._open(at))

    def has_mark(self, mark: str, at: datetime) -> bool:
        """Whether it is the mark of a secret that opens it; see `mark_of`."""
        return any(hmac.compare_digest(_mark(one), mark) for one in self._open(at))

    def _open(self, at: datetime) -> tuple[Digest, ...]:
        until = self.previous_until
        if self.previous is None or until is None or at >= until:
            return (self.digest,)
        return self.digest, self.previous


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done with the rights of an administrator. `actor` is a key's id, or
    "command line"; `number` is given by the log, in order."""

    at: datetime
    actor: str
    action: str
    target: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


class KeyStore(Protocol):
    def put(self, held: HeldKey) -> None:
        """Insert or replace."""

    def get(self, id: KeyId) -> HeldKey | None: ...

    def all(self) -> list[ApiKey]:
        """The oldest first, revoked ones too."""


class AuditLog(Protocol):
    def write(self, action: Action) -> None: ...

    def read(self, before: int | None, limit: int) -> list[Action]:
        """The latest first, of those with a number below `before`."""


def check_scopes(scopes: Sequence[Scope], seller: SellerId | None) -> frozenset[Scope]:
    """Raises BadInput for no scope, and where a seller's key names no seller, or another's does."""
    if not scopes:
        known = ", ".join(Scope)
        raise BadInput(f"a key needs a scope; known are {known}")
    if (Scope.SELLER in scopes) != (seller is not None):
        raise BadInput("a key of scope seller, and no other, needs the id of its seller")
    return frozenset(scopes)


def new_token(id: KeyId | None = None) -> tuple[KeyId, str, Digest]:
    """A new key's id (or this one), its token, which is shown once, and the digest to keep."""
    made = id or KeyId(secrets.token_hex(8))
    secret = secrets.token_urlsafe(32)
    return made, f"mr_{made}.{secret}", _digest(secret)


class Keys:
    """Checks tokens. A key is looked up at most once in `seconds`: so long may a revoked one still
    be taken. May be called from several threads."""

    def __init__(self, store: KeyStore, *, seconds: float = 5.0, most: int = 10_000) -> None:
        self._store = store
        self._seconds = seconds
        self._most = most
        self._seen: dict[KeyId, tuple[datetime, HeldKey | None]] = {}
        self._lock = Lock()

    def check(self, token: str, at: datetime) -> ApiKey | None:
        """The key of a token that is valid now, else None."""
        matched = _TOKEN.fullmatch(token)
        if matched is None:
            return None
        held = self._look_up(KeyId(matched[1]), at)
        if held is None or not held.key.is_valid(at) or not held.opens(_digest(matched[2]), at):
            return None
        return held.key

    def marked(self, id: KeyId, mark: str, at: datetime) -> ApiKey | None:
        """The key of this id, where it is valid now and a token of this mark still opens it."""
        held = self._look_up(id, at)
        if held is None or not held.key.is_valid(at) or not held.has_mark(mark, at):
            return None
        return held.key

    def _look_up(self, id: KeyId, at: datetime) -> HeldKey | None:
        with self._lock:
            seen = self._seen.get(id)
        if seen is not None and 0 <= (at - seen[0]).total_seconds() < self._seconds:
            return seen[1]
        held = self._store.get(id)
        with self._lock:
            if len(self._seen) >= self._most:  # somebody tries ids
                self._seen.clear()
            self._seen[id] = (at, held)
        return held


def mark_of(token: str) -> str:
    """What tells a token from the ones before and after it and gives nothing of it away: a digest
    of the digest that is kept. Raises BadInput for what is no token."""
    matched = _TOKEN.fullmatch(token)
    if matched is None:
        raise BadInput("this is no key; one looks like mr_<id>.<secret>")
    return _mark(_digest(matched[2]))


def _mark(digest: Digest) -> str:
    return hashlib.sha256(digest).hexdigest()[:32]


def _digest(secret: str) -> Digest:
    return Digest(hashlib.sha256(secret.encode()).digest())
