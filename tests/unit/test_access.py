"""Keys: what opens, for how long, and what it allows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.access import HeldKey, KeyId, Keys, Scope, check_scopes, new_token
from marketrank.errors import BadInput
from marketrank.types import SellerId
from small_access import SmallKeys

AT = datetime(2026, 3, 14, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def made(keys: SmallKeys, *scopes: Scope, days: int = 0) -> str:
    return keys.make(*scopes, at=AT, days=days)["Authorization"].removeprefix("Bearer ")


def test_a_token_opens_its_key_alone() -> None:
    store = SmallKeys()
    one, other = made(store, Scope.READ), made(store, Scope.WRITE)
    keys = Keys(store)
    found = keys.check(one, AT)
    assert found is not None
    assert found.scopes == {Scope.READ}
    mixed = one.partition(".")[0] + "." + other.partition(".")[2]
    assert keys.check(mixed, AT) is None
    assert one not in repr(store)  # nothing that is kept holds a secret


@settings(deadline=None)
@given(st.text())
def test_any_other_text_opens_nothing(token: str) -> None:
    assert Keys(SmallKeys()).check(token, AT) is None


def test_it_ends_when_it_expires_or_is_revoked() -> None:
    store = SmallKeys()
    token = made(store, Scope.READ, days=1)
    keys = Keys(store, seconds=5)
    assert keys.check(token, AT + timedelta(days=1) - SECOND)
    assert keys.check(token, AT + timedelta(days=1)) is None
    (held,) = store.held.values()
    later = AT + SECOND
    assert keys.check(token, later)
    store.put(replace(held, key=replace(held.key, revoked_at=later)))
    assert keys.check(token, later + 4 * SECOND)  # not looked up again yet
    assert keys.check(token, later + 5 * SECOND) is None


def test_after_a_rotation_both_secrets_open_for_a_while() -> None:
    store = SmallKeys()
    old = made(store, Scope.READ)
    (held,) = store.held.values()
    _, new, digest = new_token(held.key.id)
    store.put(HeldKey(held.key, digest, held.digest, AT + timedelta(hours=24)))
    keys = Keys(store, seconds=0)
    assert keys.check(new, AT)
    assert keys.check(old, AT)
    assert keys.check(old, AT + timedelta(hours=24)) is None
    assert keys.check(new, AT + timedelta(hours=24))


def test_ids_that_are_tried_do_not_fill_the_memory() -> None:
    keys = Keys(SmallKeys(), most=3)
    for n in range(10):
        keys.check(f"mr_{n:016x}.{'a' * 43}", AT)
    assert len(keys._seen) <= 3


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ([Scope.READ], {Scope.READ}),
        ([Scope.WRITE], {Scope.READ, Scope.WRITE}),
        ([Scope.SELLER], {Scope.READ, Scope.SELLER}),
        ([Scope.ADMIN], set(Scope)),
    ],
)
def test_what_a_scope_allows(scopes: list[Scope], allowed: set[Scope]) -> None:
    store = SmallKeys()
    store.make(*scopes, at=AT, seller="s1" if Scope.SELLER in scopes else None)
    (held,) = store.held.values()
    assert {scope for scope in Scope if held.key.allows(scope)} == allowed


def test_a_sellers_key_names_its_seller_and_no_other_does() -> None:
    assert check_scopes([Scope.SELLER], SellerId("s1")) == {Scope.SELLER}
    for scopes, seller in (([Scope.SELLER], None), ([Scope.READ], SellerId("s1"))):
        with pytest.raises(BadInput, match="seller"):
            check_scopes(scopes, seller)
    with pytest.raises(BadInput, match="known are read"):
        check_scopes([], None)


def test_tokens_are_never_the_same() -> None:
    made_ids = {new_token(KeyId("0" * 16))[1] for _ in range(100)}
    assert len(made_ids) == 100
