"""The commands about single buyers."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from marketrank.cli import app
from marketrank.config import load
from marketrank.people import Buyer
from marketrank.types import BuyerId
from marketrank.wiring import Marketplace, now

runner = CliRunner()


@pytest.fixture
def home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    market = Marketplace(load(tmp_path))
    market.buyers.put(Buyer(BuyerId("ann"), {"age": "25-34"}), at=now())
    market.database.dispose()
    return tmp_path


def run(home: Path, *arguments: str) -> tuple[int, str]:
    done = runner.invoke(app, [*arguments, "--home", str(home)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return 1, str(done.exception)
    return done.exit_code, done.stdout


def test_a_buyer_is_exported_and_erased(home: Path) -> None:
    code, out = run(home, "export-buyer", "ann")
    assert (code, orjson.loads(out)["attributes"]) == (0, {"age": "25-34"})
    code, out = run(home, "erase-buyer", "ann", "--json")
    assert (code, orjson.loads(out)) == (0, {"erased": True})
    assert run(home, "erase-buyer", "ann") == (0, "nothing was held of them\n")
    code, out = run(home, "export-buyer", "ann")
    assert code == 1
    assert "nothing is held" in out


def test_keys_lie_where_the_settings_say(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETRANK_KEYS_FOLDER", str(tmp_path / "vault"))
    market = Marketplace(load(home))
    assert market.buyers.get(BuyerId("ann")) is None  # her key is elsewhere
    market.buyers.put(Buyer(BuyerId("ben")), at=now())
    assert (tmp_path / "vault" / "secret").is_file()
    market.database.dispose()


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    code, out = run(tmp_path / "no", "erase-buyer", "ann")
    assert code == 1
    assert "there is no home" in out
    assert not (tmp_path / "no").exists()
