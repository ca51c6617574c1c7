"""What an audit may claim: beyond a limit, surely within it, or too few to tell."""

import numpy as np
import pytest

from marketrank.buyers.audit_judgement import Finding, Judged, Measure, judge, too_few, verdict
from marketrank.buyers.audit_ndcg import Quality
from marketrank.buyers.audit_reach import Variances
from marketrank.buyers.audit_values import Interval, around
from marketrank.buyers.fairness import SENSITIVE, AttributeAudit, Audit, GroupAudit, Limits

LIMITS = Limits()
EVEN = around(0.5, 0.01)


def audit_of(*gaps: Interval | None, reach: Variances | None = None) -> Audit:
    """Groups "0", "1", … with such gaps of NDCG; None for one that turned to nothing."""
    groups = tuple(
        GroupAudit(str(n), 50, gap and Quality(EVEN, gap), None, None, {}, None, None)
        for n, gap in enumerate(gaps)
    )
    there = {} if reach is None else {SENSITIVE: reach}
    attribute = AttributeAudit("age", groups, 0, 0, 0, there)
    sensitive = {"Jobs": (10, "job")}
    return Audit("the log", 100, 500, 40, True, True, sensitive, 0, {}, {}, (attribute,), LIMITS)


def judged(gap: Interval | None) -> Judged:
    (one,) = judge(audit_of(gap), LIMITS)
    return one


def reach(within: Interval, observed: float, blind: Interval) -> Variances:
    return Variances(60, within, observed, blind, 0.1)


@pytest.mark.parametrize(
    ("gap", "finding"),
    [
        (around(-0.3, 0.05), Finding.BEYOND),
        (around(-0.11, 0.001), Finding.BEYOND),
        (around(-0.09, 0.001), Finding.WITHIN),
        (around(0.0, 0.04), Finding.WITHIN),
        (around(0.0, 0.06), Finding.TOO_FEW),
        (around(-0.3, 0.2), Finding.TOO_FEW),
        (around(-0.09, 0.01), Finding.TOO_FEW),
        (around(0.2, 0.04), Finding.WITHIN),
        (None, Finding.TOO_FEW),
    ],
    ids=[
        "far_below",
        "just_beyond",
        "just_within",
        "even",
        "even_by_chance",
        "far_below_by_chance",
        "at_the_limit",
        "better",
        "nothing_done",
    ],
)
def test_what_is_not_shown_to_be_within_is_not_called_so(
    gap: Interval | None, finding: Finding
) -> None:
    one = judged(gap)
    assert one.finding == finding
    assert (one.name, one.measure) == ("age 0", Measure.QUALITY)
    found = audit_of(gap)
    assert bool(verdict(found, LIMITS)) == (finding is Finding.BEYOND)
    assert bool(too_few(found, LIMITS)) == (finding is Finding.TOO_FEW)


@pytest.mark.parametrize("error", [0.02, 0.05, 0.09, 0.15])
def test_what_is_called_detectable_is_found_four_times_in_five(error: float) -> None:
    first = judged(around(0.0, error))
    assert first.detectable is not None
    for true, chance in ((first.detectable, 0.8), (2 * LIMITS.ndcg_gap, first.power)):
        draws = np.random.default_rng(1).normal(-true, error, 4_000)
        found = [bool(verdict(audit_of(around(one, error)), LIMITS)) for one in draws.tolist()]
        assert np.mean(found) == pytest.approx(chance, abs=0.03)


def test_a_few_buyers_find_nothing() -> None:
    one = judged(around(0.0, 0.6))
    assert one.detectable is None
    assert one.power < 0.1
    assert too_few(audit_of(around(0.0, 0.6)), LIMITS) == [
        "age 0: too few to tell: NDCG may be up to 1.000 below the others' (estimate 0.000, limit "
        "0.100); one of any size would often be missed"
    ]
    assert "nobody turned to anything" in too_few(audit_of(None), LIMITS)[0]


def test_what_noise_would_hide_is_not_called_within() -> None:
    """Every listing seems within, but so much is off by chance alone that steering cannot show."""
    noisy = reach(Interval(1.0, 0.95, 1.0), 0.42, Interval(0.40, 0.28, 0.55))
    (one,) = judge(audit_of(reach=noisy), LIMITS)
    assert one.gap is not None and one.gap.high < one.limit
    assert one.power < 0.5
    assert one.finding is Finding.TOO_FEW


def test_reach_is_judged_over_all_values() -> None:
    clear = reach(Interval(1.0, 0.94, 1.0), 0.99, Interval(0.99, 0.97, 1.0))
    few = reach(Interval(1.0, 0.60, 1.0), 0.70, Interval(0.72, 0.50, 0.90))
    bad = reach(Interval(0.3, 0.20, 0.5), 0.20, Interval(0.72, 0.60, 0.80))
    found = [judge(audit_of(reach=one), LIMITS)[0] for one in (clear, few, bad)]
    assert [one.finding for one in found] == [Finding.WITHIN, Finding.TOO_FEW, Finding.BEYOND]
    assert {one.measure for one in found} == {Measure.REACH}
    sure, unsure = found[0].detectable, found[1].detectable
    assert sure is not None and unsure is not None
    assert LIMITS.ndcg_gap < sure < 0.2 < unsure
    assert found[0].power > 0.9
    assert found[1].power < 0.5
    assert "up to 40% of sensitive listings" in too_few(audit_of(reach=few), LIMITS)[0]
    assert "30.0% of 60 sensitive listings" in verdict(audit_of(reach=bad), LIMITS)[0]
