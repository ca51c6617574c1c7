"""The model registry: finished models, and which of them is in use.

    <home>/models/<version>/manifest.json   what it is, and the sha256 of every other file
    <home>/models/<version>/{encoder/…, int8/…, weights/…, classifiers/…, metrics.json}
    <home>/models/{CURRENT, promotions.jsonl}   see `promotions`

A version is immutable, and appears whole or not at all. Plain encoder folders (`artefact.write`)
may lie beside versions: they have no manifest.json, and are none.
"""

import hashlib
import logging
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from marketrank.durable import sync
from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.models import artefact, promotions
from marketrank.models.artefact import sha256, taking_turns
from marketrank.models.promotions import Promotion
from marketrank.types import ModelVersion

FORMAT = 1
MANIFEST = "manifest.json"
METRICS = "metrics.json"
REQUIRED = (
    f"encoder/{artefact.DESCRIPTION}",
    "weights/*.safetensors",
    "int8/*.onnx",
    "classifiers/manifest.json",
    METRICS,
)
"""Without a file of each of these patterns a model is not complete."""
PARITY = {"fp32": 1e-3, "int8": 0.95}
"""How a graph must agree with torch, by the end of its name: fp32 differs by this at most anywhere;
int8 has at least this mean cosine (its rounding moves single numbers by far more)."""
_PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin", ".joblib"}  # loading runs code
_KIND = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_STAGING = ".publishing"
_UNNAMED = ModelVersion("")
_REMEDY = "go back with `marketrank models rollback`, and train and publish this one again"
_PROMOTE = "choose one with `marketrank models list` and `marketrank models promote`"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model when it is published. `kind` names it, in small letters, digits and
    dashes; `data_hash` and `seed` say what would train it again; `trained_on` counts listings;
    `runs` are its run folders by part; `parity` is how its graphs agree with torch (see PARITY);
    `metrics` are its scores on the test part, by part and score (see `evaluation.not_worse`)."""

    kind: str
    data_hash: str
    seed: int
    trained_on: int
    runs: dict[str, str]
    parity: dict[str, float]
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`: the facts, and the sha256 of every other file by path within the folder.
    `version` ends in a digest of all the rest."""

    version: ModelVersion
    created_at: datetime
    kind: str
    data_hash: str
    seed: int
    trained_on: int
    runs: dict[str, str]
    parity: dict[str, float]
    metrics: dict[str, Any]
    files: dict[str, str]
    format: int = FORMAT


