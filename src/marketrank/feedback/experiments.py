"""Experiments: who sees which ranker. Declared in <home>/experiments.toml, as

    [[experiment]]
    name = "sessions"
    kind = "interleave"          # or "ab"
    share = 0.2                  # of buyers
    arms = { now = "current", next = "ranker-20260301T120000-0123456789ab" }

An arm names a ranker: a version of `marketrank train ranker`, or "current", "judged", "feedback",
"shuffle" or "none" as the setting `ranker` has them. Nothing of it is shown to buyers.
"""

import hashlib
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from marketrank import durable
from marketrank.errors import BadInput
from marketrank.types import BuyerId

_log = logging.getLogger(__name__)
FILE_NAME = "experiments.toml"
_KEYS = {"name", "kind", "share", "arms", "salt"}


class Kind(StrEnum):
    AB = "ab"
    """Each buyer sees one arm."""
    INTERLEAVE = "interleave"
    """Each buyer sees all arms in one list: fewer buyers decide, but only on what they click."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """`arms` are rankers by the arm's name; `share` of buyers take part. Another `salt` deals
    buyers anew; empty: the name."""

    name: str
    kind: Kind
    arms: Mapping[str, str]
    share: float = 1.0
    salt: str = ""

    def takes(self, buyer: BuyerId) -> bool:
        return _point(self.salt or self.name, "share", buyer) < self.share

    def arm_of(self, buyer: BuyerId) -> str:
        """Of a buyer who takes part, always the same; each arm is as likely as the others."""
        names = sorted(self.arms)
        return names[int(_point(self.salt or self.name, "arm", buyer) * len(names))]


def chosen(experiments: Sequence[Experiment], buyer: BuyerId | None) -> Experiment | None:
    """The one that a buyer takes part in: the first that takes them. Nobody is in two at a time,
    and who does not say who they are is in none."""
    if buyer is None:
        return None
    return next((one for one in experiments if one.takes(buyer)), None)


def read_experiments(path: Path) -> tuple[Experiment, ...]:
    """Those of a file; () where there is none. Raises BadInput, naming what is wrong in it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is not valid TOML: {error}") from error
    if unknown := sorted(set(raw) - {"experiment"}):
        raise BadInput(f"{path}: unknown {unknown[0]!r}; it holds [[experiment]] tables")
    found = tuple(_experiment(path, one) for one in raw.get("experiment", []))
    names = [one.name for one in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{path}: experiment {repeated[0]!r} stands there twice; rename one")
    return found


class ExperimentFile:
    """The experiments of now: follows its file. One that cannot be read is logged, and ends all
    experiments until it is mended, so that nobody goes on seeing what was taken out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: durable.Stamp | None = None
        self._held: tuple[Experiment, ...] = ()

    def __call__(self) -> tuple[Experiment, ...]:
        stamp = durable.stamp(self._path)
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._held = read_experiments(self._path)
            except BadInput as error:
                self._held = ()
                _log.error("no experiment takes place: %s", error)
        return self._held


def _experiment(path: Path, raw: Any) -> Experiment:
    where = f"{path}: experiment {raw.get('name', '')!r}" if isinstance(raw, dict) else str(path)
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not raw["name"]:
        raise BadInput(f"{where} has no name; give it one")
    if unknown := sorted(set(raw) - _KEYS):
        raise BadInput(f"{where}: unknown {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}")
    kinds = [str(kind) for kind in Kind]
    if raw.get("kind") not in kinds:
        raise BadInput(f"{where}: kind is {raw.get('kind')!r}; give one of {', '.join(kinds)}")
    arms, share, salt = raw.get("arms"), raw.get("share", 1.0), raw.get("salt", "")
    named = isinstance(arms, dict) and all(isinstance(one, str) and one for one in arms.values())
    if not isinstance(arms, dict) or not named or len(arms) < 2 or "" in arms:
        raise BadInput(f'{where}: give two or more arms, as {{ now = "current", next = "none" }}')
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise BadInput(f"{where}: share is {share!r}; give a share of buyers from 0 to 1")
    if not isinstance(salt, str):
        raise BadInput(f"{where}: salt is {salt!r}; give a text")
    return Experiment(raw["name"], Kind(raw["kind"]), arms, float(share), salt)


def _point(salt: str, what: str, buyer: BuyerId) -> float:
    """A number in [0, 1), as if drawn at random."""
    digest = hashlib.blake2b("\0".join((salt, what, buyer)).encode(), digest_size=8).digest()
    # A float holds 53 bits; with all 64 the quotient could round up to 1.
    return (int.from_bytes(digest) >> 11) / 2**53
