from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.retrieval.exact_index import ExactSegment, best
from marketrank.types import Vectors

_DIM = 4


def _unit(rows: Vectors) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _random(n: int, seed: int = 0) -> Vectors:
    return _unit(np.random.default_rng(seed).normal(size=(n, _DIM)))


_puts = st.lists(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), max_size=30), max_size=12
)


@settings(max_examples=60)
@given(_puts, st.integers(0, 15), st.none() | st.sets(st.integers(0, 12)))
def test_agrees_with_a_dictionary(
    puts: list[list[tuple[int, int]]], k: int, allowed: set[int] | None
) -> None:
    palette = _random(31)
    segment, model = ExactSegment(_DIM), {}
    for batch in puts:
        keys = np.array([key for key, _ in batch], np.int64)
        segment.put(keys, palette[[colour for _, colour in batch]].reshape(-1, _DIM))
        model.update(batch)
    query = palette[:1]
    mask = None
    if allowed is not None:
        mask = np.zeros(13, np.bool_)
        mask[list(allowed)] = True
    scores = {
        key: float(palette[colour] @ query[0])
        for key, colour in model.items()
        if allowed is None or key in allowed
    }
    hits = segment.search(query, k, mask)
    assert len(segment) == len(model)
    assert len(hits.keys) == min(k, len(scores))
    wanted = sorted(scores.values(), reverse=True)[:k]
    assert hits.scores.tolist() == pytest.approx(wanted, abs=1e-6)
    assert [scores[key] for key in hits.keys.tolist()] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("n", [60, 300])  # within the first buffer, and beyond it
def test_a_state_that_a_reader_holds_never_changes(n: int) -> None:
    segment = ExactSegment(_DIM)
    old, new = _random(n, seed=1), _random(n, seed=2)
    keys = np.arange(n)
    segment.put(keys, old)
    held = segment.rows()
    before = held.search(old[5:6], n)
    for start in [*range(0, n, 20)] * 3:  # replaces all: rows are written anew
        segment.put(keys[start : start + 20], new[start : start + 20])
    after = held.search(old[5:6], n)
    assert after.keys.tolist() == before.keys.tolist()
    assert after.scores.tolist() == before.scores.tolist()
    assert segment.search(new[5:6], 1).keys.tolist() == [5]
    assert len(segment) == n


def test_readers_see_each_put_whole() -> None:
    """Every put writes one vector to all keys; a reader must never meet two different ones."""
    segment, palette = ExactSegment(_DIM), _random(50)
    keys = np.arange(64)
    segment.put(keys, np.repeat(palette[:1], 64, axis=0))
    stop, torn = Event(), []

    def read() -> None:
        while not stop.is_set():
            hits = segment.search(palette[:1], 64)
            if len(hits.keys) != 64 or np.ptp(hits.scores) > 1e-6:
                torn.append(hits)

    readers = [Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for colour in range(1, 200):
        segment.put(keys, np.repeat(palette[[colour % 50]], 64, axis=0))
    stop.set()
    for reader in readers:
        reader.join()
    assert torn == []


def test_replaced_rows_do_not_pile_up() -> None:
    segment, vectors = ExactSegment(_DIM), _random(100)
    for _ in range(50):
        segment.put(np.arange(100), vectors)
    assert len(segment.rows().keys) <= 300


def test_ties_go_by_key_also_at_the_border() -> None:
    segment = ExactSegment(_DIM)
    same = np.repeat(_random(1), 5, axis=0)
    segment.put(np.array([9, 4, 7, 1, 8]), same)
    assert segment.search(same[:1], 3).keys.tolist() == [1, 4, 7]


def test_keys_beyond_the_mask_are_not_allowed() -> None:
    segment, vectors = ExactSegment(_DIM), _random(3)
    segment.put(np.array([2, 5, 9]), vectors)
    assert segment.search(vectors[2:3], 5, np.ones(6, np.bool_)).keys.tolist() != []
    assert set(segment.search(vectors[2:3], 5, np.ones(6, np.bool_)).keys.tolist()) == {2, 5}
    assert segment.search(vectors[:1], 5, np.zeros(20, np.bool_)).keys.tolist() == []


def test_an_empty_segment_has_no_hits() -> None:
    hits = ExactSegment(_DIM).search(_random(1), 5)
    assert hits.keys.dtype == np.int64
    assert hits.scores.dtype == np.float32
    assert len(hits.keys) == 0


def test_vectors_of_another_model_are_refused() -> None:
    segment = ExactSegment(_DIM)
    with pytest.raises(BadInput, match="dim 4"):
        segment.put(np.arange(2), np.zeros((2, 3), np.float32))
    with pytest.raises(BadInput, match="dim 4"):
        segment.search(np.zeros((1, 3), np.float32), 1)


@given(st.lists(st.integers(-3, 3), max_size=40), st.integers(0, 45))
def test_best_is_the_head_of_the_sorted_list(values: list[int], k: int) -> None:
    keys = np.random.default_rng(0).permutation(len(values)).astype(np.int64)
    hits = best(keys, np.array(values, np.float32), k)
    expected = sorted(zip(keys.tolist(), values, strict=True), key=lambda p: (-p[1], p[0]))[:k]
    assert list(zip(hits.keys.tolist(), hits.scores.tolist(), strict=True)) == expected
