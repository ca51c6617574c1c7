from pathlib import Path

import ir_measures
import numpy as np
import pytest

from marketrank.evaluation.ranking_metrics import (
    MRR,
    NDCG,
    RECALL,
    measure,
    write_qrels,
    write_run,
)
from marketrank.evaluation.sets.relevance_set import Document, Query, RelevanceSet
from marketrank.types import ListingId

IDS = [ListingId(f"l {n}") for n in range(6)]
SET = RelevanceSet(
    "s",
    tuple(Document(id, "x") for id in IDS),
    (Query("q1", "x"), Query("q2", "y"), Query("q3", "z")),
    {"q1": {IDS[0]: 4, IDS[1]: 2, IDS[2]: 1}, "q2": {IDS[3]: 1}, "q3": {IDS[0]: 4}},
)


def test_gain_is_linear_and_the_ideal_is_of_all_judgments() -> None:
    found = measure(SET, {"q1": [IDS[2], IDS[5], IDS[0]]})
    ideal = 4 + 2 / np.log2(3) + 1 / 2
    assert found[NDCG].tolist() == pytest.approx([(1 + 4 / 2) / ideal, 0, 0])


def test_relevant_is_half_of_the_highest_grade() -> None:
    found = measure(SET, {"q1": [IDS[2], IDS[1], IDS[0]], "q2": [IDS[3]], "q3": [IDS[1]]})
    assert found[MRR].tolist() == [0.5, 0, 0]  # 1 is too little, and q2 has no more
    assert found[RECALL].tolist() == [1, 0, 0]


def test_recall_looks_at_a_hundred() -> None:
    many = [ListingId(f"m{n}") for n in range(100)]
    assert measure(SET, {"q3": [*many[:99], IDS[0]]})[RECALL][2] == 1
    assert measure(SET, {"q3": [*many, IDS[0]]})[RECALL][2] == 0


def test_files_say_the_same_to_the_tool_that_reads_them(tmp_path: Path) -> None:
    run = {"q1": [IDS[1], IDS[0]], "q2": [IDS[4], IDS[3]], "q3": IDS[::-1]}
    write_qrels(tmp_path / "qrels", SET.grades)
    write_run(tmp_path / "run", run, "mine")
    first = (tmp_path / "run").read_text().splitlines()[0]
    assert first == "q1 Q0 l_1 1 2 mine"
    read = ir_measures.calc_aggregate(
        [ir_measures.nDCG @ 10],
        list(ir_measures.read_trec_qrels(str(tmp_path / "qrels"))),
        list(ir_measures.read_trec_run(str(tmp_path / "run"))),
    )
    assert read[ir_measures.nDCG @ 10] == pytest.approx(measure(SET, run)[NDCG].mean())
