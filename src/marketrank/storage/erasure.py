"""What must not happen at once: a key that is destroyed while rows are being written with it.

Writers hold a lock together, whoever destroys a key holds it alone. Where both are needed, the turn
of `numbers` comes first.
"""

from sqlalchemy import Connection, text

from marketrank.storage import numbers

_ERASING = 7_307_710_004  # advisory lock; any fixed number


def hold_off(connection: Connection) -> None:
    """Until this transaction ends no key is destroyed."""
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:id)"), {"id": _ERASING})


def wait_for_writers(connection: Connection) -> None:
    """Until this transaction ends nobody writes with a key."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _ERASING})


def drop_history(connection: Connection, pseudonym: bytes) -> None:
    """Delete what a buyer did, but for what they have hidden, and what they were shown."""
    for statement in (
        "DELETE FROM events WHERE pseudonym = :pseudonym AND NOT lasting",
        "DELETE FROM impressions WHERE pseudonym = :pseudonym",
    ):
        connection.execute(text(statement), {"pseudonym": pseudonym})


def drop_outreach(connection: Connection, pseudonym: bytes) -> None:
    """Delete which sellers were told of a buyer."""
    connection.execute(
        text("DELETE FROM offered WHERE pseudonym = :pseudonym"), {"pseudonym": pseudonym}
    )


def drop_buyer(connection: Connection, pseudonym: bytes) -> None:
    """Delete all rows of a buyer and tell those who remember them. The caller has the turn of the
    events."""
    drop_history(connection, pseudonym)
    drop_outreach(connection, pseudonym)
    connection.execute(
        text("DELETE FROM events WHERE pseudonym = :pseudonym"), {"pseudonym": pseudonym}
    )
    connection.execute(
        text(
            "UPDATE buyers SET sealed = NULL, seq = :seq, erased_on = CURRENT_DATE"
            " WHERE pseudonym = :pseudonym"
        ),
        {"pseudonym": pseudonym, "seq": numbers.take(connection, "event", 1)[0]},
    )
