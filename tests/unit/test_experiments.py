from collections import Counter
from pathlib import Path

import pytest

from marketrank.errors import BadInput
from marketrank.feedback.experiments import (
    Experiment,
    ExperimentFile,
    Kind,
    chosen,
    read_experiments,
)
from marketrank.types import BuyerId

BUYERS = [BuyerId(f"buyer-{n}") for n in range(20_000)]
ARMS = {"now": "current", "next": "none", "third": "shuffle"}
GOOD = """
[[experiment]]
name = "one"
kind = "interleave"
share = 0.25
arms = { now = "current", next = "none" }
"""


def chi_square(counts: Counter[str], expected: dict[str, float]) -> float:
    return sum((counts[key] - n) ** 2 / n for key, n in expected.items())


def test_arms_are_dealt_evenly() -> None:
    counts = Counter(map(Experiment("x", Kind.AB, ARMS).arm_of, BUYERS))
    assert chi_square(counts, dict.fromkeys(ARMS, len(BUYERS) / 3)) < 13.8  # p = .001, 2 degrees


def test_as_many_take_part_as_the_share_says_and_arms_stay_even_among_them() -> None:
    experiment = Experiment("x", Kind.AB, ARMS, share=0.3)
    some = [buyer for buyer in BUYERS if experiment.takes(buyer)]
    n = len(BUYERS)
    told = Counter({"in": len(some), "out": n - len(some)})
    assert chi_square(told, {"in": 0.3 * n, "out": 0.7 * n}) < 10.8  # p = .001, 1 degree
    counts = Counter(map(experiment.arm_of, some))
    assert chi_square(counts, dict.fromkeys(ARMS, len(some) / 3)) < 13.8


def test_a_buyer_stays_and_another_salt_deals_anew() -> None:
    one = Experiment("x", Kind.AB, ARMS)
    salted = Experiment("x", Kind.AB, ARMS, salt="again")
    assert one.arm_of(BUYERS[7]) == one.arm_of(BUYERS[7])
    both = Counter(f"{one.arm_of(b)} {salted.arm_of(b)}" for b in BUYERS)
    cells = {f"{a} {b}": len(BUYERS) / 9 for a in ARMS for b in ARMS}
    assert chi_square(both, cells) < 26.1  # p = .001, 8 degrees: independent of each other


def test_who_is_in_an_experiment_is_the_same_whatever_it_is_called_first() -> None:
    wide, narrow = (Experiment("x", Kind.AB, ARMS, share=s) for s in (0.5, 0.2))
    assert all(wide.takes(buyer) for buyer in BUYERS[:2_000] if narrow.takes(buyer))


def test_nobody_is_in_two_and_who_is_unknown_in_none() -> None:
    first = Experiment("first", Kind.AB, ARMS, share=0.5)
    rest = Experiment("rest", Kind.AB, ARMS)
    names = Counter(one.name for b in BUYERS[:2_000] if (one := chosen([first, rest], b)))
    assert names.total() == 2_000
    assert 900 < names["first"] < 1_100
    assert chosen([first, rest], None) is None
    assert chosen([Experiment("off", Kind.AB, ARMS, share=0)], BUYERS[0]) is None


def test_a_file_declares_them(tmp_path: Path) -> None:
    path = tmp_path / "experiments.toml"
    assert read_experiments(path) == ()
    path.write_text(GOOD)
    arms = {"now": "current", "next": "none"}
    assert read_experiments(path) == (Experiment("one", Kind.INTERLEAVE, arms, 0.25),)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = [", "not valid TOML"),
        ("[experiments]", "unknown 'experiments'"),
        (GOOD + GOOD, "'one' stands there twice"),
        ('[[experiment]]\nkind = "ab"', "has no name"),
        (GOOD.replace("interleave", "abc"), "kind is 'abc'; give one of ab, interleave"),
        (GOOD.replace("0.25", "25"), "share is 25"),
        (GOOD.replace("0.25", "true"), "share is True"),
        (GOOD.replace(', next = "none"', ""), "two or more arms"),
        (GOOD.replace('"none"', "3"), "two or more arms"),
        (GOOD + "until = 3", "unknown 'until'; known are arms, kind, name, salt, share"),
        (GOOD + "salt = 3", "salt is 3"),
        ("experiment = [3]", "has no name"),
    ],
)
def test_a_file_that_is_wrong_says_in_what(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=told):
        read_experiments(path)


def test_the_experiments_of_now_follow_the_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "experiments.toml"
    follow = ExperimentFile(path)
    assert follow() == ()
    for number, (text, names) in enumerate([(GOOD, ["one"]), ("x = [", []), (GOOD, ["one"])]):
        beside = tmp_path / f"{number}"
        beside.write_text(text)
        beside.replace(path)
        assert [one.name for one in follow()] == names
        assert [one.name for one in follow()] == names
    assert caplog.text.count("no experiment takes place") == 1
    path.unlink()
    assert follow() == ()
