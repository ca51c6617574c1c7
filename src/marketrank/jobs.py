"""The nouns of work that outlasts a request, of requests that are sent twice, and their ports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one record of many. `status`: created, updated, unchanged or rejected; of the
    last `detail` says why."""

    line: int
    id: str | None
    status: str
    detail: str = ""


class JobState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """`owner` is the id of the key that asked for it; `done` of `total` lines are written, `counts`
    of them by status; `problem` says why it failed."""

    id: str
    kind: str
    owner: str
    created_at: datetime
    updated_at: datetime
    total: int
    done: int = 0
    state: JobState = JobState.RUNNING
    counts: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""


class JobStore(Protocol):
    """Where all processes see how far jobs are."""

    def put(self, job: Job) -> None:
        """Insert or replace."""

    def get(self, id: str) -> Job | None: ...

    def add_lines(self, job: str, lines: Sequence[Line]) -> None: ...

    def lines(self, job: str, after: int, limit: int) -> list[Line]:
        """Those with a number above `after`, in order."""

    def drop_before(self, at: datetime) -> int:
        """Forget jobs that were last changed before; returns how many."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The answer to a request with an idempotency key; `status` is 0 while it is being made.
    `request` is a digest of what was asked."""

    request: bytes
    status: int = 0
    body: bytes = b""
    location: str | None = None


class ReplayStore(Protocol):
    """Answers by (key that asked, idempotency key)."""

    def begin(self, owner: str, key: str, request: bytes, *, at: datetime) -> Replay | None:
        """Claim the key and return None, or what another request with it has come to. What is
        older than a day is forgotten."""

    def finish(self, owner: str, key: str, replay: Replay) -> None:
        """Keep the answer of a request that has begun."""

    def drop(self, owner: str, key: str) -> None:
        """Give up the claim: the request may be sent again."""
