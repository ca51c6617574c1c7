"""Buyer towers that were published, and which is in use; at work without torch.

    <home>/towers/<version>/tower.json            what it is, with the sha256 of the other files
    <home>/towers/<version>/{tower.onnx, weights.safetensors, metrics.json}
    <home>/towers/{CURRENT, promotions.jsonl}     see `promotions`

A tower speaks the space of the encoder that it was trained on, and is used with no other. A version
is immutable and appears whole or not at all.
"""

import hashlib
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank import durable
from marketrank.errors import BadInput, Corrupt
from marketrank.models import promotions
from marketrank.models.artefact import sha256, taking_turns
from marketrank.models.buyer_signs import AGES, numbered, signs
from marketrank.models.promotions import Promotion
from marketrank.models.sessions import open_session
from marketrank.types import ModelVersion

FORMAT = 1
KIND = "buyers"
MANIFEST, GRAPH, WEIGHTS, METRICS = (
    "tower.json",
    "tower.onnx",
    "weights.safetensors",
    "metrics.json",
)
_STAGING = ".publishing"
_UNNAMED = ModelVersion("")
_REMEDY = "train it again with `marketrank train buyers`"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TowerFacts:
    """`tower.json`. `encoder` is the version whose vectors it reads; `space` the fields of a
    `buyers.listing_space.Space`; `vocabulary` the values of each attribute that it knows; `kinds`
    of events, in the order of their numbers; `history` how many events it looks at; `interest` the
    score that half of the held-out pairs reach; `temperature` what scores are divided by to be
    logarithms of odds. `version` ends in a digest of all the rest."""

    encoder: ModelVersion
    space: Mapping[str, Any]
    vocabulary: Mapping[str, Sequence[str]]
    kinds: Sequence[str]
    history: int
    interest: float
    temperature: float
    created_at: str
    seed: int
    trained_on: Mapping[str, Any]
    metrics: Mapping[str, Any]
    parity: float
    files: Mapping[str, str] = field(default_factory=dict)
    version: ModelVersion = _UNNAMED
    format: int = FORMAT


