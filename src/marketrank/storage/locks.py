"""Locks between processes, held by a session of the database."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError


class Hold:
    """One process's claim to the lock `name`, on a connection of its own.

    As a context manager it tries once to acquire; ask `held`. The database gives the lock back
    when the connection or the process ends. A holder that lost its connection learns that from
    `held` alone, so it asks before each piece of work, and its work must be harmless if another
    has begun the same.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._id = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        self._connection: Connection | None = None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; True where this object now holds it."""
        if self.held():
            return True
        # Outside a transaction, so that the session may idle for as long as it likes.
        connection = self._engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        try:
            query = text("SELECT pg_try_advisory_lock(:id)")
            if connection.execute(query, {"id": self._id}).scalar_one():
                connection.detach()  # never back to the pool: the lock is the session's
                self._connection = connection
                return True
        except BaseException:
            connection.invalidate()  # it may hold the lock
            raise
        # As it was: a process that is not the first asks several times a second.
        connection.close()
        return False

    def held(self) -> bool:
        """Whether the lock is held now; asks the server, so that a lost connection shows."""
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the lock back; harmless where it is not held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # Closing the detached session frees the lock too, but only once the server notices.
            with suppress(SQLAlchemyError):  # a lost connection has freed it
                connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": self._id})
            connection.close()

    def __enter__(self) -> "Hold":
        self.try_acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def hold(engine: Engine, name: str) -> Hold:
    """A claim to the lock `name`: `with hold(engine, "indexer") as lock: if lock.held(): …`."""
    return Hold(engine, name)


@contextmanager
def waiting(engine: Engine, name: str) -> Iterator[None]:
    """Wait for the lock `name`, and hold it until the block ends. Not for long: it is a
    transaction, which the server ends after a minute without a word."""
    id_ = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": id_})
        yield
