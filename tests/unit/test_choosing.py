"""Choosing among versions by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.models import promotions
from marketrank.pipelines.choosing import Shelf

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)


class Checks:
    """Knows a, b and c, of which `damaged` are not whole."""

    def __init__(self) -> None:
        self.damaged: set[str] = set()

    def __call__(self, version: str) -> object:
        if version not in {"a", "b", "c"}:
            raise BadInput(f"no {version}")
        if version in self.damaged:
            raise Corrupt(f"{version} is damaged")
        return version


@pytest.fixture
def checks() -> Checks:
    return Checks()


@pytest.fixture
def shelf(tmp_path: Path, checks: Checks) -> Shelf:
    return Shelf(tmp_path, checks)


def test_promoted_and_back(shelf: Shelf, checks: Checks) -> None:
    found = [shelf.promote(name, at=AT, why=f"for {name}") for name in ("a", "b", "c", "c")]
    assert found == [None, "a", "b", "c"]
    assert shelf.roll_back(at=AT, why="c is slow") == "b"
    log = promotions.read(shelf.folder)
    assert [(one.version, one.why, one.rollback) for one in log] == [
        ("a", "for a", False),
        ("b", "for b", False),
        ("c", "for c", False),
        ("b", "c is slow", True),
    ]
    assert promotions.current(shelf.folder) == "b"


def test_a_damaged_version_is_passed_over(
    shelf: Shelf, checks: Checks, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "c"):
        shelf.promote(name, at=AT, why="")
    checks.damaged.add("b")
    assert shelf.roll_back(at=AT, why="") == "a"
    assert "b is damaged" in caplog.text


def test_what_cannot_be_chosen_leaves_what_is_in_use(shelf: Shelf, checks: Checks) -> None:
    with pytest.raises(NotReady, match="promoted yet"):
        shelf.roll_back(at=AT, why="")
    shelf.promote("a", at=AT, why="")
    checks.damaged.add("b")
    with pytest.raises(Corrupt):
        shelf.promote("b", at=AT, why="")
    with pytest.raises(BadInput):
        shelf.promote("x", at=AT, why="")
    with pytest.raises(NotReady, match="go back to from a"):
        shelf.roll_back(at=AT, why="")
    assert promotions.current(shelf.folder) == "a"
    assert len(promotions.read(shelf.folder)) == 1
