import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.asking import Hits
from marketrank.retrieval.fusion import by_confidence, reciprocal_rank


def _hits(keys: list[int]) -> Hits:
    return Hits(np.array(keys, np.int64), np.linspace(1, 0, len(keys), dtype=np.float32))


def _oracle(
    lists: dict[str, list[int]], k: int, weights: dict[str, float]
) -> list[tuple[int, np.float32]]:
    scores: dict[int, float] = {}
    for name, keys in lists.items():
        for rank, key in enumerate(keys):
            scores[key] = scores.get(key, 0.0) + weights.get(name, 1.0) / (k + rank + 1)
    rounded = [(key, np.float32(score)) for key, score in scores.items()]
    return sorted(rounded, key=lambda pair: (-pair[1], pair[0]))


_keys = st.lists(st.integers(0, 40), unique=True, max_size=20)
_names = st.sampled_from(["text", "vector", "taste", "fresh"])


@given(
    st.dictionaries(_names, _keys, max_size=4),
    st.integers(1, 100),
    st.dictionaries(_names, st.floats(0, 10, allow_nan=False), max_size=4),
)
def test_agrees_with_a_sum_over_a_dictionary(
    lists: dict[str, list[int]], k: int, weights: dict[str, float]
) -> None:
    fused = reciprocal_rank({n: _hits(keys) for n, keys in lists.items()}, k=k, weights=weights)
    expected = _oracle(lists, k, weights)
    assert dict(zip(fused.keys.tolist(), fused.scores, strict=True)) == pytest.approx(
        dict(expected), rel=1e-6
    )
    order = np.lexsort((fused.keys, -fused.scores))
    assert np.array_equal(order, np.arange(len(fused.keys)))
    assert fused.ranks.keys() == lists.keys()
    for name, keys in lists.items():
        ranks = [keys.index(key) if key in keys else -1 for key in fused.keys.tolist()]
        assert fused.ranks[name].tolist() == ranks


def test_two_retrievers_agreeing_beat_one_first_place() -> None:
    fused = reciprocal_rank({"text": _hits([7, 3]), "vector": _hits([9, 3])}, k=60, weights=None)
    assert fused.keys.tolist() == [3, 7, 9]
    assert fused.scores.tolist() == pytest.approx([2 / 62, 1 / 61, 1 / 61])


def test_weight_zero_leaves_a_retriever_behind() -> None:
    hits = {"text": _hits([7]), "vector": _hits([3])}
    assert reciprocal_rank(hits, k=60, weights={"vector": 0.0}).keys.tolist() == [7, 3]
    assert reciprocal_rank(hits, k=60, weights={"text": 0.0}).keys.tolist() == [3, 7]


def test_nothing_found_gives_no_candidates() -> None:
    assert reciprocal_rank({}, k=60).keys.shape == (0,)
    fused = reciprocal_rank({"text": _hits([])}, k=60)
    assert fused.keys.shape == fused.scores.shape == fused.ranks["text"].shape == (0,)


def test_types_are_those_of_the_contract() -> None:
    fused = reciprocal_rank({"text": _hits([4, 2])}, k=60)
    assert fused.keys.dtype == np.int64
    assert fused.scores.dtype == np.float32
    assert fused.ranks["text"].dtype == np.int32


def _shares(pairs: dict[int, float]) -> Hits:
    return Hits(np.array(list(pairs), np.int64), np.array(list(pairs.values()), np.float32))


def test_by_confidence_sums_shares_by_weight() -> None:
    # Both best hits are what is usual for their retriever: each weighs a half.
    words, near = {1: 0.75, 2: 0.5}, {1: 0.2, 2: 0.6, 3: 0.4}
    hits = {"text": _hits([1, 2]), "vector": _hits([2, 3])}
    fused = by_confidence(hits, {"text": _shares(words), "vector": _shares(near)})
    assert fused.keys.tolist() == [2, 1, 3]
    bent = 0.75**1.5, 0.5**1.5
    assert fused.scores.tolist() == pytest.approx([(bent[1] + 0.6) / 2, (bent[0] + 0.2) / 2, 0.2])
    assert fused.ranks["text"].tolist() == [1, 0, -1]
    assert fused.ranks["vector"].tolist() == [0, -1, 1]
    assert fused.parts["vector"].tolist() == pytest.approx([0.6, 0.2, 0.4])


def test_the_surer_retriever_decides() -> None:
    hits = {"text": _hits([1, 2]), "vector": _hits([2, 1])}

    def first(best_of_words: float, best_of_vectors: float) -> int:
        words = _shares({1: best_of_words, 2: best_of_words - 0.1})
        near = _shares({2: best_of_vectors, 1: best_of_vectors - 0.1})
        return int(by_confidence(hits, {"text": words, "vector": near}).keys[0])

    assert first(1.0, 0.3) == 1
    assert first(0.3, 0.9) == 2


def test_one_retriever_alone_keeps_its_order_and_score() -> None:
    fused = by_confidence({"vector": _hits([4, 2])}, {"vector": _shares({4: 0.9, 2: 0.1})})
    assert fused.keys.tolist() == [4, 2]
    assert fused.scores.tolist() == pytest.approx([0.9, 0.1])
    assert by_confidence({}, {}).keys.shape == (0,)


def test_equal_scores_go_by_key() -> None:
    fused = by_confidence({"text": _hits([9, 3])}, {"text": _shares({9: 0.5, 3: 0.5})})
    assert fused.keys.tolist() == [3, 9]
