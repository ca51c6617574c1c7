"""Evaluation of relevance over real indexes and an encoder without a model."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ir_measures
import numpy as np
import pytest

from hashed_encoder import HashedEncoder
from made_up_relevance import made_up_set
from marketrank.errors import BadInput
from marketrank.evaluation.sets.relevance_set import RelevanceSet
from marketrank.pipelines import relevance
from marketrank.pipelines.relevance import MODES, SYSTEMS, Serving, evaluate, folds, learn
from marketrank.pipelines.relevance_index import NO_SYNONYMS, IndexedSet, indexed
from marketrank.ranking.ltr import query_digest
from marketrank.retrieval.synonyms import read_synonyms

SERVING = Serving(text_depth=30, vector_depth=20, fusion="confidence", fusion_k=60, rank_depth=25)


@pytest.fixture(scope="module")
def given() -> RelevanceSet:
    return made_up_set()


@pytest.fixture(scope="module")
def ready(given: RelevanceSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexedSet]:
    cache = tmp_path_factory.mktemp("cache")
    with indexed(given, HashedEncoder(), cache=cache, exact_below=1000) as found:
        yield found


@pytest.fixture(scope="module")
def report(ready: IndexedSet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    runs = tmp_path_factory.mktemp("runs")
    return evaluate(ready, SERVING, seed=7, runs=runs) | {"runs": runs}


def test_every_system_is_scored_in_both_modes(report: dict[str, Any]) -> None:
    for mode in MODES:
        assert tuple(report[mode]) == SYSTEMS
        for scores in report[mode].values():
            for name in ("ndcg@10", "mrr", "recall@100"):
                low, high = scores[f"{name}_ci95"]
                assert 0 <= low <= scores[name] <= high <= 1
        assert report[mode]["bm25"]["ndcg@10"] > report[mode]["random"]["ndcg@10"] + 0.3
        assert report[mode]["ranked"]["ndcg@10"] > 0.9


def test_every_pair_is_tested(report: dict[str, Any]) -> None:
    for mode in MODES:
        tests = report["tests"][mode]
        assert {frozenset((t["system"], t["against"])) for t in tests} == {
            frozenset((a, b)) for a in SYSTEMS for b in SYSTEMS if a != b
        }
        scores = report[mode]
        for test in tests:
            difference = scores[test["system"]]["ndcg@10"] - scores[test["against"]]["ndcg@10"]
            assert test["difference"] == pytest.approx(difference, abs=1e-9)
    by_pair = {(t["system"], t["against"]): t["p"] for t in report["tests"]["corpus"]}
    assert by_pair["hybrid", "random"] < 0.001


def test_the_set_is_described(report: dict[str, Any]) -> None:
    about = report["set"]
    assert (about["queries"], about["listings"], about["judgments"]) == (36, 72, 36 * 72)
    assert about["fields"] == ["title", "description"]
    assert (about["highest_grade"], about["relevant_from"]) == (3, 2)


def test_exported_runs_give_the_same_scores(report: dict[str, Any]) -> None:
    qrels = list(ir_measures.read_trec_qrels(str(report["runs"] / "qrels.trec")))
    for mode in MODES:
        for system in SYSTEMS:
            run = ir_measures.read_trec_run(str(report["runs"] / f"{mode}.{system}.trec"))
            found = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], qrels, list(run))
            expected = report[mode][system]["ndcg@10"]
            assert found[ir_measures.nDCG @ 10] == pytest.approx(expected)


def test_a_pool_ranks_what_was_judged_and_all_of_it(report: dict[str, Any]) -> None:
    lines = (report["runs"] / "judged_pool.bm25.trec").read_text().splitlines()
    assert len(lines) == 36 * 72  # also what has no word of the query
    corpus = (report["runs"] / "corpus.bm25.trec").read_text().splitlines()
    assert len(corpus) < len(lines)


def test_a_pool_leaves_out_what_was_not_judged(given: RelevanceSet, tmp_path: Path) -> None:
    some = {query: dict(list(grades.items())[:20]) for query, grades in given.grades.items()}
    asked = tuple(query for query in given.queries if any(some[query.id].values()))
    small = replace(given, queries=asked, grades={query.id: some[query.id] for query in asked})
    with indexed(small, HashedEncoder(), cache=tmp_path, exact_below=1000) as ready:
        evaluate(ready, SERVING, seed=7, runs=tmp_path / "runs")
    for system in SYSTEMS:
        ranked: dict[str, set[str]] = {}
        for line in (tmp_path / "runs" / f"judged_pool.{system}.trec").read_text().splitlines():
            query, _, listing, *_ = line.split()
            ranked.setdefault(query, set()).add(listing)
        assert ranked == {query.id: set(some[query.id]) for query in asked}


def test_equal_seeds_agree_and_others_do_not(ready: IndexedSet, report: dict[str, Any]) -> None:
    again, other = (evaluate(ready, SERVING, seed=seed) for seed in (7, 8))
    assert again == {name: value for name, value in report.items() if name != "runs"}
    assert other["corpus"]["random"] != again["corpus"]["random"]
    assert other["corpus"]["bm25"]["ndcg@10"] == again["corpus"]["bm25"]["ndcg@10"]


def test_settings_of_the_engine_are_those_that_are_scored(ready: IndexedSet) -> None:
    ranks = evaluate(ready, replace(SERVING, fusion="reciprocal_rank"), seed=7)["corpus"]
    assert ranks["hybrid"] == ranks["reciprocal_rank"]
    shallow = evaluate(ready, replace(SERVING, text_depth=1), seed=7)["corpus"]
    assert shallow["bm25"]["recall@100"] < ranks["bm25"]["recall@100"]


def test_a_query_is_never_scored_by_a_ranker_that_was_fitted_to_it(
    ready: IndexedSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted_to: list[set[bytes]] = []

    def fit(groups: Any, *, seed: int) -> Any:
        fitted_to.append({group.features.tobytes() for group in groups})
        return "trees"

    scored_by: list[tuple[int, bytes]] = []

    class Judge:
        def __init__(self, fitted: Any) -> None:
            self._number = len(fitted_to) - 1

        def __call__(self, features: np.ndarray) -> np.ndarray:
            scored_by.append((self._number, features.tobytes()))
            return features[:, 0]

    monkeypatch.setattr(relevance, "fit", fit)
    monkeypatch.setattr(relevance, "Judge", Judge)
    evaluate(ready, SERVING, seed=7)
    assert len(fitted_to) == relevance.FOLDS
    assert len(scored_by) == 2 * 36
    assert not any(seen in fitted_to[number] for number, seen in scored_by)
    assert len(set.union(*fitted_to)) == 2 * 36


def test_folds_keep_equal_texts_together() -> None:
    fold = folds(["oak table", "Oak  Table", *(f"query {n}" for n in range(48))], seed=1)
    assert fold[0] == fold[1]
    assert np.bincount(fold).min() >= 9
    assert (fold != folds([*(f"query {n}" for n in range(50))], seed=2)).any()


def test_the_ranker_of_the_home_ranks_what_it_has_not_seen(ready: IndexedSet) -> None:
    fitted = learn(ready, SERVING, seed=7)
    assert fitted.n == 36
    assert fitted.has_seen("oak table")
    told = evaluate(ready, SERVING, seed=7, promoted=fitted)["ranked"]
    assert told["how"].startswith("fitted to the other 4")
    assert "36 of these queries" in told["why"]
    elsewhere = replace(fitted, queries=(query_digest("a query of another set"),))
    told = evaluate(ready, SERVING, seed=7, promoted=elsewhere)["ranked"]
    assert told == {
        "how": "the ranker of the home",
        "version": elsewhere.version,
        "fitted_to": "made-up",
    }


def test_a_query_that_is_known_but_for_its_spelling_is_known(
    given: RelevanceSet, ready: IndexedSet, tmp_path: Path
) -> None:
    slips = tuple(replace(q, text=q.text.replace("table", "tabel")) for q in given.queries)
    tables = [q for q in given.queries if "table" in q.text]
    misspelt = replace(given, queries=slips)
    with indexed(misspelt, HashedEncoder(), cache=tmp_path, exact_below=1000) as other:
        taught_slips, taught = learn(other, SERVING, seed=7), learn(ready, SERVING, seed=7)
        for fitted, scored in ((taught_slips, ready), (taught, other)):
            only = tuple(query_digest(q.text) for q in tables)
            known = replace(fitted, queries=tuple(set(fitted.queries) & set(only)))
            told = evaluate(scored, SERVING, seed=7, promoted=known)["ranked"]
            assert "was fitted to 6 of these queries" in told["why"]


def test_two_spellings_of_a_query_are_in_one_fold(
    given: RelevanceSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = [
        replace(q, id=f"{q.id}-again", text=q.text.replace("table", "tabel"))
        for q in given.queries
        if "table" in q.text
    ]
    both = replace(
        given,
        queries=(*given.queries, *again),
        grades={**given.grades, **{q.id: given.grades[q.id.removesuffix("-again")] for q in again}},
    )
    found: list[Any] = []

    def kept(texts: Any, seed: int) -> Any:
        found.append(folds(texts, seed))
        return found[-1]

    monkeypatch.setattr(relevance, "folds", kept)
    with indexed(both, HashedEncoder(), cache=tmp_path, exact_below=1000) as ready:
        evaluate(ready, SERVING, seed=7)
    row = {query.id: number for number, query in enumerate(both.queries)}
    for query in again:
        assert found[0][row[query.id]] == found[0][row[query.id.removesuffix("-again")]]


def test_judgments_without_an_order_teach_nothing(given: RelevanceSet, tmp_path: Path) -> None:
    flat = {query: dict.fromkeys(grades, 1) for query, grades in given.grades.items()}
    with indexed(
        replace(given, grades=flat), HashedEncoder(), cache=tmp_path, exact_below=1000
    ) as ready:
        with pytest.raises(BadInput, match="two different grades"):
            learn(ready, SERVING, seed=7)
        # Scoring goes on by the order that nothing was learned for.
        assert evaluate(ready, SERVING, seed=7)["judged_pool"]["ranked"]["ndcg@10"] == 1


def test_texts_are_embedded_once_for_an_encoder(given: RelevanceSet, tmp_path: Path) -> None:
    encoders = [HashedEncoder(), HashedEncoder(), HashedEncoder("another")]
    for encoder in encoders:
        with indexed(given, encoder, cache=tmp_path, exact_below=1000):
            pass
    probes = 2  # the ceiling
    assert [one.encoded for one in encoders] == [72 + 36 + probes, probes, 72 + 36 + probes]


def test_queries_are_searched_for_as_they_are_meant(given: RelevanceSet, tmp_path: Path) -> None:
    slips = tuple(replace(q, text=q.text.replace("table", "tabel")) for q in given.queries)
    with indexed(
        replace(given, queries=slips), HashedEncoder(), cache=tmp_path, exact_below=1000
    ) as ready:
        assert ready.texts == tuple(query.text for query in given.queries)
        assert evaluate(ready, SERVING, seed=7)["spelling_corrected"] == 6


def test_synonyms_of_the_home_are_looked_for(given: RelevanceSet, tmp_path: Path) -> None:
    asked = tuple(replace(q, text=q.text.replace("bench", "pew")) for q in given.queries)
    unusual = replace(given, queries=asked)
    file = tmp_path / "synonyms.txt"
    file.write_text("bench, pew\n")
    scores = []
    for synonyms in (NO_SYNONYMS, read_synonyms(file)):
        with indexed(
            unusual, HashedEncoder(), cache=tmp_path, exact_below=1000, synonyms=synonyms
        ) as ready:
            scores.append(evaluate(ready, SERVING, seed=7)["corpus"]["bm25"]["ndcg@10"])
    assert scores[0] < scores[1]


def test_keys_say_nothing_of_the_order_of_the_file(given: RelevanceSet, tmp_path: Path) -> None:
    turned = replace(given, documents=given.documents[::-1])
    orders = []
    for one in (given, turned):
        with indexed(one, HashedEncoder(), cache=tmp_path, exact_below=1000) as ready:
            orders.append([document.id for document in ready.documents])
    assert orders[0] == orders[1] != [one.id for one in given.documents]
