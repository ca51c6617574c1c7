"""What every KeyStore and AuditLog does: in memory and on PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from marketrank.access import Action, ApiKey, AuditLog, Digest, HeldKey, KeyId, KeyStore, Scope
from marketrank.errors import BadInput
from marketrank.storage import database
from marketrank.storage.api_keys import PostgresAudit, PostgresKeys
from marketrank.types import SellerId
from small_access import SmallAudit, SmallKeys

AT = datetime(2026, 3, 14, tzinfo=UTC)
KEY = ApiKey(
    KeyId("0" * 16), "Ann's key", frozenset([Scope.SELLER, Scope.READ]), AT, SellerId("s1"),
    AT + timedelta(days=1), None,
)  # fmt: skip
HELD = HeldKey(KEY, Digest(b"new"), Digest(b"old"), AT + timedelta(hours=1))


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Iterator[tuple[KeyStore, AuditLog]]:
    if request.param == "memory":
        yield SmallKeys(), SmallAudit()
        return
    engine = database.connect(request.getfixturevalue("database_url"))
    yield PostgresKeys(engine), PostgresAudit(engine)
    engine.dispose()


def test_a_key_comes_back_as_it_was(stores: tuple[KeyStore, AuditLog]) -> None:
    keys, _ = stores
    keys.put(HELD)
    assert keys.get(KEY.id) == HELD
    assert keys.get(KeyId("1" * 16)) is None
    revoked = replace(HELD, key=replace(KEY, revoked_at=AT), previous=None, previous_until=None)
    keys.put(revoked)
    assert keys.get(KEY.id) == revoked
    earlier = replace(KEY, id=KeyId("2" * 16), created_at=AT - timedelta(days=1))
    keys.put(HeldKey(earlier, Digest(b"x")))
    assert [key.id for key in keys.all()] == [earlier.id, KEY.id]


def test_the_log_is_read_backwards(stores: tuple[KeyStore, AuditLog]) -> None:
    _, log = stores
    for n in range(5):
        log.write(Action(AT, "k", "DELETE", f"/v1/listings/{n}", {"status": 200}))
    page = log.read(None, 3)
    assert [one.target[-1] for one in page] == ["4", "3", "2"]
    assert page[0].detail == {"status": 200}
    assert page[0].at == AT
    assert [one.target[-1] for one in log.read(page[-1].number, 9)] == ["1", "0"]


def test_a_name_that_cannot_be_stored(database_url: str) -> None:
    engine = database.connect(database_url)
    with pytest.raises(BadInput, match="NUL"):
        PostgresKeys(engine).put(replace(HELD, key=replace(KEY, name="a\0b")))
    engine.dispose()
