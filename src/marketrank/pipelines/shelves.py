"""Rankers and buyer towers as `marketrank models` sees them: which there are, which is in use, and
the way back.

Unlike a model, which the index needs, neither must be in use: before the first one plain orders do,
and a rollback from the first leads there. Running servers follow CURRENT.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from io import FileIO
from pathlib import Path
from typing import Any

from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.models import promotions, published_tower
from marketrank.models.promotions import Promotion
from marketrank.ranking import session_model
from marketrank.ranking.session_model import SessionJudge
from marketrank.types import ModelVersion

NOBODY = ModelVersion("")
"""What CURRENT names where none is to be in use."""
_log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What is published and promoted."""

    MODEL = "model"
    RANKER = "ranker"
    BUYERS = "buyers"


def kind_of(version: str) -> Kind:
    """By its name, which begins with what it is."""
    learned = (Kind.RANKER, Kind.BUYERS)
    return next((kind for kind in learned if version.startswith(f"{kind}-")), Kind.MODEL)


class Shelf:
    """The versions of one kind in a folder. `names` lists them, `read` tells what one is, ready for
    JSON, and raises Corrupt where it cannot be used; `train` is the command that makes them."""

    def __init__(
        self,
        folder: Path,
        *,
        names: Callable[[Path], list[str]],
        read: Callable[[Path, str], Mapping[str, Any]],
        train: str,
    ) -> None:
        self.folder = folder
        self._names = names
        self._read = read
        self._train = train

    def current(self) -> ModelVersion | None:
        return promotions.current(self.folder)

    def versions(self) -> list[dict[str, Any]]:
        """Newest first, as names begin with their time; damaged ones say so."""
        found: list[dict[str, Any]] = []
        for name in reversed(self._names(self.folder)):
            try:
                found.append({"version": name, **self._read(self.folder, name)})
            except Corrupt as error:
                found.append({"version": name, "damaged": str(error)})
        return found

    def show(self, version: str) -> dict[str, Any]:
        """Raises BadInput for an unknown version, Corrupt for a damaged one."""
        self._check(version)
        return {"version": version, **self._read(self.folder, version)}

    def promote(self, version: str, *, at: datetime, why: str) -> ModelVersion | None:
        """Make a version the one in use, and return the one before. Raises as `show`: then the one
        in use stays."""
        self.show(version)
        with promotions.taking_turns(self.folder) as log:
            previous = self.current()
            if previous != version:
                self._switch(log, ModelVersion(version), previous, at, why, rollback=False)
        return previous

    def rollback(self, *, at: datetime, why: str) -> ModelVersion | None:
        """Go back to what was in use before the present one, and return it; None: to none, as
        before the first. Damaged ones are logged and passed over. Raises NotReady where none is in
        use."""
        if self.current() is None:
            raise NotReady(f"none is in use in {self.folder}; make one with `{self._train}`")
        with promotions.taking_turns(self.folder) as log:
            present = self.current()
            before = promotions.earlier(promotions.read(self.folder), present)
            chosen = next(filter(self._is_whole, [*before, NOBODY]))
            self._switch(log, chosen, present, at, why, rollback=True)
        return chosen or None

    def _is_whole(self, version: ModelVersion) -> bool:
        try:
            return version == NOBODY or bool(self.show(version))
        except (BadInput, Corrupt) as error:
            _log.warning("not back to %s: %s", version, error)
            return False

    def _switch(
        self,
        log: FileIO,
        version: ModelVersion,
        previous: ModelVersion | None,
        at: datetime,
        why: str,
        *,
        rollback: bool,
    ) -> None:
        line = Promotion(version, previous, at.astimezone(UTC), why, rollback)
        promotions.switch(self.folder, log, line)

    def _check(self, version: str) -> None:
        known = self._names(self.folder)
        if version not in known:
            listed = ", ".join(known) or f"none: run `{self._train}`"
            raise BadInput(f"{self.folder} has no version {version!r}; known are {listed}")


def rankers(folder: Path) -> Shelf:
    """Those of `marketrank train ranker`."""
    return Shelf(
        folder, names=session_model.versions, read=_ranker, train="marketrank train ranker"
    )


def towers(folder: Path) -> Shelf:
    """Those of `marketrank train buyers`."""
    return Shelf(
        folder, names=published_tower.versions, read=_tower, train="marketrank train buyers"
    )


def _ranker(folder: Path, version: str) -> dict[str, Any]:
    model = session_model.read(folder, version)
    SessionJudge(model, ModelVersion(version))  # as it will be used
    return {
        "features": list(model.features),
        "surfaces": sorted(model.surfaces),
        "trained": dict(model.trained),
        "metrics": dict(model.metrics),
    }


def _tower(folder: Path, version: str) -> dict[str, Any]:
    return asdict(published_tower.read(folder / version, verify=True))
