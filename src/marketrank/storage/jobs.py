"""Jobs, and answers that can be repeated, on PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.dialects import postgresql

from marketrank.jobs import Job, JobState, Line, Replay
from marketrank.storage.checks import check_text
from marketrank.storage.schema import job_lines, jobs, replays

_KEPT = timedelta(days=1)


class PostgresJobs:
    """JobStore on a migrated database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, job: Job) -> None:
        """See JobStore."""
        values = {
            "id": job.id,
            "kind": job.kind,
            "owner": job.owner,
            "state": str(job.state),
            "done": job.done,
            "total": job.total,
            "counts": dict(job.counts),
            "problem": job.problem.replace("\0", "�"),
            "created_at": job.created_at,
            "updated_at": job.updated_at,
        }
        put = postgresql.insert(jobs).values(values)
        with self._engine.begin() as connection:
            connection.execute(put.on_conflict_do_update(index_elements=["id"], set_=values))

    def get(self, id: str) -> Job | None:
        """See JobStore."""
        check_text("job", [id])
        with self._engine.connect() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == id)).one_or_none()
        if row is None:
            return None
        return Job(
            id=row.id,
            kind=row.kind,
            owner=row.owner,
            created_at=row.created_at,
            updated_at=row.updated_at,
            total=row.total,
            done=row.done,
            state=JobState(row.state),
            counts=row.counts,
            problem=row.problem,
        )

    def add_lines(self, job: str, lines: Sequence[Line]) -> None:
        """See JobStore."""
        rows = [
            {
                "job": job,
                "line": line.line,
                "id": line.id,
                "status": line.status,
                "detail": line.detail.replace("\0", "�"),
            }
            for line in lines
        ]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(job_lines), rows)

    def lines(self, job: str, after: int, limit: int) -> list[Line]:
        """See JobStore."""
        columns = (job_lines.c.line, job_lines.c.id, job_lines.c.status, job_lines.c.detail)
        query = select(*columns).where(job_lines.c.job == job, job_lines.c.line > after)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(job_lines.c.line).limit(limit))
            return [Line(row.line, row.id, row.status, row.detail) for row in rows]

    def drop_before(self, at: datetime) -> int:
        """See JobStore."""
        with self._engine.begin() as connection:
            return connection.execute(delete(jobs).where(jobs.c.updated_at < at)).rowcount


class PostgresReplays:
    """ReplayStore on a migrated database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, owner: str, key: str, request: bytes, *, at: datetime) -> Replay | None:
        """See ReplayStore."""
        check_text("Idempotency-Key", [key])
        claim = postgresql.insert(replays).values(
            owner=owner, key=key, request=request, status=0, body=b"", location=None, at=at
        )
        mine = (replays.c.owner == owner) & (replays.c.key == key)
        with self._engine.begin() as connection:
            connection.execute(delete(replays).where(replays.c.at < at - _KEPT))
            # It waits for another transaction that is claiming the same key.
            claimed = claim.on_conflict_do_nothing().returning(replays.c.key)
            if connection.execute(claimed).one_or_none() is not None:
                return None
            row = connection.execute(select(replays).where(mine)).one()
        return Replay(bytes(row.request), row.status, bytes(row.body), row.location)

    def finish(self, owner: str, key: str, replay: Replay) -> None:
        """See ReplayStore."""
        mine = (replays.c.owner == owner) & (replays.c.key == key)
        values = {"status": replay.status, "body": replay.body, "location": replay.location}
        with self._engine.begin() as connection:
            connection.execute(update(replays).where(mine).values(values))

    def drop(self, owner: str, key: str) -> None:
        """See ReplayStore."""
        mine = (replays.c.owner == owner) & (replays.c.key == key)
        with self._engine.begin() as connection:
            connection.execute(delete(replays).where(mine))
