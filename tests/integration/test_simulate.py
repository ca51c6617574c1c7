"""`marketrank simulate`: files of a market and its shoppers."""

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

from marketrank.cli import app
from marketrank.errors import BadInput
from marketrank.feedback.session_files import read_sessions
from marketrank.simulate.market import write_market
from marketrank.simulate.shopper_stock import draw_stock
from shopping_server import Server

ARGUMENTS = ["--no-photos", "--listings", "300", "--buyers", "80", "--days", "10"]
KEY = "mr_of-the-test"


def simulate(out: Path, *more: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["simulate", "--out", str(out), "--json", *more])
    assert result.exit_code == 0, result.output
    paths: dict[str, Any] = orjson.loads(result.stdout)
    return paths


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("market")
    simulate(out, *ARGUMENTS)
    return out


def bytes_of(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes(market: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "again", *ARGUMENTS)
    simulate(tmp_path / "other", *ARGUMENTS, "--seed", "8")
    assert bytes_of(tmp_path / "again") == bytes_of(market)
    other = bytes_of(tmp_path / "other")
    assert other.keys() == bytes_of(market).keys()
    assert other["events.csv"] != bytes_of(market)["events.csv"]


def test_it_is_an_interaction_set_with_sessions(market: Path) -> None:
    buyers, listings, events = (
        pl.read_csv(market / f"{name}.csv") for name in ("buyers", "listings", "events")
    )
    assert buyers.columns == ["buyer_id", "age", "sex", "household", "county"]
    assert listings.columns[:3] == ["listing_id", "title", "category"]
    assert events.columns[:4] == ["buyer_id", "listing_id", "at", "kind"]
    assert set(events["buyer_id"]) <= set(buyers["buyer_id"]) and len(buyers) == 80
    assert set(events["listing_id"]) <= set(listings["listing_id"]) and len(listings) == 300
    assert 0 < buyers["age"].null_count() < 40
    sessions = list(read_sessions(market))
    assert sum(len(one.interactions) for one in sessions) == len(events) > 200
    assert 600 < len(sessions) < 1000


def test_the_truth_goes_with_the_impressions(market: Path) -> None:
    shown = pl.read_parquet(market / "impressions.parquet")
    truth = pl.read_parquet(market / "truth" / "relevance.parquet")
    assert shown.select("request_id", "listing_id").equals(truth.select("request_id", "listing_id"))
    assert truth["relevance"].is_between(0, 1).all()
    off_page = shown["position"].to_numpy() < 0
    assert (truth["examination"].is_nan().to_numpy() == off_page).all() and off_page.any()
    assert not {"relevance", "examination"} & set(shown.columns)
    interest = pl.read_parquet(market / "truth" / "interest.parquet")
    assert interest["interest"].is_between(0, 1).all() and len(interest) > 1000
    parameters = orjson.loads((market / "truth" / "parameters.json").read_bytes())
    assert (parameters["eta"], parameters["buyers"], parameters["seed"]) == (1.0, 80, 7)


def test_products_are_those_of_the_feed(market: Path) -> None:
    """What buyers did can be told to a server that has taken in the feed."""
    products = (market / "products.csv").read_text()
    listed = pl.read_csv(market / "listings.csv")["listing_id"]
    assert sum(one in products for one in listed) > 0.95 * len(listed)


def test_photos_are_left_out_and_nothing_else_changes(tmp_path: Path) -> None:
    at = datetime(2026, 2, 21, 12, tzinfo=UTC)
    write_market(tmp_path / "with", listings=8, at=at, processes=1)
    write_market(tmp_path / "without", listings=8, at=at, photos=False)
    found, bare = bytes_of(tmp_path / "with"), bytes_of(tmp_path / "without")
    assert set(bare) == {"products.csv", "truth.jsonl"}
    assert bare.items() <= found.items() and len(found) > 4


@pytest.mark.parametrize(
    ("options", "first", "second"),
    [((), 1.0, 0.5), (("--eta", "2"), 1.0, 0.25), (("--eta", "0"), 1.0, 1.0)],
)
def test_the_exponent_is_heeded(
    tmp_path: Path, options: tuple[str, ...], first: float, second: float
) -> None:
    simulate(tmp_path, *ARGUMENTS, "--sessions", "60", *options)
    table = pl.read_csv(tmp_path / "truth" / "propensity.csv").filter(surface="search")
    assert table["examination"].to_list()[:2] == pytest.approx([first, second], abs=1e-4)


def test_a_cascade_sessions_and_days_are_heeded(tmp_path: Path) -> None:
    simulate(tmp_path, *ARGUMENTS[:-1], "3", "--sessions", "60", "--cascade")
    table = pl.read_csv(tmp_path / "truth" / "propensity.csv").filter(surface="search")
    assert 0.6 < table["examination"][1] < 0.9
    impressions = pl.read_parquet(tmp_path / "impressions.parquet")
    assert 30 < impressions["request_id"].n_unique() < 90
    assert (impressions["at"].max() - impressions["at"].min()).days < 3


def test_a_market_can_be_without_buyers_and_a_tiny_one_is(tmp_path: Path) -> None:
    simulate(tmp_path / "none", "--no-photos", "--listings", "200", "--buyers", "0")
    simulate(tmp_path / "tiny", "--no-photos", "--listings", "20")
    for name in ("none", "tiny"):
        assert set(bytes_of(tmp_path / name)) == {"products.csv", "truth.jsonl"}


def test_one_of_folder_and_server_must_be_given(tmp_path: Path) -> None:
    for arguments in ([], ["--out", str(tmp_path), "--drive", "http://127.0.0.1:9"]):
        result = CliRunner().invoke(app, ["simulate", *arguments])
        assert result.exit_code != 0
        assert "give one of --out DIR and --drive URL" in str(result.exception) + result.output


def test_random_state_of_the_process_is_left_alone(tmp_path: Path) -> None:
    random.seed(1)
    before = random.getstate()
    simulate(tmp_path, *ARGUMENTS, "--sessions", "30")
    assert random.getstate() == before


@pytest.fixture
def served() -> Iterator[tuple[str, Server]]:
    """A server on a free port that wants KEY and is busy at first, as its address."""
    busy = count()
    shop = Server(draw_stock(listings=300, seed=7, at=datetime(2026, 2, 21, 12, tzinfo=UTC)))

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = orjson.loads(self.rfile.read(length)) if length else None
            status, answer = 401, {"detail": "this needs a key"}
            if self.headers.get("Authorization") == f"Bearer {KEY}":
                status, answer = shop(self.command, self.path, body)
            if next(busy) == 0:
                status = 429
            self.send_response(status)
            self.send_header("Retry-After", "0.01")
            self.end_headers()
            self.wfile.write(orjson.dumps(answer))

        do_GET = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", shop
        server.shutdown()


def test_a_running_server_is_visited(served: tuple[str, Server]) -> None:
    url, shop = served
    arguments = ["simulate", "--drive", url, "--json", *ARGUMENTS, "--sessions", "60"]
    for key in ([], ["--key", "another"]):
        refused = CliRunner().invoke(app, [*arguments, *key])
        assert isinstance(refused.exception, BadInput)
        assert "--key or MARKETRANK_KEY" in str(refused.exception)
    result = CliRunner().invoke(app, arguments, env={"MARKETRANK_KEY": KEY})
    assert result.exit_code == 0, result.output
    done = orjson.loads(result.stdout)
    assert done["visits"] == 60 and done["median_ms"] > 0
    assert done["accepted"] == len(shop.events) == sum(done["events"].values()) > 5
    assert len(shop.profiles) == done["buyers"]
    assert {one["listing"] for one in shop.events} <= set(shop.listings)
