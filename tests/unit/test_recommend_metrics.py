import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import R, nDCG

from marketrank.evaluation.recommend_metrics import score, summarise

SOME = st.lists(
    st.tuples(
        st.lists(st.integers(0, 30), min_size=10, max_size=10, unique=True),
        st.sets(st.integers(0, 30), min_size=1, max_size=20),
    ),
    min_size=1,
    max_size=8,
)


@given(SOME)
def test_ndcg_and_recall_are_those_of_trec_eval(some: list[tuple[list[int], set[int]]]) -> None:
    found = score(
        np.array([shown for shown, _ in some]),
        [np.array(sorted(truth)) for _, truth in some],
        np.ones(len(some), np.int64),
    )
    qrels = {str(row): {str(one): 1 for one in truth} for row, (_, truth) in enumerate(some)}
    run = {
        str(row): {str(one): float(10 - place) for place, one in enumerate(shown)}
        for row, (shown, _) in enumerate(some)
    }
    for measure, values in ((nDCG @ 10, found.ndcg), (R @ 10, found.recall)):
        oracle = {one.query_id: one.value for one in ir_measures.iter_calc([measure], qrels, run)}
        assert values == pytest.approx([oracle[str(row)] for row in range(len(some))])


def test_no_listing_is_never_a_hit() -> None:
    found = score(np.full((1, 10), -1), [np.array([3])], np.ones(1, np.int64))
    assert found.ndcg.tolist() == [0]


def lists(hits: list[bool], lengths: list[int]) -> dict[str, object]:
    shown = np.array([[5 if hit else 1, *range(10, 19)] for hit in hits])
    return {"shown": shown, "truth": [np.array([5])] * len(hits), "lengths": np.array(lengths)}


def test_buckets_intervals_and_the_best_peer() -> None:
    lengths = [1, 2, 5, 10, 10]
    known = {
        "popularity": score(**_as(lists([True, False, False, False, False], lengths))),
        "ease": score(**_as(lists([False, False, True, True, False], lengths))),
        "ours": score(**_as(lists([True, False, True, True, False], lengths))),
    }
    none = score(np.zeros((0, 10), np.int64), [], np.zeros(0, np.int64))
    report = summarise(
        known, dict.fromkeys(known, none), peers=("popularity", "ease"), listings=20, seed=1
    )
    assert {name: report["ours"][name]["n"] for name in report["ours"]} == {
        "all": 5,
        "0": 0,
        "1-2": 2,
        "3-9": 1,
        "10+": 2,
    }
    assert report["ease"]["0"] == {"n": 0}
    whole = report["ours"]["all"]
    assert whole["ndcg@10"] == pytest.approx(0.6)
    assert whole["best_peer"] == "ease"
    assert whole["difference"] == pytest.approx(0.2)
    low, high = whole["difference_ci95"]
    assert low <= 0.2 <= high
    assert whole["coverage"] == pytest.approx(11 / 20)
    assert report["ours"]["1-2"]["best_peer"] == "popularity"
    assert report["ours"]["10+"]["difference_ci95"] == [0, 0]


def _as(some: dict[str, object]) -> dict[str, object]:
    return {"listings": some["shown"], "truth": some["truth"], "lengths": some["lengths"]}
