"""What the gate makes of an evaluation, by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest

from marketrank.evaluation.paired import Paired, compare_paired
from marketrank.pipelines.gate import FEWEST, Limits, decide
from marketrank.types import ListingId

AT = datetime(2026, 3, 14, tzinfo=UTC)


def scored(difference: float, low: float, high: float, n: int = 100) -> dict[str, Any]:
    return {
        "n": n,
        "new": 0.5 + difference,
        "other": 0.5,
        "difference": difference,
        "low": low,
        "high": high,
    }


def compared(**scores: Any) -> dict[str, Any]:
    return {"on": "the test part", "scores": scores, "unpaired": []}


BETTER, ALIKE, WORSE = scored(0.2, 0.1, 0.3), scored(-0.01, -0.05, 0.03), scored(-0.2, -0.3, -0.1)


def evaluation(**changed: Any) -> dict[str, Any]:
    return {
        "version": "new",
        "champion": "old",
        "compared": {
            "guess": compared(text=BETTER, combined=BETTER),
            "baselines": compared(text=ALIKE, image=ALIKE),
            "champion": compared(text=ALIKE, price=ALIKE),
        },
        "golden": {"queries": 100, "new": 0.9, "champion": 0.9},
        "times": {"listing_ratio": 1.1, "query_ratio": 1.0},
        "metrics": {},
        "notes": ["a note"],
    } | changed


def reasons(limits: Limits = Limits(), **changed: Any) -> list[str]:  # noqa: B008
    decision = decide(evaluation(**changed), limits, at=AT)
    assert decision.promote == (not decision.reasons)
    return list(decision.reasons)


def test_what_is_alike_is_promoted() -> None:
    decision = decide(evaluation(), Limits(), at=AT)
    assert (decision.promote, decision.reasons, decision.notes) == (True, (), ("a note",))
    assert (decision.version, decision.champion) == ("new", "old")


@pytest.mark.parametrize(("against", "said"), [("baselines", "the baselines"), ("champion", "old")])
def test_worse_by_more_than_chance_in_any_score_is_refused(against: str, said: str) -> None:
    held = evaluation()["compared"] | {against: compared(text=ALIKE, price=WORSE)}
    (reason,) = reasons(compared=held)
    assert reason == (
        f"worse than {said}: price 0.3000 against 0.5000, difference -0.2000 "
        "[-0.3000, -0.1000] on 100 listings"
    )
    few = scored(-0.2, -0.3, -0.1, n=FEWEST - 1)
    assert reasons(compared=evaluation()["compared"] | {against: compared(price=few)}) == []
    unpaired = {**compared(), "unpaired": ["worse than old: by its scores"]}
    assert reasons(compared=held | {against: unpaired}) == ["worse than old: by its scores"]


@pytest.mark.parametrize(("against", "said"), [("baselines", "the baselines"), ("champion", "old")])
def test_a_score_of_too_few_listings_is_noted(against: str, said: str) -> None:
    few = scored(-0.2, -0.3, -0.1, n=FEWEST - 1)
    held = evaluation()["compared"] | {against: compared(text=ALIKE, image=few)}
    decision = decide(evaluation(compared=held), Limits(), at=AT)
    assert decision.promote
    note = f"image against {said}: 0.3000 and 0.5000 on 19 listings, 20 needed"
    assert decision.notes == ("a note", note)
    # Of few listings altogether the published scores were compared.
    held = evaluation()["compared"] | {against: compared(text=few, image=few)}
    assert decide(evaluation(compared=held), Limits(), at=AT).notes == ("a note",)


def test_what_only_guesses_is_refused() -> None:
    held = evaluation()["compared"]
    (reason,) = reasons(compared=held | {"guess": compared(text=BETTER, combined=ALIKE)})
    assert reason.startswith("no better than guessing the most frequent category: combined 0.49")
    always = {**ALIKE, "other": 1.0}  # one category alone
    assert reasons(compared=held | {"guess": compared(text=always, combined=always)}) == []
    few = scored(0.1, -0.1, 0.3, n=FEWEST - 1)
    assert reasons(compared=held | {"guess": compared(text=few)}) == []
    assert len(reasons(compared=held | {"guess": compared(text={**few, "difference": 0.0})})) == 1


def test_golden_queries_and_times_have_limits() -> None:
    golden = {"queries": 100, "new": 0.80, "champion": 0.9}
    (reason,) = reasons(golden=golden)
    assert reason.startswith("golden queries: 0.800 of 100 found, old finds 0.900")
    assert reasons(Limits(golden_share=0.8), golden=golden) == []
    times = {"listing_ratio": 1.1, "query_ratio": 1.6}
    (reason,) = reasons(times=times)
    assert reason == ("latency: encoding a query takes 1.60 times as long as with old, 1.5 at most")
    assert reasons(Limits(latency_ratio=2), times=times) == []


def test_the_first_version_has_nobody_to_be_compared_with() -> None:
    held = {name: one for name, one in evaluation()["compared"].items() if name != "champion"}
    first = {
        "champion": None,
        "compared": held,
        "golden": {"queries": 5, "new": 0.1, "champion": None},
        "times": {"listing_ratio": None, "query_ratio": None},
    }
    assert reasons(**first) == []


def ids(values: list[float]) -> dict[ListingId, float]:
    return {ListingId(f"l{row:03}"): value for row, value in enumerate(values)}


def test_pairs_tell_what_means_alone_do_not() -> None:
    other = [float(row % 2) for row in range(200)]
    new = [*other[:-10], *[0.0] * 10]  # five of 200 lost, none won
    found = compare_paired(ids(new), ids(other), seed=1)
    assert found is not None
    assert (found.n, found.new, found.other) == (200, 0.475, 0.5)
    assert found.worse
    assert -0.06 < found.low < found.difference < found.high < 0
    back = compare_paired(ids(other), ids(new), seed=1)
    assert back is not None
    assert back.better
    assert not back.worse


def test_only_what_both_have_is_compared() -> None:
    assert compare_paired({ListingId("a"): 1.0}, {ListingId("b"): 1.0}, seed=1) is None
    found = compare_paired(ids([1, 0, 1]), ids([0, 0]), seed=1)
    assert found == Paired(2, 0.5, 0.0, 0.5, 0.0, 1.0)
    same = compare_paired(ids([1, 0, 1]), ids([1, 0, 1]), seed=1)
    assert same == Paired(3, 2 / 3, 2 / 3, 0.0, 0.0, 0.0)
    assert not same.worse
    assert not same.better
