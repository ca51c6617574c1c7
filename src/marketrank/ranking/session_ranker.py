"""Ranking by what buyers did: `session_features` of the first candidates, judged by trees."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.people import Surface
from marketrank.ranking.ranker import Looked, Material, Ranker, head, look, reorder
from marketrank.ranking.session_features import NAMES, table
from marketrank.ranking.session_model import SessionJudge

Floats = NDArray[np.float32]


class SessionRanker:
    """Orders the first `depth` by a model, on the surfaces that taught it; `otherwise` says who
    ranks where it may not."""

    def __init__(self, depth: int, judge: SessionJudge, otherwise: Callable[[], Ranker]) -> None:
        self._depth = depth
        self._judge = judge
        self._otherwise = otherwise

    @property
    def judge(self) -> SessionJudge:
        return self._judge

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        if material.surface not in self._judge.surfaces:
            return self._otherwise().rank(candidates, material)
        top = head(candidates, self._depth)
        features = look_at_session(top, material)
        material.saw(Looked(top.keys, NAMES, features, self._judge.contributions))
        return reorder(candidates, self._judge(features))


def look_at_session(
    candidates: Candidates, material: Material, words: Floats | None = None
) -> Floats:
    """What the ranker of sessions sees of candidates, and what is logged of those that are shown:
    (n, len(session_features.NAMES)). Some of it is relative to the candidates as a whole, so they
    must be the same ones for both. `words` is what `look` says of them where somebody has looked.
    """
    facts = material.facts(candidates.keys)
    if material.surface is Surface.SEARCH:
        facts = replace(facts, words=look(candidates, material) if words is None else words)
    return table(facts)
