"""Numbers that follow the order of commits (ADR 0032).

A sequence gives out numbers when asked, not when committed, so a reader at 2 can miss a 1 that
commits later. Here a writer first waits for its turn (an advisory lock that ends with its
transaction, after the commit has become visible) and then takes numbers from a row that a
rollback gives back: when a reader sees n, everything up to n is committed.
"""

from sqlalchemy import Connection, text

# Any fixed numbers; advisory locks are per database. Events have a turn of their own: an ingest
# and a busy shop need not wait for each other.
_TURNS = {"seq": 7_307_710_001, "event": 7_307_710_003}
_LAST = text("SELECT value FROM counters WHERE name = :name")


def wait_for_turn(connection: Connection, name: str = "seq") -> None:
    """Make this transaction the only one that takes numbers of the counter until it ends. Call it
    before reading what the write depends on."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURNS[name]})


def take(connection: Connection, name: str, n: int) -> range:
    """The next n numbers of the counter `name`. The caller must have the turn."""
    last = connection.execute(
        text("UPDATE counters SET value = value + :n WHERE name = :name RETURNING value"),
        {"n": n, "name": name},
    ).scalar_one()
    return range(last - n + 1, last + 1)


def last(connection: Connection, name: str) -> int:
    """The highest number of the counter `name` that is committed; 0 where there is none."""
    return int(connection.execute(_LAST, {"name": name}).scalar_one())
