"""The command line as its users meet it: mistakes named, other people's text left alone."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from marketrank import cli
from marketrank.config import load
from marketrank.storage import embedded
from marketrank.types import Listing, ListingId
from marketrank.wiring import Marketplace

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "marketrank", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
            timeout=120,
        )

    return call


@pytest.fixture
def embedded_home(encoder_folder: Path) -> Iterator[Path]:
    """A home of its own, outside of pytest's folder, which is closed to the server's user."""
    with tempfile.TemporaryDirectory(prefix="marketrank-test-") as folder:
        home = Path(folder)
        (home / "models").mkdir()
        (home / "models" / encoder_folder.name).symlink_to(encoder_folder)
        yield home
        embedded.leave(home)
        embedded.stop(home)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "lamp", "--home", "typo"], "no home"),
        (["serve", "--home", "h", "--host", "no.such.host.invalid"], "no.such.host.invalid"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(run: Run, arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ingest", "--products", "a[/b].csv", "--home", "h"], "a[/b].csv"),
        (["ingest", "--products", "a.xlsx", "--home", "h"], ".jsonl"),
        (["ingest", "--products", "postgresql://[", "--home", "h"], "postgresql://"),
        (["index", "--home", "/proc/nope"], "/proc/nope"),
        (["rejected", "--csv", "--json", "--home", "h"], "--csv and --json"),
        (
            ["ingest", "--products", "a.csv", "--images-table", "postgresql://u:s3cret@h/d"],
            "add --images",
        ),
    ],
)
def test_every_mistake_is_named(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["marketrank", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert message in said.err
    assert "s3cret" not in said.err
    assert said.out == ""


def test_other_peoples_text_is_printed_as_it_is(run: Run, embedded_home: Path) -> None:
    market = Marketplace(load(embedded_home))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    title = "Bike [/wheel] [bold]good[/]"
    market.listings.apply([Listing(ListingId("a"), title)], at=at)
    market.index(rebuild=False)
    market.database.dispose()
    done = run("search", "bike", "--home", str(embedded_home))
    assert done.returncode == 0, done.stderr
    assert "[/wheel]" in done.stdout
    found = json.loads(search(embedded_home, "bike", "--json"))
    assert found["items"][0]["title"] == title
    assert found["items"][0]["id"] == "a"
    cheap = search(embedded_home, "bike under £5")
    assert "understood price: up to £5" in cheap
    assert "bold" not in cheap  # it has no price
    words = json.loads(
        search(embedded_home, "bike under £5", "--ignore", "price,category", "--json")
    )
    assert words["items"][0]["id"] == "a"
    assert words["understood"] == {"text": "bike under £5", "parses": []}


def search(home: Path, *arguments: str) -> str:
    done = CliRunner().invoke(cli.app, ["search", *arguments, "--home", str(home)])
    assert done.exit_code == 0, done.output
    return done.stdout


def answers(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthcheck", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize("moment", ["starts", "serves"])
def test_sigterm_ends_a_server_and_its_database(run: Run, embedded_home: Path, moment: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "marketrank", "serve", "--home", str(embedded_home)]
    with subprocess.Popen([*command, "--port", port], stderr=subprocess.PIPE, text=True) as one:
        assert one.stderr is not None
        assert port in one.stderr.readline()
        while not embedded.status(embedded_home).running:
            assert one.poll() is None
            time.sleep(0.05)
        while moment == "serves" and not answers(port):
            assert one.poll() is None
            time.sleep(0.05)
        refused = run("stop", "--home", str(embedded_home))
        assert refused.returncode == 1
        assert "--force" in refused.stderr
        one.send_signal(signal.SIGTERM)
        assert one.wait(30) == 0
    assert not embedded.status(embedded_home).running


def test_a_package_that_is_left_out_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        raise ModuleNotFoundError("No module named 'polars'", name="polars")

    with pytest.raises(SystemExit) as ended:
        cli.run(command)
    assert ended.value.code == 1
    assert "needs polars" in capsys.readouterr().err

    def broken() -> None:
        raise ModuleNotFoundError("No module named 'marketrank.x'", name="marketrank.x")

    with pytest.raises(ModuleNotFoundError):
        cli.run(broken)
