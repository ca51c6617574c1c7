"""The ranker in use: the learned one of a file, as soon as it is there, and else feedback."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from marketrank import durable
from marketrank.errors import Corrupt
from marketrank.ranking import ltr
from marketrank.ranking.ranker import FeedbackRanker, LearnedRanker, NoopRanker, Ranker

_log = logging.getLogger(__name__)


class RankerFile:
    """Gives the ranker of now. `kind` is "learned", "feedback" or "none"; the learned one follows
    its file, which `ltr.save` replaces as a whole. A file that cannot be read is logged once, and
    the ranker before it stays."""

    def __init__(self, path: Path, kind: str, depth: int) -> None:
        self._path = path
        self._depth = depth
        self._seen: durable.Stamp | None = None
        kinds: Mapping[str, Callable[[], Ranker]] = {
            "learned": lambda: FeedbackRanker(depth),
            "feedback": lambda: FeedbackRanker(depth),
            "none": NoopRanker,
        }
        self._follows = kind == "learned"
        self._ranker = kinds[kind]()

    def __call__(self) -> Ranker:
        if self._follows:
            self._follow()
        return self._ranker

    def _follow(self) -> None:
        stamp = durable.stamp(self._path)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            fitted = ltr.load(self._path)
            judge = None if fitted is None else ltr.Judge(fitted)
        except Corrupt as error:
            _log.error("the ranker stays as it was: %s", error)
            return
        self._ranker = (
            FeedbackRanker(self._depth) if judge is None else LearnedRanker(self._depth, judge)
        )
