from collections import Counter

import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.feedback.experiments import Experiment, Kind
from marketrank.ranking.ranker import Material, NoopRanker, Ranker, reorder
from marketrank.trials import Trial, Trials
from marketrank.types import BuyerId, Candidates, Item, Listing, ListingId

N = 8
CANDIDATES = Candidates(
    np.arange(N), np.linspace(1, 0, N).astype(np.float32), {"text": np.arange(N, dtype=np.int32)}
)
ARMS = {"now": "none", "next": "backwards"}
NOTHING = Material(
    query=None,
    vectors_of=lambda keys: None,
    near=lambda vector, keys: np.zeros(len(keys), np.float32),
    asked=lambda: pytest.fail("not asked"),
    seen=lambda keys: [],
)


class Backwards:
    """Of the first six."""

    def rank(self, candidates: Candidates, material: Material) -> Candidates:
        return reorder(candidates, np.arange(6, dtype=np.float32))


def ranker_of(name: str) -> Ranker:
    known: dict[str, Ranker] = {"none": NoopRanker(), "backwards": Backwards()}
    if name not in known:
        raise BadInput(f"no ranker {name!r}")
    return known[name]


def trials(*experiments: Experiment) -> Trials:
    return Trials(lambda: experiments, ranker_of, depth=6)


def ranked(trial: Trial, *experiments: Experiment) -> list[int]:
    found = trials(*experiments).rank(NoopRanker(), CANDIDATES, NOTHING, trial)
    assert found.scores.tolist() == CANDIDATES.scores.tolist()
    assert found.ranks["text"].tolist() == found.keys.tolist()
    return [int(key) for key in found.keys]


def test_each_buyer_of_a_split_sees_one_arm() -> None:
    experiment = Experiment("x", Kind.AB, ARMS)
    seen: Counter[str] = Counter()
    for number in range(200):
        buyer = BuyerId(f"b{number}")
        trial = Trial(buyer, "asked")
        order = ranked(trial, experiment)
        arm = experiment.arm_of(buyer)
        assert order[0] == {"now": 0, "next": 5}[arm]
        assert set(trial.arms.values()) == {arm}
        assert trial.experiment == "x"
        seen[arm] += 1
    assert min(seen.values()) > 60


def test_an_interleaved_list_holds_both_and_says_whose_each_is() -> None:
    experiment = Experiment("x", Kind.INTERLEAVE, ARMS)
    trial = Trial(BuyerId("b"), "asked")
    order = ranked(trial, experiment)
    assert sorted(order) == list(range(N))
    assert set(order[:2]) == {0, 5}
    assert order[6:] == [6, 7]  # below the depth nobody has chosen
    assert Counter(trial.arms.values()) == {"now": 3, "next": 3}
    again = Trial(BuyerId("b"), "asked")
    assert ranked(again, experiment) == order  # the next page of the same answer
    for trials_ in (
        [Trial(BuyerId("b"), f"{n}") for n in range(30)],
        [Trial(BuyerId(f"b{n}"), "asked") for n in range(30)],
    ):
        assert len({tuple(ranked(one, experiment)) for one in trials_}) > 4


def test_who_does_not_take_part_sees_the_usual_ranker() -> None:
    nobody = Experiment("x", Kind.AB, ARMS, share=0.0)
    for trial in (Trial(None, "q"), Trial(BuyerId("b"), "q")):
        assert ranked(trial, nobody) == list(range(N))
        assert (trial.experiment, trial.arms) == ("", {})
    assert ranked(Trial(None, "q"), Experiment("x", Kind.AB, ARMS)) == list(range(N))


@pytest.mark.parametrize("kind", list(Kind))
def test_an_arm_that_names_nobody_is_told_once_and_costs_no_answer(
    kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Experiment("x", kind, {"a": "ranker-gone", "b": "ranker-gone"})
    every = trials(broken)
    for _ in range(3):
        trial = Trial(BuyerId("b"), "q")
        found = every.rank(NoopRanker(), CANDIDATES, NOTHING, trial)
        assert found.keys.tolist() == list(range(N))
        assert trial.experiment == ""
    assert caplog.text.count("experiment x does not take place: no ranker 'ranker-gone'") == 1


def test_items_are_marked_with_their_arm() -> None:
    items = [Item(Listing(ListingId(f"l{key}"), "thing"), 1.0) for key in (0, 1, 2)]
    trial = Trial(BuyerId("b"), "q", "x", {0: "now", 1: "next"})
    marked = trial.marked(items, lambda one: int(one.listing.id[1:]))
    assert [one.arm for one in marked] == ["now", "next", ""]
    assert trial.marked(items[:1], lambda one: None)[0].arm == ""
    none = Trial(None, "q").marked(items, lambda one: pytest.fail("not asked"))
    assert [one.arm for one in none] == ["", "", ""]
