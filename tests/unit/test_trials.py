from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from marketrank.asking import Candidates, Item
from marketrank.errors import BadInput
from marketrank.feedback.experiments import Experiment, Kind
from marketrank.feedback.interleave import team_draft
from marketrank.ranking.ranker import Looked, Material, NoopRanker, Ranker, reorder
from marketrank.ranking.rerank import Reranked
from marketrank.trials import Trial, Trials
from marketrank.types import BuyerId, Listing, ListingId

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


def plainly(candidates: Candidates) -> Reranked:
    return Reranked(candidates, {})


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


def answered(
    every: Trials, trial: Trial, finish: Callable[[Candidates], Reranked] = plainly
) -> Candidates:
    rankings = every.rankings(NoopRanker(), CANDIDATES, NOTHING, trial)
    shown = {arm: finish(one.candidates) for arm, one in rankings.items()}
    return every.joined(shown, trial, lambda keys: keys).candidates


def ranked(trial: Trial, *experiments: Experiment) -> list[int]:
    found = answered(trials(*experiments), trial)
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


def test_what_is_interleaved_is_what_each_arm_would_have_shown() -> None:
    """As where diversity puts every second listing first."""
    experiment = Experiment("x", Kind.INTERLEAVE, ARMS)

    def finish(candidates: Candidates) -> Reranked:
        n = np.arange(len(candidates.keys))
        reordered = candidates.take(np.concatenate([n[1::2], n[::2]]))
        return Reranked(replace(reordered, scores=candidates.scores), {})

    firsts = set()
    for number in range(20):
        trial = Trial(BuyerId(f"b{number}"), "asked")
        found = answered(trials(experiment), trial, finish)
        keys = found.keys.tolist()
        # 1 3 5 7 0 2 and, of 5 4 3 2 1 0 6 7, 4 2 0 7 5 3
        seed = f"x\0b{number}\0asked"
        lists = {"now": [1, 3, 5, 7, 0, 2], "next": [4, 2, 0, 7, 5, 3]}
        order, arms = team_draft(lists, seed)
        assert tuple(keys[: len(order)]) == order
        assert [trial.arms[key] for key in order] == list(arms)
        assert sorted(keys) == list(range(N))
        assert np.all(np.diff(found.scores) <= 0)
        firsts.add(keys[0])
    assert firsts == {1, 4}


def test_repeats_that_arms_put_behind_different_listings_are_shown_once() -> None:
    """0 and 5 have the same words: the one arm shows 0 with 5 behind it, the other 5 with 0."""
    experiment = Experiment("x", Kind.INTERLEAVE, ARMS)

    def finish(candidates: Candidates) -> Reranked:
        keys = candidates.keys.tolist()
        lead, behind = (0, 5) if keys.index(0) < keys.index(5) else (5, 0)
        left = candidates.take(np.flatnonzero(candidates.keys != behind))
        return Reranked(left, {lead: (behind,)})

    seen = set()
    for number in range(20):
        trial = Trial(BuyerId(f"b{number}"), "asked")
        every = trials(experiment)
        rankings = every.rankings(NoopRanker(), CANDIDATES, NOTHING, trial)
        shown = {arm: finish(one.candidates) for arm, one in rankings.items()}
        found = every.joined(shown, trial, lambda keys: np.where(keys == 5, 0, keys))
        lead = int(found.candidates.keys[0])
        assert len({0, 5} & set(found.candidates.keys.tolist())) == 1
        assert len(found.candidates.keys) == N - 1
        assert found.repeats == {lead: (5 - lead,)}
        assert trial.arms[lead] == {0: "now", 5: "next"}[lead]
        seen.add(lead)
    assert seen == {0, 5}


def test_each_ranking_says_what_its_own_ranker_saw() -> None:
    class Looks(NoopRanker):
        def rank(self, candidates: Candidates, material: Material) -> Candidates:
            material.saw(Looked(candidates.keys, ("taste",), np.zeros((N, 1), np.float32), None))
            return candidates

    told: list[Looked] = []
    rankers: dict[str, Ranker] = {"none": NoopRanker(), "backwards": Looks()}
    every = Trials(lambda: [Experiment("x", Kind.INTERLEAVE, ARMS)], rankers.__getitem__, 6)
    material = replace(NOTHING, saw=told.append)
    found = every.rankings(NoopRanker(), CANDIDATES, material, Trial(BuyerId("b"), "q"))
    assert {arm: one.saw for arm, one in found.items()} == {"now": set(), "next": {"taste"}}
    assert len(told) == 1


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
        found = answered(every, trial)
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