class Registry:
    """The versions in one folder. Processes may share it: publishers take turns, so do those who
    promote, and readers need no lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, fill: Callable[[Path], Facts], *, at: datetime) -> ModelVersion:
        """Have `fill` write a model's files into an empty folder and state its facts; the folder
        then appears, durable, under its version's name. It is not in use before `promote`.

        Raises BadInput, naming the file or the fact, where a file is missing (REQUIRED), a link or
        of a kind whose loading runs code, where a number is not finite, where a graph does not
        agree with torch (PARITY), and where the disk takes no more: then nothing is left behind.
        The folder is locked meanwhile: `fill` must not publish, nor write an encoder, there.
        """
        staging = self.folder / _STAGING
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with taking_turns(self.folder):
                shutil.rmtree(staging, ignore_errors=True)  # of a publisher that was killed
                # One level deeper than versions, so that nobody takes it for one.
                draft = staging / "model"
                try:
                    draft.mkdir(parents=True)
                    return self._finish(draft, fill(draft), at)
                finally:
                    shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            raise BadInput(
                f"the model cannot be written into {self.folder}: {error}; mend that, or make "
                "room, and publish it again"
            ) from error

    def versions(self) -> list[Manifest]:
        """All manifests, newest first; what cannot be read is logged and left out."""
        found = []
        for name in self._names():
            try:
                found.append(self.read(name))
            except Corrupt as error:
                _log.warning("%s", error)
        return sorted(found, key=lambda one: (one.created_at, one.version), reverse=True)

    def read(self, version: str, verify: bool = False) -> Manifest:
        """A version's manifest; with `verify`, every file is held against its sha256.

        Raises BadInput, listing the known ones, for an unknown version, and Corrupt for a manifest
        that was changed or, with `verify`, naming the first file that is missing or differs.
        """
        folder = self.path(version)
        manifest = _read_manifest(folder)
        for name, expected in manifest.files.items() if verify else ():
            try:
                found = sha256(folder / name)
            except OSError as error:
                raise Corrupt(f"{folder / name} cannot be read ({error}); {_REMEDY}") from error
            if found == "missing":
                raise Corrupt(f"{folder / name} is missing; {_REMEDY}")
            if found != expected:
                raise Corrupt(f"{folder / name} does not match its checksum; {_REMEDY}")
        return manifest

    def path(self, version: str) -> Path:
        """A version's folder. Raises BadInput, listing the known ones, for an unknown version."""
        known = self._names()
        if version not in known:
            raise BadInput(
                f"{self.folder} has no model version {version!r}; "
                f"known are {', '.join(known) or 'none: none was published'}"
            )
        return self.folder / version

    def current(self) -> ModelVersion | None:
        """The version in use, or None before the first promotion."""
        return promotions.current(self.folder)

    def promote(self, version: str, *, at: datetime, why: str) -> ModelVersion | None:
        """Make a version the current one, durably, and return the one before, None for the first.
        Promoting what is current changes nothing, and returns it.

        Raises BadInput for an unknown version, or where the disk takes no more, and Corrupt where
        a checksum does not hold: then the current one stays.
        """
        return self._promote(version, at, why, lambda previous: None)

    def promote_after(
        self, version: str, champion: str | None, *, at: datetime, why: str
    ) -> ModelVersion | None:
        """As `promote`, where the current one is still the one that the version was compared with.
        Raises NotReady where it is another: then that stays."""

        def check(previous: ModelVersion | None) -> None:
            if previous not in (champion, version):
                raise NotReady(
                    f"{version} was compared with {champion or 'nobody'}, and meanwhile "
                    f"{previous} was promoted: run it again"
                )

        return self._promote(version, at, why, check)

    def _promote(
        self, version: str, at: datetime, why: str, check: Callable[[ModelVersion | None], None]
    ) -> ModelVersion | None:
        chosen = self.read(version, verify=True).version
        with promotions.taking_turns(self.folder) as log:
            previous = self.current()
            check(previous)
            if previous != chosen:
                line = Promotion(chosen, previous, at.astimezone(UTC), why)
                promotions.switch(self.folder, log, line)
        return previous

    def rollback(self, *, at: datetime, why: str) -> ModelVersion:
        """Go back to the version that was current before the present one, and return it; again, to
        the one before that. Those that are damaged are logged and passed over.

        Raises NotReady where there is none to go back to, and BadInput where the disk takes no
        more: then the current one stays.
        """
        if self.current() is None:
            raise NotReady(f"no model version in {self.folder} was promoted yet; {_PROMOTE}")
        with promotions.taking_turns(self.folder) as log:
            present = self.current()
            for version in promotions.earlier(promotions.read(self.folder), present):
                try:
                    self.read(version, verify=True)
                except (BadInput, Corrupt) as error:
                    _log.warning("not back to %s: %s", version, error)
                    continue
                back = Promotion(version, present, at.astimezone(UTC), why, rollback=True)
                promotions.switch(self.folder, log, back)
                return version
        raise NotReady(
            f"there is no whole model version in {self.folder} to go back to from {present}; "
            f"{_PROMOTE}"
        )

    def _names(self) -> list[str]:
        found = (path.parent.name for path in self.folder.glob(f"*/{MANIFEST}"))
        return sorted(name for name in found if not name.startswith("."))

    def _finish(self, draft: Path, facts: Facts, at: datetime) -> ModelVersion:
        """Check a draft, describe it, and give it its name. One that is there already under this
        name, so with this content, is checked and left."""
        _check_files(draft)
        manifest = _describe(draft, facts, at)
        _check_facts(manifest)
        (draft / MANIFEST).write_bytes(_as_json(manifest, orjson.OPT_INDENT_2))
        final = self.folder / manifest.version
        if final.exists():
            self.read(manifest.version, verify=True)
        else:
            for path in (*draft.rglob("*"), draft):
                sync(path)
            draft.rename(final)
            sync(self.folder)
        return manifest.version


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        raw = orjson.loads(path.read_bytes())
        if raw["format"] != FORMAT:
            raise Corrupt(f"{path} has format {raw['format']}; this version reads {FORMAT}")
        manifest = Manifest(**{**raw, "created_at": datetime.fromisoformat(raw["created_at"])})
        if not manifest.version == _name(manifest) == folder.name:
            raise Corrupt(f"{path} was changed after it was published; {_REMEDY}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"{path} cannot be read ({error!r}); {_REMEDY}") from error
    return manifest


def _describe(draft: Path, facts: Facts, at: datetime) -> Manifest:
    files = {
        path.relative_to(draft).as_posix(): sha256(path)
        for path in sorted(draft.rglob("*"))
        if path.is_file()
    }
    try:
        # As it will be read: NumPy's numbers become plain ones, and what is not finite null.
        plain = orjson.loads(_as_json(facts))
    except TypeError as error:
        raise BadInput(
            f"the facts of the model are not JSON ({error}); give plain values"
        ) from error
    manifest = Manifest(version=_UNNAMED, created_at=at.astimezone(UTC), files=files, **plain)
    return replace(manifest, version=_name(manifest))


def _name(manifest: Manifest) -> ModelVersion:
    content = _as_json(replace(manifest, version=_UNNAMED), orjson.OPT_SORT_KEYS)
    digest = hashlib.sha256(content).hexdigest()
    return ModelVersion(f"{manifest.kind}-{manifest.created_at:%Y%m%dT%H%M%S}-{digest[:12]}")


def _check_files(draft: Path) -> None:
    missing = [p for p in REQUIRED if not any(path.is_file() for path in draft.glob(p))]
    if missing:
        raise BadInput(f"the model lacks {', '.join(missing)}; write all before it is published")
    for path in sorted(draft.rglob("*")):
        name = path.relative_to(draft)
        if path.is_symlink():
            raise BadInput(f"{name} is a link; copy what it leads to, as a version never changes")
        if _PICKLES & {suffix.lower() for suffix in path.suffixes}:
            raise BadInput(f"{name} may hold pickles; write safetensors, ONNX, npz or JSON instead")
    if (draft / MANIFEST).exists():
        raise BadInput(f"{MANIFEST} is the registry's to write; give the file another name")
    try:
        artefact.verify(draft / "encoder")
    except Corrupt as error:
        raise BadInput(
            "encoder/ is not as `models.artefact.write` leaves it; write it with that"
        ) from error
    try:
        scores = orjson.loads((draft / METRICS).read_bytes())
    except ValueError as error:
        raise BadInput(f"{METRICS} is not JSON ({error}); mend it") from error
    _check_finite(scores, METRICS)


def _check_facts(manifest: Manifest) -> None:
    if not _KIND.fullmatch(manifest.kind):
        raise BadInput(f"kind {manifest.kind!r}: use small letters, digits and single dashes")
    _check_finite(manifest.metrics, "metrics")
    _check_finite(manifest.parity, "parity")
    for name, value in manifest.parity.items():
        kind = next((kind for kind in PARITY if name.endswith(kind)), None)
        if kind is None:
            raise BadInput(f"parity {name!r}: the name must end in one of {', '.join(PARITY)}")
        limit = PARITY[kind]
        if kind == "fp32" and not 0 <= value <= limit:
            raise BadInput(
                f"{name} differs from torch by {value:.3g}, more than {limit:g}; export it again"
            )
        if kind == "int8" and not value >= limit:
            raise BadInput(
                f"{name} has cosine {value:.4f} with torch, less than {limit:g}; leave more of "
                "the graph in fp32"
            )


def _check_finite(value: Any, name: str) -> None:
    """Refuse null, which is how orjson writes what is not finite: JSON has no word for it."""
    if value is None:
        raise BadInput(f"{name} is not a finite number; measure it again, or leave it out")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _check_finite(inner, f"{name} {key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _check_finite(inner, f"{name} {number}")


def _as_json(value: Facts | Manifest, option: int = 0) -> bytes:
    return orjson.dumps(asdict(value), option=option | orjson.OPT_SERIALIZE_NUMPY)
