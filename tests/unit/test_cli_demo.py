import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from marketrank import cli


@pytest.mark.parametrize("serves", [True, False])
def test_a_demo_has_buyers_to_choose_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, serves: bool
) -> None:
    done: list[str] = []

    def step(name: str) -> Any:
        return lambda *args, **named: done.append(name)

    def serve(**named: Any) -> None:
        done.append(f"serve with {os.environ['MARKETRANK_DEMO_BUYERS']}")

    monkeypatch.setenv("MARKETRANK_DEMO_BUYERS", "false")  # put back when the test ends
    for name in ("ingest", "index", "search"):
        monkeypatch.setattr(cli, name, step(name))
    market = SimpleNamespace(make_demo_buyers=step("buyers"))
    monkeypatch.setattr(cli, "open_existing", lambda home: market)
    monkeypatch.setattr(cli, "serve", serve)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "complete").touch()
    cli.demo(no_serve=not serves, home=tmp_path, host="127.0.0.1", port=8190)
    expected = ["ingest", "index", "buyers", "search"]
    assert done == expected + ["serve with true"] * serves
