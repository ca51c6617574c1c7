"""Copies of a whole marketplace: its database, models, rankers, buyer towers, release, photos,
settings and experiments.

    <backup>/backup.json      when, by which version, and the sha256 of every file
    <backup>/database.dump    everything in PostgreSQL, vectors included
    <backup>/home/…           of the home folder what KEPT names

What is not named is left out: above all the keys of buyers (`keys/`). Erasing a buyer destroys
their key, and must hold for the copies that were made before; a backup with keys would bring the
erased ones back. Keys of the API are in the database, as digests: one that was revoked after the
backup holds again once it is restored, so revoke it again. So is what keys the pseudonyms of buyers
(`audience.key`): a new one gives them new names. Also left out is what can be made again: words
(`text/`), caches, runs.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import orjson

import marketrank
from marketrank.durable import sync, write
from marketrank.errors import BadInput, Corrupt
from marketrank.models.registry import Registry
from marketrank.pipelines.progress import Progress, silent
from marketrank.retrieval import release as releases

FORMAT = 1
# Indexes before the database: what is older than the database catches up, what is newer would
# believe that it knows changes which are yet to come.
KEPT = (
    "models",
    "rankers",
    "towers",
    "releases",
    "photos",
    "ranker.json",
    "marketrank.toml",
    "experiments.toml",
)
REMAINS = {"keys", "audience.key", "postgres", "cache"}
"""What a home may hold when a backup is brought into it (the database has to be empty)."""
_FACTS, _DUMP, _HOME, _CURRENT = "backup.json", "database.dump", "home", "CURRENT"
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Backup:
    """`backup.json`. `files`: sha256 by path within the backup; `left_out`: what the home held
    besides; `bytes` of all files."""

    created_at: datetime
    marketrank: str
    files: dict[str, str]
    left_out: tuple[str, ...]
    bytes: int
    format: int = FORMAT


def write_backup(
    out: Path,
    *,
    home: Path,
    dump: Callable[[Path], None],
    at: datetime,
    progress: Progress = silent,
) -> Backup:
    """Copy a home that may be in use; `dump` writes its database into a file.

    The folder `out` appears whole or not at all, readable by its owner alone. Raises BadInput
    where it exists, Corrupt where what the home serves from is damaged.
    """
    if out.exists():
        raise BadInput(f"{out} exists: name a folder that is to be made")
    staging = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        (staging / _HOME).mkdir(parents=True)
        staging.chmod(0o700)  # it holds what buyers did, and perhaps a password
        for done, name in enumerate(KEPT):
            progress("copy files", done, len(KEPT))
            _copy(home / name, staging / _HOME / name)
        progress("copy files", len(KEPT), len(KEPT))
        _check(staging / _HOME)
        progress("copy the database", 0, 1)
        dump(staging / _DUMP)
        progress("copy the database", 1, 1)
        backup = _describe(staging, home, at)
        write(staging / _FACTS, orjson.dumps(asdict(backup), option=orjson.OPT_INDENT_2))
        for path in (*staging.rglob("*"), staging):
            sync(path)
        staging.rename(out)
        sync(out.parent)
        return backup
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_backup(folder: Path) -> Backup:
    """Read a backup's facts and hold every file against its checksum.

    Raises BadInput for a folder that is no backup, Corrupt, naming the file, where one differs.
    """
    try:
        raw = orjson.loads((folder / _FACTS).read_bytes())
        raw["created_at"] = datetime.fromisoformat(raw["created_at"])
        backup = Backup(**{**raw, "left_out": tuple(raw["left_out"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{folder} is not a backup of marketrank ({error})") from error
    if backup.format != FORMAT:
        raise BadInput(f"{folder} has format {backup.format}; this version reads {FORMAT}")
    for name, expected in backup.files.items():
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            raise Corrupt(f"{folder / name} is missing or changed: use another backup")
    return backup


def restore_backup(folder: Path, *, home: Path, load: Callable[[Path], None]) -> Backup:
    """Bring a backup into a home that holds nothing but what REMAINS names; `load` fills its
    empty database from a file. Nothing is written before every checksum holds.

    Raises as `read_backup`, and BadInput for a home that is not empty.
    """
    backup = read_backup(folder)
    held = sorted({path.name for path in home.iterdir()} - REMAINS) if home.is_dir() else []
    if held:
        raise BadInput(
            f"{home} holds {', '.join(held)}: restore into an empty home, or move that away "
            f"(only {', '.join(sorted(REMAINS))} may stay)"
        )
    home.mkdir(parents=True, exist_ok=True)
    load(folder / _DUMP)
    for name in KEPT:
        _copy(folder / _HOME / name, home / name)
    return backup


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder whose sub-folders are immutable and come and go."""
    if source.is_file():
        shutil.copy2(source, target)
        return
    if not source.is_dir():
        return
    for attempt in range(_TRIES):
        try:
            _copy_folder(source, target)
            return
        except FileNotFoundError:  # a release that was replaced meanwhile; begin again
            shutil.rmtree(target, ignore_errors=True)
            if attempt == _TRIES - 1:
                raise


def _copy_folder(source: Path, target: Path) -> None:
    target.mkdir()
    # CURRENT first: what it names is there already, and stays for a while.
    if (source / _CURRENT).is_file():
        shutil.copy2(source / _CURRENT, target / _CURRENT)
    for path in sorted(source.iterdir()):
        if path.name == _CURRENT or path.name.startswith("."):
            continue  # locks, and what is still being written
        if path.is_dir():
            shutil.copytree(path, target / path.name)
        else:
            shutil.copy2(path, target / path.name)


def _check(home: Path) -> None:
    """Raise Corrupt where the copies of what is in use are not whole."""
    current = releases.current(home / "releases")
    if current is not None:
        releases.read_manifest(home / "releases", current)
    registry = Registry(home / "models")
    version = registry.current()
    if version is not None:
        registry.read(version, verify=True)


def _describe(staging: Path, home: Path, at: datetime) -> Backup:
    paths = sorted(_files(staging))
    return Backup(
        created_at=at,
        marketrank=marketrank.__version__,
        files={path.relative_to(staging).as_posix(): _sha256(path) for path in paths},
        left_out=tuple(sorted({path.name for path in home.iterdir()} - {*KEPT, "postgres"})),
        bytes=sum(path.stat().st_size for path in paths),
    )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
