"""Sessions of the operator's area: for how long, and for which keys."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from marketrank.access import HeldKey, KeyId, Keys, Scope, mark_of, new_token
from marketrank.api.operator.sessions import COOKIE, SECONDS, Sessions
from marketrank.api.signed import Signer
from marketrank.errors import BadInput
from small_access import SmallKeys

AT = datetime(2026, 3, 14, tzinfo=UTC)


class Clock:
    seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def store() -> SmallKeys:
    return SmallKeys()


def made(store: SmallKeys, *scopes: Scope) -> str:
    return store.make(*scopes, at=AT)["Authorization"].removeprefix("Bearer ")


def test_a_session_lasts_for_eight_hours(store: SmallKeys) -> None:
    clock = Clock()
    sessions = Sessions(lambda: Signer(b"k" * 32, now=clock), lambda: Keys(store))
    opened = sessions.open(made(store, Scope.ADMIN), AT)
    assert opened is not None
    assert SECONDS == 8 * 3600
    cookies = {COOKIE: opened.cookie}
    clock.seconds += SECONDS
    assert sessions.read(cookies, AT) == opened
    clock.seconds += 1
    assert sessions.read(cookies, AT) is None


def test_two_sessions_of_a_key_take_no_forms_of_each_other(store: SmallKeys) -> None:
    sessions = Sessions(lambda: Signer(b"k" * 32), lambda: Keys(store))
    token = made(store, Scope.ADMIN, Scope.READ)
    one, other = sessions.open(token, AT), sessions.open(token, AT)
    assert one is not None
    assert other is not None
    assert one.cookie != other.cookie
    assert sessions.is_own(one.cookie, sessions.token(one.cookie))
    assert not sessions.is_own(one.cookie, sessions.token(other.cookie))


def test_a_revoked_key_ends_its_sessions_when_it_is_looked_up_again(store: SmallKeys) -> None:
    keys = Keys(store, seconds=5)
    sessions = Sessions(lambda: Signer(b"k" * 32), lambda: keys)
    opened = sessions.open(made(store, Scope.ADMIN), AT)
    assert opened is not None
    held = store.held[opened.key.id]
    store.put(replace(held, key=replace(held.key, revoked_at=AT)))
    cookies = {COOKIE: opened.cookie}
    assert sessions.read(cookies, AT + timedelta(seconds=4)) is not None
    assert sessions.read(cookies, AT + timedelta(seconds=5)) is None


def test_a_cookie_that_was_signed_for_something_else_is_nobodys(store: SmallKeys) -> None:
    signer, token = Signer(b"k" * 32), made(store, Scope.ADMIN)
    sessions = Sessions(lambda: signer, lambda: Keys(store))
    value = f"{token[3:19]}.{mark_of(token)}.x"
    assert sessions.read({COOKIE: signer.sign("operator", value)}, AT) is not None
    for cookie in (signer.sign("buyer", value), signer.sign("operator", "x"), value, ""):
        assert sessions.read({COOKIE: cookie}, AT) is None
    assert sessions.read({}, AT) is None


def test_a_mark_tells_secrets_apart_and_gives_none_away(store: SmallKeys) -> None:
    old = made(store, Scope.ADMIN)
    id_ = KeyId(old[3:19])
    held, keys = store.held[id_], Keys(store, seconds=0)
    assert keys.marked(id_, mark_of(old), AT) == held.key
    assert mark_of(old) not in held.digest.hex()
    _, new, digest = new_token(id_)
    later = AT + timedelta(hours=1)
    store.put(HeldKey(held.key, digest, held.digest, later))
    assert keys.marked(id_, mark_of(old), AT)
    assert keys.marked(id_, mark_of(old), later) is None
    assert keys.marked(id_, mark_of(new), later)
    assert keys.marked(KeyId("0" * 16), mark_of(new), later) is None
    with pytest.raises(BadInput, match=r"mr_<id>"):
        mark_of("nonsense")
