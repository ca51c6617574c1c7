"""Releases: an encoder and the index built with it, in one immutable folder.

    <home>/releases/<release id>/{release.json, encoder/…, index/…, words/…, rows/…}
    <home>/releases/CURRENT          the id of the release in use

A release is written beside the others, checked, renamed to its final name (which never exists
before) and then made current by replacing the small file CURRENT. So a reader finds either the
old release or the new one, whole, whenever the writer is killed.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

from marketrank.durable import sync, write
from marketrank.errors import Corrupt
from marketrank.types import ModelVersion, ReleaseId, Seq

FORMAT = 1
_KEEP = 2  # the current one and the one before, for readers that have not swapped yet


@dataclass(frozen=True, slots=True)
class Manifest:
    """`vector_seq`: vectors with a number up to it are in the index; `listing_seq`: changes up to
    it were embedded when it was built; `files`: sha256 by path within the folder."""

    id: ReleaseId
    model_version: ModelVersion
    created_at: datetime
    count: int
    vector_seq: Seq
    listing_seq: Seq
    files: dict[str, str]
    format: int = FORMAT


def current(folder: Path) -> ReleaseId | None:
    """The id that CURRENT names, or None before the first release."""
    try:
        name = (folder / "CURRENT").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return ReleaseId(name) or None


def others(folder: Path, release: ReleaseId) -> list[ReleaseId]:
    """The releases that lie beside this one, newest first."""
    names = sorted((path.parent.name for path in folder.glob("*/release.json")), reverse=True)
    return [ReleaseId(one) for one in names if one != release and not one.startswith(".")]


def read_manifest(folder: Path, release: ReleaseId, *, verify: bool = True) -> Manifest:
    """Read a release's manifest and, with `verify`, the checksum of each of its files.

    Raises Corrupt, naming the file, where something is missing or differs.
    """
    path = folder / release
    try:
        raw = orjson.loads((path / "release.json").read_bytes())
        raw["created_at"] = datetime.fromisoformat(raw["created_at"])
        manifest = Manifest(**raw)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"release {path} has no readable release.json ({error})") from error
    if manifest.format != FORMAT:
        raise Corrupt(f"release {path} has format {manifest.format}; this version reads {FORMAT}")
    if verify:
        for name, expected in manifest.files.items():
            if _sha256(path / name) != expected:
                raise Corrupt(
                    f"{path / name} does not match its checksum; run `marketrank index --rebuild`"
                )
    return manifest


def publish(
    folder: Path,
    *,
    encoder: Path,
    build_index: Callable[[Path], None],
    model_version: ModelVersion,
    count: int,
    vector_seq: Seq,
    listing_seq: Seq,
    at: datetime,
    check: Callable[[Path], None],
) -> ReleaseId:
    """Write a release, let `check` look at the finished folder (it raises to refuse), then make
    it current. Nothing is current that was not checked."""
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    staging = folder / f".writing-{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    _link_tree(encoder, staging / "encoder")
    build_index(staging / "index")
    files = {
        str(path.relative_to(staging)): _sha256(path)
        for path in sorted(staging.rglob("*"))
        if path.is_file()
    }
    digest = hashlib.sha256(orjson.dumps([files, vector_seq, at])).hexdigest()[:8]
    release = ReleaseId(f"{at:%Y%m%dT%H%M%S}-{digest}")
    manifest = Manifest(release, model_version, at, count, vector_seq, listing_seq, files)
    write(staging / "release.json", orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2))
    check(staging)
    _sync_tree(staging)
    staging.rename(folder / release)
    make_current(folder, release)
    _remove_old(folder, release)
    return release


def make_current(folder: Path, release: ReleaseId) -> None:
    """Point CURRENT at a release, atomically and durably."""
    write(folder / "CURRENT", f"{release}\n".encode())


def _link_tree(source: Path, target: Path) -> None:
    """Hard links where the file system has them: an encoder of 100 MB is stored once."""
    target.mkdir()
    for path in sorted(source.rglob("*")):
        twin = target / path.relative_to(source)
        if path.is_dir():
            twin.mkdir()
            continue
        try:
            os.link(path, twin)
        except OSError:
            shutil.copy2(path, twin)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
    sync(folder.parent)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(".writing-*"):
        shutil.rmtree(path, ignore_errors=True)


def _remove_old(folder: Path, release: ReleaseId) -> None:
    others = sorted(p for p in folder.iterdir() if p.is_dir() and p.name != release)
    for path in others[: max(0, len(others) - (_KEEP - 1))]:
        shutil.rmtree(path, ignore_errors=True)
