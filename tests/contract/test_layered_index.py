"""Updates and deletions over a built index, against a dictionary that is searched exactly."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.retrieval.exact_index import ExactSegment
from marketrank.retrieval.layered_index import LayeredIndex
from marketrank.retrieval.vector_index import Base, build
from marketrank.types import Vectors

_DIM, _KEYS = 16, 300
_RNG = np.random.default_rng(8)
_PALETTE: Vectors = _RNG.normal(size=(_KEYS, _DIM)).astype(np.float32)
_PALETTE /= np.linalg.norm(_PALETTE, axis=1, keepdims=True)
_BUILT = np.arange(0, _KEYS, 2)  # the odd keys are not in the base

_update = st.tuples(st.integers(0, _KEYS - 1), st.integers(0, _KEYS - 1))
_steps = st.lists(st.lists(_update, max_size=20), max_size=8)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Base]:
    found = {}
    for kind, limit in (("exact", 10**9), ("lists", 0)):
        folder: Path = tmp_path_factory.mktemp("base") / kind
        build(folder, _BUILT, _PALETTE[_BUILT], exact_below=limit)
        found[kind] = Base.open(folder)
    return found


@pytest.mark.parametrize("kind", ["exact", "lists"])
@settings(max_examples=60, deadline=None)
@given(
    steps=_steps,
    ended=st.sets(st.integers(0, _KEYS - 1), max_size=_KEYS),
    asked=st.integers(0, _KEYS - 1),
    k=st.integers(1, 40),
)
def test_agrees_with_a_dictionary(
    bases: dict[str, Base],
    kind: str,
    steps: list[list[tuple[int, int]]],
    ended: set[int],
    asked: int,
    k: int,
) -> None:
    segment = ExactSegment(_DIM)
    index = LayeredIndex(bases[kind], segment)
    model = {key: key for key in _BUILT.tolist()}
    for step in steps:
        keys = np.array([key for key, _ in step], np.int64)
        colours = np.array([colour for _, colour in step], np.int64)
        segment.put(keys, _PALETTE[colours].reshape(-1, _DIM))
        model.update(step)
    live = np.ones(_KEYS, np.bool_)
    live[list(ended)] = False
    query = _PALETTE[asked : asked + 1]
    for allowed in (None, live):
        scores = {
            key: float(_PALETTE[colour] @ query[0])
            for key, colour in model.items()
            if allowed is None or allowed[key]
        }
        hits = index.search(query, k, allowed)
        wanted = sorted(scores.values(), reverse=True)[:k]
        assert hits.scores.tolist() == pytest.approx(wanted, abs=4e-5)
        assert len(set(hits.keys.tolist())) == len(wanted)
        assert [scores[key] for key in hits.keys.tolist()] == pytest.approx(wanted, abs=4e-5)
