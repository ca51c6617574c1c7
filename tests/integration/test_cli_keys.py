"""`marketrank keys`, on a database."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from marketrank import cli
from marketrank.errors import BadInput
from marketrank.wiring import Marketplace, now


@pytest.fixture
def run(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setenv("MARKETRANK_HOME", str(tmp_path))

    def command(*arguments: str, json_too: bool = True) -> Any:
        extra = ["--json"] if json_too else []
        result = CliRunner().invoke(cli.app, ["keys", *arguments, *extra])
        if result.exception is not None:
            raise result.exception
        return json.loads(result.stdout) if json_too else result.stdout

    return command


def test_the_life_of_a_key(run: Any) -> None:
    made = run("create", "shop", "--scope", "write", "--days", "30")
    assert made["scopes"] == ["write"]
    market = Marketplace(cli.load())
    keys = market.keys
    found = keys.check(made["token"], now())
    assert found is not None
    assert found.name == "shop"
    rotated = run("rotate", made["id"], "--hours", "0")
    market = Marketplace(cli.load())
    assert market.keys.check(made["token"], now()) is None
    assert market.keys.check(rotated["token"], now()) is not None
    assert run("revoke", made["id"])["revoked_at"]
    assert Marketplace(cli.load()).keys.check(rotated["token"], now()) is None
    with pytest.raises(BadInput, match="has ended"):
        run("rotate", made["id"])
    (listed,) = run("list")["keys"]
    assert listed["revoked_at"]
    assert "token" not in listed
    assert "revoked" in run("list", json_too=False)
    actions = [one["action"] for one in run("audit")["actions"]]
    assert actions == ["revoke key", "rotate key", "create key"]
    assert "create key" in run("audit", json_too=False)


def test_a_sellers_key(run: Any) -> None:
    made = run("create", "ann", "--scope", "seller", "--scope", "read", "--seller", "s1")
    assert (made["seller"], made["scopes"]) == ("s1", ["read", "seller"])
    with pytest.raises(BadInput, match="needs the id of its seller"):
        run("create", "ann", "--scope", "seller")
    with pytest.raises(BadInput, match=f"known are {made['id']}"):
        run("revoke", "nonsense")
    with pytest.raises(BadInput, match="name has 0"):
        run("create", "", "--scope", "read")