class PublishedTower:
    """One version, opened. May be called from several threads."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Raises Corrupt where a file is not as it was written."""
        self.facts = read(folder, verify=True)
        self._session = open_session(folder / GRAPH, threads=threads)
        self._width = len(self.facts.kinds) + AGES

    @property
    def version(self) -> ModelVersion:
        return self.facts.version

    @property
    def encoder(self) -> ModelVersion:
        return self.facts.encoder

    @property
    def space(self) -> Mapping[str, Any]:
        return self.facts.space

    @property
    def kinds(self) -> Sequence[str]:
        return self.facts.kinds

    @property
    def history(self) -> int:
        return self.facts.history

    @property
    def temperature(self) -> float:
        return self.facts.temperature

    @property
    def interest(self) -> float:
        return self.facts.interest

    def points(
        self,
        history: NDArray[np.float32],
        *,
        kinds: NDArray[np.int64],
        ages_days: NDArray[np.float64],
        present: NDArray[np.bool_],
        attributes: Sequence[Mapping[str, str]],
        places: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Buyers as points of the listing space, (n, width): see `buyers.tower.TowerModel`."""
        found: list[NDArray[np.float32]] = self._session.run(
            None,
            {
                "history": history,
                "signs": signs(kinds, ages_days, self._width),
                "present": present,
                "attributes": numbered(attributes, self.facts.vocabulary),
                "place": places,
            },
        )
        return found[0]


class TowerFolder:
    """The towers of a home. Publishers take turns; readers need no lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: tuple[ModelVersion | None, PublishedTower | None] = (None, None)
        self._stamp: durable.Stamp | None = None

    def publish(self, fill: Callable[[Path], TowerFacts]) -> TowerFacts:
        """Have `fill` write the files into an empty folder and state the facts; it then appears,
        durable, under its version's name. Raises BadInput where the disk takes no more, or a file
        is missing."""
        staging = self.folder / _STAGING
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with taking_turns(self.folder):
                shutil.rmtree(staging, ignore_errors=True)  # of a publisher that was killed
                draft = staging / "tower"
                try:
                    draft.mkdir(parents=True)
                    return self._finish(draft, fill(draft))
                finally:
                    shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            raise BadInput(
                f"the tower cannot be written into {self.folder}: {error}; make room there"
            ) from error

    def promote(self, version: ModelVersion, *, at: datetime, why: str) -> None:
        """Make it the one in use. Raises Corrupt where it is not whole."""
        read(self.folder / version, verify=True)
        with promotions.taking_turns(self.folder) as log:
            previous = self.current()
            if previous != version:
                line = Promotion(version, previous, at.astimezone(UTC), why)
                promotions.switch(self.folder, log, line)

    def current(self) -> ModelVersion | None:
        """The version in use, None before the first."""
        return promotions.current(self.folder)

    def facts(self) -> TowerFacts | None:
        """Those of the version in use; None where there is none, or it cannot be read."""
        version = self.current()
        try:
            return None if version is None else read(self.folder / version)
        except Corrupt as error:
            _log.warning("%s", error)
            return None

    def __call__(self) -> PublishedTower | None:
        """The tower in use now, opened once. One that is damaged is logged, and the one before it
        stays."""
        stamp = durable.stamp(self.folder / promotions.CURRENT)
        if stamp == self._stamp:
            return self._opened[1]
        self._stamp = stamp
        version = self.current()
        if version is None:  # before the first, or rolled back to none
            self._opened = (None, None)
        elif version != self._opened[0]:
            try:
                self._opened = (version, PublishedTower(self.folder / version))
            except Corrupt as error:
                _log.error("the buyer tower stays as it was: %s", error)
        return self._opened[1]

    def _finish(self, draft: Path, facts: TowerFacts) -> TowerFacts:
        missing = [name for name in (GRAPH, WEIGHTS, METRICS) if not (draft / name).is_file()]
        if missing:
            raise BadInput(
                f"the tower lacks {', '.join(missing)}; write all before it is published"
            )
        facts = replace(facts, files={p.name: sha256(p) for p in sorted(draft.iterdir())})
        facts = replace(facts, version=_name(facts))
        (draft / MANIFEST).write_bytes(orjson.dumps(asdict(facts), option=orjson.OPT_INDENT_2))
        final = self.folder / facts.version
        if final.exists():
            return read(final, verify=True)
        for path in (*draft.iterdir(), draft):
            durable.sync(path)
        draft.rename(final)
        durable.sync(self.folder)
        return facts


def versions(folder: Path) -> list[str]:
    """Those in a folder, by name."""
    found = (path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    return sorted(name for name in found if not name.startswith("."))


def read(folder: Path, verify: bool = False) -> TowerFacts:
    """A version's facts; with `verify` every file is held against its sha256. Raises Corrupt."""
    path = folder / MANIFEST
    try:
        raw = orjson.loads(path.read_bytes())
        if raw["format"] != FORMAT:
            raise Corrupt(f"{path} has format {raw['format']}; this version reads {FORMAT}")
        facts = TowerFacts(**raw)
        if not facts.version == _name(facts) == folder.name:
            raise Corrupt(f"{path} was changed after it was published; {_REMEDY}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"{path} cannot be read ({error!r}); {_REMEDY}") from error
    for name, expected in facts.files.items() if verify else ():
        if sha256(folder / name) != expected:
            raise Corrupt(f"{folder / name} does not match its checksum; {_REMEDY}")
    return facts


def _name(facts: TowerFacts) -> ModelVersion:
    content = orjson.dumps(asdict(replace(facts, version=_UNNAMED)), option=orjson.OPT_SORT_KEYS)
    stamp = datetime.fromisoformat(facts.created_at).astimezone(UTC)
    digest = hashlib.sha256(content).hexdigest()[:12]
    return ModelVersion(f"{KIND}-{stamp:%Y%m%dT%H%M%S}-{digest}")
