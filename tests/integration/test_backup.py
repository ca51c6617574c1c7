"""A home that is destroyed comes back from its backup, without the keys of buyers."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from databases import sibling
from marketrank.asking import Ranking, Request
from marketrank.config import load
from marketrank.errors import BadInput, Corrupt
from marketrank.pipelines import backup as backups
from marketrank.storage import embedded
from marketrank.types import Listing, ListingId, Money, RequestId
from marketrank.wiring import Marketplace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TITLES = ("Oak dining table", "Oak side table", "Blue velvet armchair", "Road bike")


def fill(home: Path, encoder: Path) -> None:
    """Listings, a photo, an encoder, a release, and what a backup leaves out."""
    (home / "models").mkdir(parents=True)
    shutil.copytree(encoder, home / "models" / encoder.name)
    (home / "marketrank.toml").write_text('currency = "EUR"\n', encoding="utf-8")
    (home / "ranker.json").write_text('{"kind": "none"}', encoding="utf-8")
    (home / "experiments.toml").write_text("# none yet\n", encoding="utf-8")
    for published in ("rankers", "towers"):
        (home / published / "v1").mkdir(parents=True)
        (home / published / "v1" / "model").write_text("v1", encoding="utf-8")
        (home / published / "CURRENT").write_text("v1\n", encoding="utf-8")
    (home / "audience.key").write_text("key of a buyer", encoding="utf-8")
    for left_out in ("keys", "cache", "runs"):
        (home / left_out).mkdir()
        (home / left_out / "secret").write_text("key of a buyer", encoding="utf-8")
    market = Marketplace(load(home))
    market.listings.apply(
        [
            Listing(ListingId(f"l{n}"), title, price=Money(1000, "EUR"))
            for n, title in enumerate(TITLES)
        ],
        at=NOW,
    )
    market.blobs.put(b"a photo")
    market.index(rebuild=False)
    market.database.dispose()


def search(home: Path, text: str) -> Ranking:
    market = Marketplace(load(home))
    market.follower.refresh()
    ranking = market.answer(Request(RequestId("r"), NOW, text=text))
    market.database.dispose()
    return ranking


def ids(ranking: Ranking) -> list[tuple[str, float]]:
    return [(item.listing.id, round(item.score, 5)) for item in ranking.items]


@pytest.fixture
def home(encoder_folder: Path) -> Iterator[Path]:
    """With an embedded server of its own (not in pytest's folder, which is closed to the user
    that the server runs as)."""
    home = Path(tempfile.mkdtemp(prefix="marketrank-test-"))
    fill(home, encoder_folder)
    yield home
    embedded.leave(home)
    embedded.stop(home)
    shutil.rmtree(home, ignore_errors=True)


def run(*arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "marketrank", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def destroy(home: Path) -> None:
    embedded.leave(home)
    embedded.stop(home)
    shutil.rmtree(home)
    home.mkdir()


def test_a_destroyed_home_comes_back(home: Path, tmp_path: Path) -> None:
    before = search(home, "oak table")
    out = tmp_path / "backup"
    said = run("backup", str(out), "--home", str(home))
    assert said["left_out"] == ["audience.key", "cache", "keys", "runs", "text"]
    destroy(home)
    restored = run("restore", str(out), "--home", str(home))
    assert (restored["texts"], restored["embedded"]) == (len(TITLES), 0)  # vectors came along
    after = search(home, "oak table")
    assert after.release == before.release
    assert ids(after) == ids(before)
    market = Marketplace(load(home))
    assert market.settings.currency == "EUR"
    for name in ("ranker.json", "experiments.toml"):
        assert (home / name).exists()
    for published in ("rankers", "towers"):
        assert (home / published / "CURRENT").read_text(encoding="utf-8") == "v1\n"
        assert (home / published / "v1" / "model").read_text(encoding="utf-8") == "v1"
    assert [p.read_bytes() for p in (home / "photos").rglob("*") if p.is_file()] == [b"a photo"]
    # And it goes on: a change after the restoration is found.
    market.listings.apply([Listing(ListingId("new"), "Quagga")], at=NOW)
    market.index(rebuild=False)
    market.database.dispose()
    assert next(item.listing.id for item in search(home, "quagga").items) == "new"


def test_keys_of_buyers_are_nowhere_in_a_backup(home: Path, tmp_path: Path) -> None:
    market = Marketplace(load(home))
    market.backup(tmp_path / "backup")
    market.database.dispose()
    paths = list((tmp_path / "backup").rglob("*"))
    assert paths
    assert not [path for path in paths if "keys" in path.parts]
    assert not [p for p in paths if p.is_file() and b"key of a buyer" in p.read_bytes()]
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0


def test_a_home_that_has_kept_its_keys_takes_a_backup(home: Path, tmp_path: Path) -> None:
    run("backup", str(tmp_path / "backup"), "--home", str(home))
    destroy(home)
    (home / "keys").mkdir()
    (home / "audience.key").touch()
    run("restore", str(tmp_path / "backup"), "--home", str(home))
    assert ids(search(home, "oak"))


def test_what_is_there_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    market = Marketplace(load(home))
    market.backup(tmp_path / "backup")
    with pytest.raises(BadInput, match="exists"):
        market.backup(tmp_path / "backup")
    with pytest.raises(BadInput, match=r"holds .*models.*: restore into an empty home"):
        market.restore(tmp_path / "backup")
    market.database.dispose()
    for name in (*backups.KEPT, "text", "runs", "audience.key"):
        path = home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    with pytest.raises(BadInput, match=r"holds \d+ tables: restore into an empty one"):
        market.restore(tmp_path / "backup")


@pytest.mark.parametrize("name", ["database.dump", "home/releases/CURRENT"])
def test_a_damaged_backup_is_refused_before_anything_is_written(
    name: str, home: Path, tmp_path: Path
) -> None:
    market = Marketplace(load(home))
    market.backup(tmp_path / "backup")
    market.database.dispose()
    path = tmp_path / "backup" / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    loaded: list[Path] = []
    fresh = tmp_path / "fresh"
    with pytest.raises(Corrupt, match=name):
        backups.restore_backup(tmp_path / "backup", home=fresh, load=loaded.append)
    assert not loaded
    assert not fresh.exists()


def test_a_damaged_release_is_not_backed_up(home: Path, tmp_path: Path) -> None:
    index = next(path for path in (home / "releases").rglob("index/*") if path.is_file())
    index.write_bytes(index.read_bytes() + b"x")
    market = Marketplace(load(home))
    with pytest.raises(Corrupt, match="checksum"):
        market.backup(tmp_path / "backup")
    market.database.dispose()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a backup"):
        backups.read_backup(tmp_path)


def test_a_release_that_is_replaced_while_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "releases"
    for name in ("a", "b"):
        (source / name).mkdir(parents=True)
        (source / name / "file").write_text(name, encoding="utf-8")
    (source / "CURRENT").write_text("a\n", encoding="utf-8")
    (source / ".writing-1").mkdir()
    copytree: Callable[..., object] = shutil.copytree
    calls = 0

    def swap_once(*arguments: Path) -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            (source / "CURRENT").write_text("b\n", encoding="utf-8")
            shutil.rmtree(source / "a")
        return copytree(*arguments)

    monkeypatch.setattr(shutil, "copytree", swap_once)
    backups._copy(source, tmp_path / "copy")
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["CURRENT", "b"]
    assert (tmp_path / "copy" / "CURRENT").read_text(encoding="utf-8") == "b\n"


def test_a_server_by_its_url(
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    encoder_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    fill(tmp_path / "one", encoder_folder)
    before = ids(search(tmp_path / "one", "oak"))
    run("backup", str(tmp_path / "backup"), "--home", str(tmp_path / "one"))
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", empty_database_url)
    run("restore", str(tmp_path / "backup"), "--home", str(tmp_path / "two"))
    assert ids(search(tmp_path / "two", "oak")) == before
    with psycopg.connect(sibling(empty_database_url, "postgres")) as connection:
        assert connection.info.server_version >= 170_000
