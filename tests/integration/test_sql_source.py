"""A foreign PostgreSQL database as a feed, on the run's own server."""

from collections.abc import Iterator
from time import monotonic, sleep

import psycopg
import pytest
from sqlalchemy import make_url

from marketrank.errors import BadInput
from marketrank.listings import sql_source
from marketrank.listings.sources import ImageRow, Record, read_images_table, read_products
from marketrank.types import ImageId, ListingId

COUNT = 2 * sql_source._CHUNK + 10


@pytest.fixture
def feed_url(empty_database_url: str) -> Iterator[str]:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE products (id text, product_name text, price numeric(10, 2), "
            "create_time timestamptz, product_description text)"
        )
        connection.execute(
            "INSERT INTO products SELECT 'id-' || n, 'Lamp ' || n, n + 0.5, "
            "'2022-02-25 12:00+00', 'N/A' FROM generate_series(1, %s) AS n",
            [COUNT],
        )
        connection.execute("CREATE TABLE photos (id text, product_id text)")
        connection.execute("INSERT INTO photos VALUES ('p', 'id-1')")
        connection.execute("CREATE VIEW images AS SELECT * FROM photos")
    yield empty_database_url


def test_products_come_in_chunks_as_records(feed_url: str) -> None:
    records = [one for one in read_products(feed_url) if isinstance(one, Record)]
    assert len(records) == COUNT
    first = min(records, key=lambda record: float(record.values["price"] or 0))
    assert first.values == {
        "id": "id-1",
        "title": "Lamp 1",
        "description": None,
        "price": "1.50",
        "created_at": "2022-02-25 12:00:00+00:00",
    }
    assert [record.row for record in records] == list(range(1, COUNT + 1))


def test_images_may_be_a_view(feed_url: str) -> None:
    assert list(read_images_table(feed_url)) == [ImageRow(1, ImageId("p"), ListingId("id-1"))]


def test_nothing_can_be_written(feed_url: str) -> None:
    with psycopg.connect(feed_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS text LANGUAGE plpgsql AS "
            "$$ BEGIN DELETE FROM photos; RETURN 'x'; END $$"
        )
        connection.execute("DROP TABLE products")
        connection.execute("CREATE VIEW products AS SELECT spoil() AS id, 'Lamp' AS title")
    with pytest.raises(BadInput, match="read-only transaction"):
        list(read_products(feed_url))


def test_stopping_early_leaves_no_connection(feed_url: str) -> None:
    records = read_products(feed_url)
    next(records)
    records.close()  # type: ignore[attr-defined]
    end = monotonic() + 10
    with psycopg.connect(feed_url, autocommit=True) as connection:
        while True:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state <> 'idle'"
            ).fetchone()
            # A server's process that was left takes a moment to end.
            if row == (0,) or monotonic() > end:
                break
            sleep(0.05)
    assert row == (0,)


def failing_view(url: str, message: str) -> None:
    """A view `products` whose rows from the 20,000th on raise an error."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION fail(n int) RETURNS text LANGUAGE plpgsql AS "
            f"$$ BEGIN IF n > 20000 THEN RAISE '{message}'; END IF; RETURN n; END $$"
        )
        connection.execute(
            "CREATE VIEW products AS SELECT fail(n) AS id, 'Lamp' AS title "
            "FROM generate_series(1, 30000) AS n"
        )


def test_rows_come_before_the_last_is_known(empty_database_url: str) -> None:
    failing_view(empty_database_url, "the disk is gone")
    records = read_products(empty_database_url)
    assert next(records) == Record(1, {"id": "1", "title": "Lamp"})
    with pytest.raises(BadInput, match=r"table 'products' of .*the disk is gone"):
        list(records)


def test_what_the_server_says_is_shown_without_the_password(empty_database_url: str) -> None:
    failing_view(empty_database_url, "no s3cret here")
    url = make_url(empty_database_url).set(password="s3cret").render_as_string(hide_password=False)
    with pytest.raises(BadInput, match=r"no \*\*\* here"):
        list(read_products(url))


def test_a_missing_table_names_those_there_are(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE ads (id text)")
    with pytest.raises(BadInput, match="no table 'products': found ads; expected products and"):
        list(read_products(empty_database_url))


@pytest.mark.parametrize(
    "change", [{"password": "s3cret"}, {"query": {"password": "s3cret"}}], ids=["user", "query"]
)
def test_errors_show_no_password(feed_url: str, change: dict[str, str]) -> None:
    url = make_url(feed_url).set(database="nowhere", **change)
    with pytest.raises(BadInput, match="nowhere") as caught:
        list(read_products(url.render_as_string(hide_password=False)))
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_malformed_url_is_not_repeated() -> None:
    with pytest.raises(BadInput, match="database URL is malformed") as caught:
        list(read_products("postgresql://user:s3cret@host:port:1/x"))
    assert "s3cret" not in str(caught.value)
