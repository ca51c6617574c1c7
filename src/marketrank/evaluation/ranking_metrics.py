"""Metrics of rankings against graded judgments, through ir-measures, and files in TREC's formats.

A run is, for each query, ids from best to worst. ir-measures sorts by score and breaks ties in a
way of its own, so a run's scores here are made from its ranks: no two are equal.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import RR, R, nDCG
from numpy.typing import NDArray

from marketrank.evaluation.sets.relevance_set import Grades, QueryId, RelevanceSet
from marketrank.types import ListingId

Run = Mapping[QueryId, Sequence[ListingId]]
Values = NDArray[np.float64]
"""Shape (queries,), in the order of the set's queries."""
NDCG, MRR, RECALL = "ndcg@10", "mrr", "recall@100"
METRICS = (NDCG, MRR, RECALL)
QRELS = "qrels.trec"


def measure(given: RelevanceSet, run: Run) -> dict[str, Values]:
    """Each of METRICS by query. NDCG has linear gain and log2 discount (Järvelin and Kekäläinen,
    TOIS 2002), its ideal over all judged listings; MRR and recall ask for `relevant_from`. What
    nobody judged counts as 0, as does a query that the run lacks or, for MRR and recall, that has
    nothing relevant."""
    relevant = given.relevant_from
    names = {nDCG @ 10: NDCG, RR(rel=relevant): MRR, R(rel=relevant) @ 100: RECALL}
    rows = {query.id: row for row, query in enumerate(given.queries)}
    found = {name: np.zeros(len(rows)) for name in METRICS}
    scored = {query: _scores(ids) for query, ids in run.items() if ids}
    for one in ir_measures.iter_calc(list(names), given.grades, scored):
        found[names[one.measure]][rows[one.query_id]] = one.value
    return found


def write_qrels(path: Path, grades: Grades) -> None:
    """`query 0 listing grade`, a line for each judgment. Spaces within ids become "_"."""
    with path.open("w", encoding="utf-8") as file:
        for query, some in grades.items():
            for listing, grade in some.items():
                file.write(f"{_word(query)} 0 {_word(listing)} {grade}\n")


def write_run(path: Path, run: Run, system: str) -> None:
    """`query Q0 listing rank score system`, ranks from 1 as TREC has them, scores falling."""
    with path.open("w", encoding="utf-8") as file:
        for query, ids in run.items():
            for rank, (listing, score) in enumerate(_scores(ids).items(), start=1):
                file.write(f"{_word(query)} Q0 {_word(listing)} {rank} {score:g} {system}\n")


def _scores(ids: Sequence[ListingId]) -> dict[str, float]:
    return {id: float(len(ids) - rank) for rank, id in enumerate(ids)}


def _word(id: str) -> str:
    return "_".join(id.split())
