"""Upserts that outlast their request: they run in a thread, and tell how far they are."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from marketrank.errors import MarketrankError
from marketrank.jobs import Job, JobState, JobStore, Line
from marketrank.pipelines.offers import BATCH, Offers, Writer

SILENCE = timedelta(minutes=2)
"""A job that says nothing for so long has lost its process."""
_log = logging.getLogger(__name__)


class BulkWrites:
    """Upserts of many listings, one job after another in a thread of this process."""

    def __init__(self, offers: Offers, jobs: JobStore, clock: Callable[[], datetime]) -> None:
        self._offers = offers
        self._jobs = jobs
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bulk")

    def start(
        self, records: Sequence[tuple[int, Mapping[str, Any] | str]], writer: Writer, owner: str
    ) -> Job:
        """The job, which goes on by itself."""
        at = self._clock()
        self._jobs.drop_before(at - timedelta(days=7))
        job = Job(uuid4().hex, "upsert listings", owner, at, at, len(records))
        self._jobs.put(job)
        self._thread.submit(self._run, job, records, writer)
        return job

    def find(self, id: str, owner: str | None) -> Job | None:
        """A job of this owner (None: anybody's). One that has lost its process has failed."""
        job = self._jobs.get(id)
        if job is None or (owner is not None and job.owner != owner):
            return None
        if job.state is JobState.RUNNING and self._clock() - job.updated_at > SILENCE:
            problem = "the process that ran it has ended; send the listings again"
            return replace(job, state=JobState.FAILED, problem=problem)
        return job

    def lines(self, job: Job, after: int, limit: int) -> list[Line]:
        return self._jobs.lines(job.id, after, limit)

    def stop(self) -> None:
        """Let the batch that is being written end, and start no other."""
        self._thread.shutdown(cancel_futures=True)

    def _run(
        self, job: Job, records: Sequence[tuple[int, Mapping[str, Any] | str]], writer: Writer
    ) -> None:
        counts: Counter[str] = Counter()
        seen: set[str] = set()
        try:
            for first in range(0, len(records), BATCH):
                lines = self._offers.upsert(
                    records[first : first + BATCH], writer, self._clock(), seen
                )
                counts.update(line.status for line in lines)
                self._jobs.add_lines(job.id, lines)
                job = replace(
                    job, done=job.done + len(lines), counts=dict(counts), updated_at=self._clock()
                )
                self._jobs.put(job)
            job = replace(job, state=JobState.DONE)
        except Exception as error:  # nobody waits for the thread: the job must tell
            _log.exception("job %s failed", job.id)
            told = str(error) if isinstance(error, MarketrankError) else "it failed on our side"
            job = replace(job, state=JobState.FAILED, problem=f"{told}; send the rest again")
        self._jobs.put(replace(job, updated_at=self._clock()))
