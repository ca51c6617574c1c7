"""A ranker that learned from sessions, as a version in a folder.

    <home>/rankers/<version>/manifest.json   what it reads, what it learned from, how it was scored
    <home>/rankers/<version>/trees.txt       LightGBM's own text format
    <home>/rankers/CURRENT                   the version in use (and promotions.jsonl: its history)

A version is immutable, and appears whole or not at all.
"""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.durable import sync
from marketrank.errors import BadInput, Corrupt
from marketrank.people import Surface
from marketrank.ranking.ltr import Trees
from marketrank.ranking.session_features import NAMES
from marketrank.types import ModelVersion

Floats = NDArray[np.float32]
FORMAT = 1
CURRENT, MANIFEST, TREES = "CURRENT", "manifest.json", "trees.txt"
_REMEDY = "train it again with `marketrank train ranker`"


@dataclass(frozen=True, slots=True)
class SessionModel:
    """`features` are the columns that the trees read, by name; `surfaces` where it may rank, as
    sessions of these taught it; `trained` and `metrics` are facts for people, ready for JSON."""

    trees: str
    features: tuple[str, ...]
    surfaces: tuple[Surface, ...]
    trained: Mapping[str, Any]
    metrics: Mapping[str, Any]


class SessionJudge:
    """What a model says of candidates. May be called from several threads."""

    def __init__(self, model: SessionModel, version: ModelVersion) -> None:
        """Raises Corrupt for features that this version of marketrank does not know, or trees that
        cannot be read."""
        unknown = unknown_features(model)
        if unknown:
            raise Corrupt(
                f"ranker {version} reads {', '.join(unknown)}, which this version does not know; "
                + _REMEDY
            )
        try:
            self._trees = Trees(model.trees, len(model.features))
        except Corrupt as error:
            raise Corrupt(f"ranker {version}: {error}; {_REMEDY}") from error
        self._columns = [NAMES.index(name) for name in model.features]
        self.version = version
        self.features = model.features
        self.surfaces = frozenset(model.surfaces)

    def __call__(self, features: Floats) -> Floats:
        """Scores (n,) from `session_features.table` (n, len(NAMES)), best highest."""
        return self._trees(features[:, self._columns])

    def contributions(
        self, features: Floats, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], tuple[str, ...]]:
        """What each feature adds to the scores of some candidates, (len(rows), f + 1), and the
        names of the columns, the last of which is "bias": what every candidate starts from. Rows
        sum to the scores."""
        found = self._trees.contributions(features[rows][:, self._columns])
        return found, (*self.features, "bias")


def unknown_features(model: SessionModel) -> list[str]:
    """Features that an engine of this version cannot give it."""
    return sorted(set(model.features) - set(NAMES))


def publish(folder: Path, model: SessionModel, *, at: datetime) -> ModelVersion:
    """Write a model as a version, durably, and name it; it is not in use before it is promoted.
    Raises BadInput where the disk takes no more: then nothing is left behind."""
    trees = model.trees.encode()
    manifest = {
        "format": FORMAT,
        "created_at": at.astimezone(UTC).isoformat(),
        "features": list(model.features),
        "surfaces": sorted(model.surfaces),
        "trained": dict(model.trained),
        "metrics": dict(model.metrics),
        "files": {TREES: hashlib.sha256(trees).hexdigest()},
    }
    written = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(written).hexdigest()[:12]
    version = ModelVersion(f"ranker-{at.astimezone(UTC):%Y%m%dT%H%M%S}-{digest}")
    final, draft = folder / version, folder / f".{version}"
    try:
        if final.exists():
            return version
        shutil.rmtree(draft, ignore_errors=True)  # of a writer that was killed
        draft.mkdir(parents=True)
        for name, data in ((TREES, trees), (MANIFEST, written)):
            (draft / name).write_bytes(data)
            sync(draft / name)
        sync(draft)
        draft.rename(final)
        sync(folder)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        raise BadInput(f"the ranker cannot be written into {folder}: {error}") from error
    return version


def read(folder: Path, version: str) -> SessionModel:
    """A version. Raises BadInput, listing the known ones, for an unknown one, and Corrupt where a
    file was changed."""
    known = versions(folder)
    if version not in known:
        listed = ", ".join(known) or "none: run `marketrank train ranker`"
        raise BadInput(f"{folder} has no ranker {version!r}; known are {listed}")
    at = folder / version
    try:
        written = (at / MANIFEST).read_bytes()
        raw, trees = orjson.loads(written), (at / TREES).read_bytes()
        if raw["format"] != FORMAT:
            raise ValueError(f"it has format {raw['format']}, this version reads {FORMAT}")
        if not version.endswith(hashlib.sha256(written).hexdigest()[:12]):
            raise ValueError(f"{MANIFEST} was changed")
        if hashlib.sha256(trees).hexdigest() != raw["files"][TREES]:
            raise ValueError(f"{TREES} does not match its checksum")
        surfaces = tuple(Surface(name) for name in raw["surfaces"])
        features = tuple(raw["features"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"ranker {at} cannot be used ({error}); {_REMEDY}") from error
    return SessionModel(trees.decode(), features, surfaces, raw["trained"], raw["metrics"])


def versions(folder: Path) -> list[str]:
    """Those in a folder, by name."""
    found = (path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    return sorted(name for name in found if not name.startswith("."))


def current(folder: Path) -> SessionJudge | None:
    """The one in use; None before the first, and after it was taken back. Raises Corrupt where it
    cannot be used."""
    try:
        name = (folder / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if not name:  # rolled back to none
        return None
    try:
        return SessionJudge(read(folder, name), ModelVersion(name))
    except BadInput as error:
        raise Corrupt(str(error)) from error
