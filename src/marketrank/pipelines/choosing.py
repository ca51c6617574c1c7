"""Choosing by hand among published versions of one kind: what a page for operators offers.

Models, rankers and buyer towers lie in folders of the same plan: a folder a version, CURRENT and
promotions.jsonl (see `models.promotions`). What makes a version whole differs from kind to kind.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from marketrank.errors import BadInput, Corrupt, NotReady
from marketrank.models import promotions
from marketrank.models.promotions import Promotion
from marketrank.types import ModelVersion

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shelf:
    """The versions in one folder. `check` raises BadInput for an unknown version and Corrupt for a
    damaged one."""

    folder: Path
    check: Callable[[str], object]

    def promote(self, version: str, *, at: datetime, why: str) -> ModelVersion | None:
        """Make a version the one in use; returns the one before, or the same where it already was.
        Raises what `check` raises, and BadInput where the disk takes no more."""
        self.check(version)
        chosen = ModelVersion(version)
        with promotions.taking_turns(self.folder) as log:
            previous = promotions.current(self.folder)
            if previous != chosen:
                line = Promotion(chosen, previous, at.astimezone(UTC), why)
                promotions.switch(self.folder, log, line)
        return previous

    def roll_back(self, *, at: datetime, why: str) -> ModelVersion:
        """Go back to the version before the one in use, passing over damaged ones; returns it.
        Raises NotReady where there is none."""
        if promotions.current(self.folder) is None:
            raise NotReady(f"no version in {self.folder} was promoted yet; promote one first")
        with promotions.taking_turns(self.folder) as log:
            present = promotions.current(self.folder)
            for version in promotions.earlier(promotions.read(self.folder), present):
                try:
                    self.check(version)
                except (BadInput, Corrupt) as error:
                    _log.warning("not back to %s: %s", version, error)
                    continue
                back = Promotion(version, present, at.astimezone(UTC), why, rollback=True)
                promotions.switch(self.folder, log, back)
                return version
        raise NotReady(f"there is no whole version in {self.folder} to go back to from {present}")
