"""What every Quarantine does, run against each implementation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from marketrank.errors import BadInput
from marketrank.ports import Quarantine
from marketrank.storage.quarantine import PostgresQuarantine
from marketrank.types import Reason, Rejected

T0 = datetime(2026, 3, 1, tzinfo=UTC)
T1 = T0 + timedelta(days=1)

IMPLEMENTATIONS = {"postgres": PostgresQuarantine}


@pytest.fixture(params=IMPLEMENTATIONS)
def quarantine(request: pytest.FixtureRequest, database_engine: Engine) -> Quarantine:
    made: Quarantine = IMPLEMENTATIONS[request.param](database_engine)
    return made


def rejected(key: str, kind: str = "listing", **fields: str) -> Rejected:
    reason = Reason(fields.pop("reason", "missing_title"))
    detail = fields.pop("detail", "the title is empty")
    return Rejected(kind, key, reason, detail, "Products.csv", **fields)


def test_what_is_put_comes_back_sorted(quarantine: Quarantine) -> None:
    records = [
        rejected("row 7", raw='{"price": "\\n£5"}'),
        rejected("b", "photo", reason="photo_truncated", detail="ends at byte 10"),
        rejected("B"),
        rejected("a"),
    ]
    quarantine.put(records, at=T0)
    assert quarantine.all() == [records[2], records[3], records[0], records[1]]


def test_a_newer_rejection_replaces_the_older_of_the_same_kind_and_key(
    quarantine: Quarantine,
) -> None:
    quarantine.put([rejected("a"), rejected("a", "photo")], at=T0)
    newer = rejected("a", reason="torn_record", detail="two fields", raw="x")
    quarantine.put([newer], at=T1)
    assert quarantine.all() == [newer, rejected("a", "photo")]


def test_of_two_in_one_batch_the_later_counts(quarantine: Quarantine) -> None:
    quarantine.put([rejected("a", detail="first"), rejected("a", detail="second")], at=T0)
    assert quarantine.all() == [rejected("a", detail="second")]


def test_clear_removes_only_what_is_named(quarantine: Quarantine) -> None:
    quarantine.put([rejected("a"), rejected("b"), rejected("a", "photo")], at=T0)
    assert quarantine.clear("listing", ["a", "unknown"]) == 1
    assert quarantine.all() == [rejected("b"), rejected("a", "photo")]
    assert quarantine.clear("listing", ["a"]) == 0
    assert quarantine.clear("listing", []) == 0


def test_keep_only_removes_the_rest_of_one_source_and_kind(quarantine: Quarantine) -> None:
    other = replace(rejected("d"), source="Other.csv")
    photo = rejected("a", "photo")
    quarantine.put([rejected("a"), rejected("b"), rejected("c"), other, photo], at=T0)
    assert quarantine.keep_only("listing", "Products.csv", ["b", "unknown"]) == 2
    assert quarantine.all() == [rejected("b"), other, photo]
    assert quarantine.keep_only("listing", "Products.csv", []) == 1
    assert quarantine.all() == [other, photo]


def test_nothing_put_is_nothing_kept(quarantine: Quarantine) -> None:
    quarantine.put([], at=T0)
    assert quarantine.all() == []


keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@given(records=st.dictionaries(keys, keys, max_size=5))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_kept_and_found(quarantine: Quarantine, records: dict[str, str]) -> None:
    put = [rejected(key, detail=text, raw=text) for key, text in records.items()]
    quarantine.put(put, at=T0)
    assert quarantine.all() == sorted(put, key=lambda record: record.key)
    assert quarantine.clear("listing", list(records)) == len(records)
    assert quarantine.all() == []


def test_a_torn_record_may_have_a_whole_description_for_a_key(quarantine: Quarantine) -> None:
    # random text, so that compression does not bring it below the limit of an index entry
    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(20_000))
    quarantine.put([rejected(long), rejected(long + "x")], at=T0)
    assert quarantine.clear("listing", [long]) == 1
    assert quarantine.all() == [rejected(long + "x")]


@pytest.mark.parametrize("bad", ["a\0b", "\ud800"])
def test_text_that_cannot_be_stored_is_named(quarantine: Quarantine, bad: str) -> None:
    with pytest.raises(BadInput, match="rejected listing 'k'"):
        quarantine.put([rejected("ok"), rejected("k", raw=bad)], at=T0)
    assert quarantine.all() == []


def test_an_equal_rejection_keeps_its_time(database_engine: Engine) -> None:
    quarantine = PostgresQuarantine(database_engine)
    quarantine.put([rejected("a"), rejected("b")], at=T0)
    quarantine.put([rejected("a"), rejected("b", detail="other")], at=T1)
    with database_engine.connect() as connection:
        found = connection.execute(text("SELECT key, at FROM rejected ORDER BY key")).all()
    assert [tuple(row) for row in found] == [("a", T0), ("b", T1)]


def test_counts_and_pages_by_kind_and_reason(quarantine: Quarantine) -> None:
    torn = Reason.TORN_RECORD
    quarantine.put([rejected("a"), rejected("b", reason="torn_record")], at=T0)
    quarantine.put([rejected("c", reason="torn_record"), rejected("d", "photo")], at=T1)
    title = Reason.MISSING_TITLE
    assert quarantine.counts() == {
        ("listing", title): 1,
        ("listing", torn): 2,
        ("photo", title): 1,
    }
    found = quarantine.page(None, None, 0, 10)
    assert [at for at, _ in found] == [T1, T1, T0, T0]
    assert sorted(one.key for _, one in found) == ["a", "b", "c", "d"]
    assert [one.key for _, one in quarantine.page(None, torn, 0, 10)] == ["c", "b"]
    assert [one.key for _, one in quarantine.page("listing", torn, 1, 10)] == ["b"]
    assert [one.key for _, one in quarantine.page("photo", None, 0, 10)] == ["d"]
    assert quarantine.page("photo", torn, 0, 10) == []
    pages = [quarantine.page(None, None, offset, 1) for offset in range(5)]
    assert [one for page in pages for one in page] == found
