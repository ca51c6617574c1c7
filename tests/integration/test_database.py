"""Connecting and migrating."""

import threading
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection

import marketrank.storage
from marketrank.errors import BadSettings, NotReady
from marketrank.storage import database
from marketrank.storage.postgres import PostgresListings
from marketrank.storage.schema import metadata
from marketrank.types import Listing, ListingId, Signal

# A writer that fails in its thread fails the test.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def sibling(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def setting(engine: Engine, name: str) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text(f"SHOW {name}")).scalar_one())


def test_a_session_is_as_the_stores_need_it(database_engine: Engine) -> None:
    assert setting(database_engine, "timezone") == "UTC"
    assert setting(database_engine, "application_name") == "marketrank"
    assert setting(database_engine, "idle_in_transaction_session_timeout") == "1min"


def test_options_of_the_url_are_kept(database_url: str) -> None:
    url = make_url(database_url).update_query_dict({"options": "-c work_mem=7MB"})
    engine = database.connect(url.render_as_string(hide_password=False))
    assert setting(engine, "work_mem") == "7MB"
    assert setting(engine, "timezone") == "UTC"
    engine.dispose()


def test_the_isolation_does_not_depend_on_the_server(
    database_url: str, database_engine: Engine
) -> None:
    """Under "repeatable read" a writer that waited for its turn would not see what came first."""
    with database_engine.begin() as connection:
        name = make_url(database_url).database
        connection.execute(
            text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
        )
    engine = database.connect(database_url)
    assert setting(engine, "transaction_isolation") == "read committed"
    store = PostgresListings(engine)
    at = datetime(2026, 3, 1, tzinfo=UTC)

    def write(number: int) -> None:
        for n in range(10):
            store.apply([Listing(ListingId(f"{number} {n}"), "Oak table")], at=at)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.live_ids()) == store.last_seq() == 40
    engine.dispose()


def test_idle_and_closed_connections_are_asked_first(
    database_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    ping = database_engine.dialect.do_ping

    def noted(connection: DBAPIConnection) -> bool:
        asked.append(connection)
        return ping(connection)

    monkeypatch.setattr(database_engine.dialect, "do_ping", noted)

    def use() -> None:
        with database_engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    use()
    use()
    assert not asked  # just used, and alive
    monkeypatch.setattr(database, "_IDLE_SECONDS", 0.0)
    use()
    assert len(asked) == 1
    monkeypatch.undo()
    with database_engine.connect() as connection:
        driver = connection.connection.driver_connection
    assert driver is not None
    driver.close()
    use()


def test_a_pool_survives_lost_connections(database_engine: Engine, database_server: str) -> None:
    def own_pid() -> int:
        with database_engine.connect() as connection:
            return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

    pid = own_pid()
    other = database.connect(database_server)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    other.dispose()
    assert own_pid() != pid


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("postgresql://someone:hush@127.0.0.1:1/shop", "shop at 127.0.0.1:1"),
        ("postgresql+psycopg://someone:hush@127.0.0.1:1/shop?connect_timeout=1", "refused"),
        ("postgres://someone:hush@/shop?host=/nowhere", "shop at /nowhere"),
    ],
)
def test_an_unreachable_server_is_named_without_its_password(url: str, named: str) -> None:
    with pytest.raises(NotReady, match=named) as caught:
        database.connect(url)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "hush" not in str(chain)
        chain = chain.__cause__ or chain.__context__


def test_a_missing_database_is_named(database_server: str) -> None:
    with pytest.raises(NotReady, match='"nowhere" does not exist'):
        database.connect(sibling(database_server, "nowhere"))


@pytest.mark.parametrize("url", ["sqlite:///hush.db", "mysql://u:hush@host/db", "hush", ""])
def test_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match="postgresql://") as caught:
        database.connect(url)
    assert "hush" not in str(caught.value)


def test_another_encoding_is_refused(database_engine: Engine, database_url: str) -> None:
    name = f"{make_url(database_url).database}_latin"
    autocommit = database_engine.execution_options(isolation_level="AUTOCOMMIT")
    with autocommit.connect() as connection:
        connection.execute(
            text(
                f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1'"
                " LOCALE_PROVIDER libc LOCALE 'C'"
            )
        )
        try:
            with pytest.raises(NotReady, match="encoding LATIN1"):
                database.connect(sibling(database_url, name))
        finally:
            connection.execute(text(f"DROP DATABASE {name}"))


# --- migrations -------------------------------------------------------------------------------


def test_migrations_make_the_tables_that_the_code_knows(empty_database_url: str) -> None:
    engine = database.connect(empty_database_url)
    database.migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        connection.execute(text("ALTER TABLE photos DROP COLUMN phash"))
        assert compare_metadata(MigrationContext.configure(connection), metadata) != []
    engine.dispose()


def test_migrating_again_changes_nothing(database_engine: Engine) -> None:
    PostgresListings(database_engine).apply(
        [Listing(ListingId("a"), "Oak table")], at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    database.migrate(database_engine)
    assert PostgresListings(database_engine).live_ids() == {"a"}


def test_several_may_migrate_at_once(empty_database_url: str) -> None:
    engines = [database.connect(empty_database_url) for _ in range(4)]
    failures: list[Exception] = []
    together = threading.Barrier(len(engines))

    def migrate(engine: Engine) -> None:
        together.wait()
        try:
            database.migrate(engine)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for engine in engines:
        engine.dispose()
    assert failures == []


def test_a_newer_database_is_refused(database_engine: Engine) -> None:
    with database_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NotReady, match=r"schema version 9999 .* upgrade marketrank"):
        database.migrate(database_engine)


def test_file_names_begin_with_their_revision() -> None:
    """`migrate` reads the known versions from the names, which is quicker than Alembic."""
    folder = f"{marketrank.storage.__path__[0]}/migrations"
    scripts = list(ScriptDirectory(folder).walk_revisions())
    assert scripts
    for script in scripts:
        assert script.path.rpartition("/")[2].startswith(f"{script.revision}_")
    assert ScriptDirectory(folder).get_current_head() == max(s.revision for s in scripts)


def test_signals_of_an_earlier_version_are_kept_with_a_reason(empty_database_url: str) -> None:
    engine = database.connect(empty_database_url)
    folder = files("marketrank.storage").joinpath("migrations")
    config = Config()
    config.set_main_option("script_location", str(folder))
    row = {"key": 1, "id": "a", "title": "Oak table", "description": "", "category": "{}"}
    row |= {"flags": "{}", "signals": "{price_outlier,duplicate}", "content_hash": "", "seq": 1}
    row |= {"live": True, "first_seen": "2026-03-01Z", "updated_at": "2026-03-01Z"}
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO listings ({names}) VALUES ({values})"), row)
    database.migrate(engine)
    (stored,) = PostgresListings(engine).with_findings()
    assert stored.signals == (Signal.DUPLICATE, Signal.PRICE_OUTLIER)
    assert "unusual" in stored.findings[1].reason
    engine.dispose()
