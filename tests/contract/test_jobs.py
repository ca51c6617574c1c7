"""What every JobStore and ReplayStore does: in memory and on PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from marketrank.jobs import Job, JobState, JobStore, Line, Replay, ReplayStore
from marketrank.storage import database
from marketrank.storage.jobs import PostgresJobs, PostgresReplays
from small_stores import SmallJobs, SmallReplays

AT = datetime(2026, 3, 14, tzinfo=UTC)
JOB = Job("j1", "upsert listings", "k1", AT, AT, total=5)
Stores = tuple[JobStore, ReplayStore]


@pytest.fixture(params=["memory", "postgres"])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "memory":
        yield SmallJobs(), SmallReplays()
        return
    engine = database.connect(request.getfixturevalue("database_url"))
    yield PostgresJobs(engine), PostgresReplays(engine)
    engine.dispose()


def test_a_job_and_its_lines(stores: Stores) -> None:
    jobs, _ = stores
    jobs.put(JOB)
    assert jobs.get("j1") == JOB
    assert jobs.get("j2") is None
    done = replace(
        JOB, done=3, state=JobState.FAILED, counts={"created": 3}, problem="x",
        updated_at=AT + timedelta(seconds=1),
    )  # fmt: skip
    jobs.put(done)
    assert jobs.get("j1") == done
    lines = [Line(1, "a", "created"), Line(3, None, "rejected", "it is not JSON")]
    jobs.add_lines("j1", lines)
    jobs.add_lines("j1", [Line(4, "b", "updated")])
    jobs.add_lines("j1", [])
    assert jobs.lines("j1", 0, 2) == lines
    assert jobs.lines("j1", 3, 9) == [Line(4, "b", "updated")]


def test_old_jobs_are_forgotten_with_their_lines(stores: Stores) -> None:
    jobs, _ = stores
    jobs.put(JOB)
    jobs.add_lines("j1", [Line(1, "a", "created")])
    jobs.put(replace(JOB, id="j2", updated_at=AT + timedelta(days=1)))
    assert jobs.drop_before(AT + timedelta(hours=1)) == 1
    assert jobs.get("j1") is None
    assert jobs.lines("j1", 0, 9) == []
    assert jobs.get("j2") is not None


def test_a_key_is_claimed_once(stores: Stores) -> None:
    _, replays = stores
    assert replays.begin("k1", "a", b"1", at=AT) is None
    assert replays.begin("k1", "a", b"2", at=AT) == Replay(b"1")
    assert replays.begin("k2", "a", b"1", at=AT) is None
    answer = Replay(b"1", 201, b"{}", "/v1/listings/1")
    replays.finish("k1", "a", answer)
    assert replays.begin("k1", "a", b"1", at=AT) == answer
    replays.drop("k2", "a")
    assert replays.begin("k2", "a", b"3", at=AT) is None
    assert replays.begin("k1", "a", b"4", at=AT + timedelta(days=1, seconds=1)) is None
