"""The ranker in use: what learned from sessions, what learned from judgments, or feedback, the
first of them that there is."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from marketrank import durable
from marketrank.errors import BadInput, Corrupt
from marketrank.ranking import ltr, session_model
from marketrank.ranking.ranker import (
    FeedbackRanker,
    LearnedRanker,
    NoopRanker,
    Ranker,
    ShuffleRanker,
)
from marketrank.ranking.session_model import SessionJudge
from marketrank.ranking.session_ranker import SessionRanker
from marketrank.types import ModelVersion

_log = logging.getLogger(__name__)


class RankerFile:
    """Gives the ranker of now. `kind` is "learned", "judged", "feedback", "shuffle" or "none".

    "judged" follows the file that `ltr.save` replaces as a whole; so does "learned", which puts the
    promoted version of the folder `sessions` before it. What cannot be read is logged once, and
    the ranker before it stays."""

    def __init__(self, path: Path, kind: str, depth: int, sessions: Path | None = None) -> None:
        self._depth = depth
        self._folder = sessions
        self._judged = _Followed(path, self._read_judged)
        promoted = None if sessions is None else sessions / session_model.CURRENT
        self._sessions = _Followed(promoted, lambda path: self._read_sessions(path.parent))
        self._kinds: Mapping[str, Callable[[], Ranker | None]] = {
            "learned": lambda: self._sessions() or self._judged(),
            "judged": self._judged,
            "feedback": lambda: None,
            "shuffle": partial(_same, ShuffleRanker(depth)),
            "none": partial(_same, NoopRanker()),
        }
        self._choose = self._kinds[kind]
        self._else = FeedbackRanker(depth)
        self._versions: dict[str, Ranker] = {}

    def __call__(self) -> Ranker:
        return self._choose() or self._else

    def named(self, name: str) -> Ranker:
        """The one of now as "current", any other kind, or a version of the folder, promoted or not.
        Raises BadInput, listing what is known, for another name, and Corrupt for a damaged one."""
        if name == "current":
            return self()
        if name in self._kinds:
            return self._kinds[name]() or self._else
        if name not in self._versions:
            known = ", ".join(["current", *self._kinds])
            if self._folder is None or name not in session_model.versions(self._folder):
                raise BadInput(f"no ranker {name!r}; known are {known}, or a version of one")
            judge = SessionJudge(session_model.read(self._folder, name), ModelVersion(name))
            self._versions[name] = self._of_sessions(judge)
        return self._versions[name]

    def _of_sessions(self, judge: SessionJudge) -> Ranker:
        # Where sessions taught it nothing, whoever else knows more ranks.
        return SessionRanker(self._depth, judge, lambda: self._judged() or self._else)

    def _read_judged(self, path: Path) -> Ranker | None:
        fitted = ltr.load(path)
        return None if fitted is None else LearnedRanker(self._depth, ltr.Judge(fitted))

    def _read_sessions(self, folder: Path) -> Ranker | None:
        judge = session_model.current(folder)
        return None if judge is None else self._of_sessions(judge)


class _Followed:
    """What was read of a file, again whenever it was replaced; None where there is no file."""

    def __init__(self, path: Path | None, read: Callable[[Path], Ranker | None]) -> None:
        self._path, self._read = path, read
        self._seen: durable.Stamp | None = None
        self._held: Ranker | None = None

    def __call__(self) -> Ranker | None:
        stamp = None if self._path is None else durable.stamp(self._path)
        if self._path is not None and stamp != self._seen:
            self._seen = stamp
            try:
                self._held = self._read(self._path)
            except Corrupt as error:
                _log.error("the ranker stays as it was: %s", error)
        return self._held


def _same(ranker: Ranker) -> Ranker:
    return ranker
