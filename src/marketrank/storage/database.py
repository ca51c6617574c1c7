"""Connections to PostgreSQL and the state of its schema."""

from importlib.resources import as_file, files
from select import POLLIN, poll
from time import monotonic
from typing import Any

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError, OperationalError

from marketrank.errors import BadSettings, NotReady

_MIGRATIONS = files("marketrank.storage").joinpath("migrations")
_MIGRATING = 7_307_710_002  # advisory lock; any fixed number
_IDLE_SECONDS = 5.0  # a network may lose a connection without a word
_SESSION = (
    "-c timezone=UTC"
    # A writer that hangs in the middle of its transaction would keep all others waiting.
    " -c idle_in_transaction_session_timeout=60s"
)


def connect(url: str) -> Engine:
    """An engine for `postgresql://…`, with a pool for one web worker, checked by connecting once.

    Raises BadSettings for a URL of another kind and NotReady where no server answers; neither
    message shows the password.
    """
    target = _parse(url)
    engine = create_engine(
        target,
        # Not the server's default: after waiting for its turn a writer must see what was
        # committed meanwhile.
        isolation_level="READ COMMITTED",
        pool_size=5,
        max_overflow=10,
        pool_timeout=10,
        # An error is logged with its statement: what a row holds is nobody's business.
        hide_parameters=True,
        # A page of listings has fifty values in JSON: 0.5 ms by the standard library.
        json_deserializer=orjson.loads,
        connect_args={
            "connect_timeout": 10,
            "application_name": "marketrank",
            # Notice a peer that is gone without a word (used over the network only).
            "keepalives_idle": 30,
            "tcp_user_timeout": 30_000,
            "options": f"{target.query.get('options', '')} {_SESSION}".strip(),
        },
    )
    _ask_suspects(engine)
    try:
        with engine.connect() as connection:
            encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    except OperationalError as error:
        engine.dispose()
        raise NotReady(
            f"cannot reach the database {target.database or ''} at {_place(target)}: "
            f"{_reason(error)}. Check that the server runs and that MARKETRANK_DATABASE_URL names "
            "it; without that setting an embedded server is used"
        ) from error
    if encoding != "UTF8":
        engine.dispose()
        raise NotReady(
            f"the database {target.database} at {_place(target)} has the encoding {encoding}: "
            "create it with ENCODING 'UTF8'"
        )
    return engine


def reading(engine: Engine) -> Engine:
    """The same connections, for reads of one statement each. That sees one moment by itself, and
    needs no BEGIN and no ROLLBACK: two trips to the server less."""
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _ask_suspects(engine: Engine) -> None:
    """Ask a connection whether its server is still there, before it is used, where that may have
    gone: it has lain idle, or the server has sent something unasked, which is its farewell or the
    end of the stream. (`pool_pre_ping` asks each time: under load one trip in four.)"""

    @event.listens_for(engine, "checkin")
    def note(connection: Any, record: Any) -> None:
        record.info["used"] = monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, proxy: Any) -> None:
        idle = monotonic() - record.info.get("used", monotonic())
        try:
            if idle >= _IDLE_SECONDS or _has_sent(connection):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # All of that server: this one is made anew, and so are the others.
            raise InvalidatePoolError from error


def _has_sent(connection: Any) -> bool:
    looking = poll()
    looking.register(connection.fileno(), POLLIN)
    return bool(looking.poll(0))


def migrate(engine: Engine) -> None:
    """Bring the schema up to date, from an empty database or any earlier version.

    Several processes may call it at once. Raises NotReady for a database that a newer marketrank
    has migrated.
    """
    with as_file(_MIGRATIONS) as folder:
        known = sorted(path.stem[:4] for path in (folder / "versions").glob("[0-9]*.py"))
        with engine.connect() as connection:
            if _revision(connection, known) == known[-1]:
                return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": _MIGRATING})
            if _revision(connection, known) == known[-1]:
                return
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _revision(connection: Connection, known: list[str]) -> str | None:
    """The schema's version; None for an empty database."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if found is not None and found not in known:
        raise NotReady(
            f"the database {connection.engine.url.database} has schema version {found} and this "
            f"marketrank knows up to {known[-1]}: upgrade marketrank, or use another database"
        )
    return None if found is None else str(found)


def _parse(url: str) -> URL:
    remedy = "write postgresql://user:password@host:5432/database"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # a port that is no number
        raise BadSettings(f"database_url is not a URL: {remedy}") from error
    if parsed.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise BadSettings(f"database_url begins with {parsed.drivername}://: {remedy}")
    return parsed.set(drivername="postgresql+psycopg")


def _place(url: URL) -> str:
    host = url.host or url.query.get("host") or "the local socket"
    return f"{host}:{url.port}" if url.port else str(host)


def _reason(error: DBAPIError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error.orig).__name__
