"""How well search ranks a relevance set: every system by the code that serves, compared.

    judged_pool   each query ranks only the listings that were judged for it
    corpus        each query ranks all listings; what nobody judged counts as irrelevant

The system "ranked" is the ranker of the home, where it has seen none of the set's queries, else one
that is fitted here and never to the queries that it is scored on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates
from marketrank.evaluation.ranking_metrics import (
    METRICS,
    NDCG,
    QRELS,
    Run,
    measure,
    write_qrels,
    write_run,
)
from marketrank.evaluation.sets.relevance_set import RelevanceSet
from marketrank.evaluation.significance import RESAMPLES, bootstrap_intervals, randomisation_p
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.relevance_index import IndexedSet
from marketrank.ranking.ltr import Fitted, Group, Judge, fit, query_digest
from marketrank.ranking.ranker import head, look, reorder
from marketrank.retrieval.hybrid import fuse, retrieve

RANDOM, BM25, VECTOR, RECIPROCAL, HYBRID, RANKED = (
    "random",
    "bm25",
    "vector",
    "reciprocal_rank",
    "hybrid",
    "ranked",
)
SYSTEMS = (RANDOM, BM25, VECTOR, RECIPROCAL, HYBRID, RANKED)
POOL, CORPUS = "judged_pool", "corpus"
MODES = (POOL, CORPUS)
FOLDS = 5
_RUN_DEPTH = 100  # listings that a run over the corpus keeps: what recall@100 looks at
Keys = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Serving:
    """How the engine that is scored searches: see `engine.Depths`."""

    text_depth: int
    vector_depth: int
    fusion: str
    fusion_k: int
    rank_depth: int


@dataclass(frozen=True)
class _Answer:
    """One query's runs by system, all but "ranked", and what that is made from."""

    runs: Mapping[str, Keys]
    fused: Candidates
    features: Floats


