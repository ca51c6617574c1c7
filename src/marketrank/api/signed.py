"""Texts that a browser holds for us and cannot change: signed cookies, and tokens for forms.

Signatures are HMAC-SHA256 with a key derived for each purpose (itsdangerous): what was signed for
one is nothing for another. They are not secret: whoever holds a text can read what it says.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from itsdangerous import BadData, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from marketrank.config import Settings
from marketrank.durable import sync
from marketrank.errors import BadSettings

SHORTEST_KEY = 32
"""Bytes."""
CSRF_MAX_AGE_S = 12 * 3600
"""A page that was left open for longer must be loaded again before its forms work."""
_KEY_FILE = "pages"
_CSRF = "csrf"


class Signer:
    """Signs texts and checks what comes back. `now` returns seconds since 1970."""

    def __init__(self, key: bytes, *, now: Callable[[], float] = time.time) -> None:
        """Raises BadSettings for a key that is too short to be one."""
        if len(key) < SHORTEST_KEY:
            raise BadSettings(
                f"the key for signing has {len(key)} bytes; give at least {SHORTEST_KEY} random "
                'ones: python -c "import secrets; print(secrets.token_hex(32))"'
            )

        class Clocked(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(now())

        self._key = key
        self._kind = Clocked

    def sign(self, purpose: str, value: str) -> str:
        """A text of letters, digits, `-`, `_` and `.`: it fits a cookie, an address or a form."""
        return str(self._serializer(purpose).dumps(value))

    def unsign(self, purpose: str, text: str, max_age_s: float) -> str | None:
        """The value; None where it was not signed for this purpose with this key, or longer ago
        than `max_age_s`."""
        try:
            value = self._serializer(purpose).loads(text, max_age=int(max_age_s))
        except BadData:
            return None
        return value if isinstance(value, str) else None

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._key,
            salt=f"marketrank {purpose}",
            signer=self._kind,
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )


def csrf_token(signer: Signer, session: str) -> str:
    """What a form carries to show that it is from a page of ours, made for the holder of the
    cookie whose text is `session`: another site cannot read it, and it fits no other cookie."""
    return signer.sign(_CSRF, _digest(session))


def csrf_ok(signer: Signer, session: str, token: str) -> bool:
    """Whether the token was made for this cookie, and not too long ago. Never for an empty one:
    whoever has no cookie has nothing that another site could not send."""
    told = signer.unsign(_CSRF, token, CSRF_MAX_AGE_S)
    return bool(session) and told is not None and hmac.compare_digest(told, _digest(session))


def signer_of(settings: Settings) -> Signer:
    """The signer of a marketplace: with `page_key`, else with a key that is made once and kept
    where the keys of buyers are, never with the database's backups. All processes of a home share
    it."""
    return _signer(settings.keys_folder or settings.home / "keys", settings.page_key)


@cache
def _signer(folder: Path, key: str) -> Signer:
    return Signer(key.encode() if key else _read_or_make(folder / _KEY_FILE))


def _read_or_make(path: Path) -> bytes:
    """Of several processes that make it at once one wins, and all read that one's."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(SHORTEST_KEY))
        sync(draft)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        sync(path.parent)
    return path.read_bytes()


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