def evaluate(
    indexed: IndexedSet,
    serving: Serving,
    *,
    seed: int,
    promoted: Fitted | None = None,
    runs: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Score all SYSTEMS in both MODES; see the module. Writes TREC files into `runs`."""
    given = indexed.given
    answers = {mode: _answers(indexed, serving, mode, seed, progress) for mode in MODES}
    judges, how = _judges(indexed, answers, promoted, seed, progress)
    report: dict[str, Any] = {"set": describe(given), "ranked": how, "seed": seed}
    report["spelling_corrected"] = sum(text != meant for text, meant in _wordings(indexed))
    tests: dict[str, Any] = {
        "metric": NDCG,
        "method": f"paired randomisation test, two-sided, {RESAMPLES:,} resamples",
    }
    if runs is not None:
        runs.mkdir(parents=True, exist_ok=True)
        write_qrels(runs / QRELS, given.grades)
    for mode in MODES:
        found = _runs(indexed, answers[mode], judges, mode)
        if runs is not None:
            for system, run in found.items():
                write_run(runs / f"{mode}.{system}.trec", run, system)
        progress("measure", MODES.index(mode), len(MODES))
        values = {system: measure(given, run) for system, run in found.items()}
        report[mode] = _summary(values, seed)
        tests[mode] = _tests(values, seed)
    progress("measure", len(MODES), len(MODES))
    return report | {"tests": tests}


def describe(given: RelevanceSet) -> dict[str, Any]:
    """What a set holds, as reports name it."""
    fields = ["title", "description", "category"]
    dropped = given.dropped
    return {
        "name": given.name,
        "digest": given.digest[:12],
        "listings": len(given.documents),
        "fields": [name for name in fields if any(getattr(d, name) for d in given.documents)],
        "queries": len(given.queries),
        "judgments": sum(len(some) for some in given.grades.values()),
        "highest_grade": given.highest_grade,
        "relevant_from": given.relevant_from,
        "dropped": {name: getattr(dropped, name) for name in dropped.__dataclass_fields__},
    }


def learn(
    indexed: IndexedSet, serving: Serving, *, seed: int, progress: Progress = silent
) -> Fitted:
    """A ranker that is fitted to all judgments of a set. Raises BadInput where they show no order
    to learn."""
    given = indexed.given
    answers = {mode: _answers(indexed, serving, mode, seed, progress) for mode in MODES}
    groups = [group for some in _groups(indexed, answers) for group in some]
    progress("fit", 0, 1)
    trees = fit(groups, seed=seed)
    progress("fit", 1, 1)
    digests = {query_digest(text) for some in _wordings(indexed) for text in some}
    return Fitted(trees, given.name, len(given.queries), tuple(sorted(digests)))


def folds(texts: Sequence[str], seed: int) -> NDArray[np.int64]:
    """A fold from 0 for each query, shape (n,); equal texts share one."""
    digests = [query_digest(text) for text in texts]
    distinct = sorted(set(digests))
    order = np.random.default_rng(seed).permutation(len(distinct))
    fold = {digest: int(place) % FOLDS for digest, place in zip(distinct, order, strict=True)}
    return np.array([fold[digest] for digest in digests], np.int64)


def _wordings(indexed: IndexedSet) -> list[tuple[str, str]]:
    """Each query as it is written and as it is searched for: "oak tabel" and "oak table" are one
    to a ranker."""
    return [
        (query.text, text) for query, text in zip(indexed.given.queries, indexed.texts, strict=True)
    ]


def _answers(
    indexed: IndexedSet, serving: Serving, mode: str, seed: int, progress: Progress
) -> list[_Answer]:
    n = len(indexed.given.queries)
    found = []
    for row in range(n):
        progress(f"search, {mode.replace('_', ' ')}", row, n)
        found.append(_answer(indexed, serving, mode, row, seed))
    progress(f"search, {mode.replace('_', ' ')}", n, n)
    return found


def _answer(indexed: IndexedSet, serving: Serving, mode: str, row: int, seed: int) -> _Answer:
    allowed, keys = None, np.arange(len(indexed.documents), dtype=np.int64)
    if mode == POOL:
        keys = indexed.judged(row)
        allowed = np.zeros(int(keys.max()) + 1, np.bool_)
        allowed[keys] = True
        # All that were judged are ranked, however many.
        n = len(keys)
        serving = replace(serving, text_depth=n, vector_depth=n, rank_depth=n)
    asked = indexed.asked(row)
    hits = retrieve(
        indexed.indexes,
        asked,
        allowed,
        text_depth=serving.text_depth,
        vector_depth=serving.vector_depth,
    )
    fused = {
        method: fuse(method, indexed.indexes, asked, hits, fusion_k=serving.fusion_k)
        for method in {serving.fusion, RECIPROCAL}
    }
    candidates = fused[serving.fusion]
    runs = {
        RANDOM: np.random.default_rng([seed, row]).permutation(keys),
        BM25: hits["text"].keys,
        VECTOR: hits["vector"].keys,
        RECIPROCAL: fused[RECIPROCAL].keys,
        HYBRID: candidates.keys,
    }
    cut = {
        name: _with_rest(run, keys) if mode == POOL else run[:_RUN_DEPTH]
        for name, run in runs.items()
    }
    top = head(candidates, serving.rank_depth)
    return _Answer(cut, candidates, look(top, indexed.material(row)))


def _with_rest(run: Keys, judged: Keys) -> Keys:
    """A run of a pool, and behind it what the system did not find, by key: every system ranks the
    same listings."""
    return np.concatenate([run, np.setdiff1d(judged, run)])


def _groups(
    indexed: IndexedSet, answers: Mapping[str, Sequence[_Answer]]
) -> list[tuple[Group, ...]]:
    """What each query teaches: what was judged for it, as its pool, and the best candidates of the
    corpus, where what nobody judged counts as irrelevant, as it does in scoring. The pool alone
    knows no listings that have nothing to do with a query: docs/adr/0127."""
    by_query = zip(*(answers[mode] for mode in MODES), strict=True)
    return [
        tuple(_group(indexed, row, answer) for answer in some) for row, some in enumerate(by_query)
    ]


def _group(indexed: IndexedSet, row: int, answer: _Answer) -> Group:
    keys = answer.fused.keys[: len(answer.features)]
    return Group(answer.features, indexed.grades(row, keys))


def _judges(
    indexed: IndexedSet,
    answers: Mapping[str, Sequence[_Answer]],
    promoted: Fitted | None,
    seed: int,
    progress: Progress,
) -> tuple[list[Callable[[Floats], Floats]], dict[str, Any]]:
    """For each query the judge that ranks it, and what to say of them."""
    wordings = _wordings(indexed)
    note = "no ranker is fitted in the home"
    if promoted is not None:
        seen = sum(any(map(promoted.has_seen, some)) for some in wordings)
        if seen == 0:
            judge = Judge(promoted)
            told = {"how": "the ranker of the home", "version": promoted.version}
            return [judge] * len(wordings), told | {"fitted_to": promoted.name}
        note = f"the home's ranker {promoted.version} was fitted to {seen} of these queries"
    fold = folds(indexed.texts, seed)
    groups = _groups(indexed, answers)
    by_fold: list[Callable[[Floats], Floats]] = []
    for number in range(FOLDS):
        progress("fit", number, FOLDS)
        others = (some for some, own in zip(groups, fold, strict=True) if own != number)
        train = [group for some in others for group in some]
        by_fold.append(_fitted(train, seed))
    progress("fit", FOLDS, FOLDS)
    told = {"how": f"fitted to the other {FOLDS - 1} of {FOLDS} parts of the queries", "why": note}
    return [by_fold[number] for number in fold], told


def _fitted(groups: Sequence[Group], seed: int) -> Callable[[Floats], Floats]:
    """A judge that has learned from these; the prior alone where they show no order."""
    if not any(len(np.unique(group.grades)) > 1 for group in groups):
        return prior_judge
    return Judge(Fitted(fit(groups, seed=seed), "fold", len(groups), ()))


def prior_judge(features: Floats) -> Floats:
    """The order of `features.prior`."""
    return features[:, 0]


def _runs(
    indexed: IndexedSet,
    answers: Sequence[_Answer],
    judges: Sequence[Callable[[Floats], Floats]],
    mode: str,
) -> dict[str, Run]:
    found: dict[str, dict[str, Any]] = {system: {} for system in SYSTEMS}
    for row, (query, answer) in enumerate(zip(indexed.given.queries, answers, strict=True)):
        ranked = reorder(answer.fused, judges[row](answer.features)).keys
        ranked = _with_rest(ranked, indexed.judged(row)) if mode == POOL else ranked[:_RUN_DEPTH]
        for system, keys in {**answer.runs, RANKED: ranked}.items():
            found[system][query.id] = indexed.ids(keys)
    return dict(found)


def _summary(values: Mapping[str, Mapping[str, Any]], seed: int) -> dict[str, dict[str, Any]]:
    columns = [(system, metric) for system in values for metric in METRICS]
    intervals = bootstrap_intervals(
        np.stack([values[system][metric] for system, metric in columns], axis=1), seed=seed
    )
    report: dict[str, dict[str, Any]] = {system: {} for system in values}
    for place, (system, metric) in enumerate(columns):
        report[system][metric] = float(values[system][metric].mean())
        report[system][f"{metric}_ci95"] = [float(end) for end in intervals[:, place]]
    return report


def _tests(values: Mapping[str, Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    pairs = list(combinations(reversed(list(values)), 2))
    differences = np.stack([values[a][NDCG] - values[b][NDCG] for a, b in pairs], axis=1)
    p = randomisation_p(differences, seed=seed)
    return [
        {"system": a, "against": b, "difference": float(mean), "p": float(chance)}
        for (a, b), mean, chance in zip(pairs, differences.mean(axis=0), p, strict=True)
    ]
