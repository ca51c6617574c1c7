"""What an audit says about its limits: what is beyond them, what is surely within, and where there
are too few buyers or listings to tell, with how much would have been found."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from marketrank.buyers.audit_ndcg import Quality
from marketrank.buyers.audit_reach import Variances
from marketrank.buyers.audit_values import Interval, error_of
from marketrank.buyers.fairness import SENSITIVE, Audit, Limits

_Z80 = 0.841621
"""An estimate is so many standard errors below its mean at most four times in five."""
_TWICE = 2.0
_ENOUGH = 0.8
"""The power without which nothing is said to be within a limit (Cohen 1988)."""


class Measure(StrEnum):
    QUALITY = "NDCG"
    REACH = "reach"


class Finding(StrEnum):
    BEYOND = "beyond the limit"
    WITHIN = "within the limit"
    TOO_FEW = "too few to tell"


@dataclass(frozen=True, slots=True)
class Judged:
    """One comparison with a limit. `group` is "" where it is of all values of the attribute.

    `gap` is what is judged, larger being worse: how far the group's NDCG is below the others', or
    the share of sensitive listings that are not within the variance; None where nothing was done
    that could tell. `detectable` is the least true gap that would be judged beyond the limit four
    times in five, None where none would; `power` the chance that one of twice the limit would be.
    """

    attribute: str
    group: str
    measure: Measure
    finding: Finding
    limit: float
    gap: Interval | None
    detectable: float | None
    power: float

    @property
    def name(self) -> str:
        return f"{self.attribute} {self.group}".strip()


def judge(found: Audit, limits: Limits) -> tuple[Judged, ...]:
    """Every comparison with a limit, in the order of attributes and groups.

    Beyond the limit is what is estimated there, where chance does not explain it: fewer listings
    are within the variance than a blind ranking shows in 97.5 of 100 cases, or the NDCG's interval
    has no room for an equal one. Within it is what is so to the end of its 95 % interval (a test of
    equivalence: Schuirmann 1987), where twice the limit would have been found four times in five.
    For the rest there are too few to tell, which is no sign of fairness. Reach is judged in
    sensitive categories alone, since elsewhere to suit a group's taste is what a ranker is for."""
    return tuple(_each(found, limits))


def verdict(found: Audit, limits: Limits) -> list[str]:
    """Why a ranker with this audit may not be promoted; [] where nothing speaks against it. What
    could not be measured is not judged: see `unjudged` and `too_few`."""
    return [_reason(one, found, limits) for one in judge(found, limits) if _beyond(one)]


def too_few(found: Audit, limits: Limits) -> list[str]:
    """Where neither a breach nor its absence is shown, and how large one would have to be: whoever
    promotes should read it."""
    return [_too_few(one) for one in judge(found, limits) if one.finding is Finding.TOO_FEW]


def unjudged(found: Audit) -> list[str]:
    """What could not be compared with a limit at all, and why: whoever promotes should read it."""
    notes = []
    if not any(attribute.groups for attribute in found.attributes):
        notes.append(
            f"no group has {found.limits.min_buyers} consenting buyers in {found.sessions} "
            "sessions: nothing is judged"
        )
    if not found.sensitive:
        notes.append("no listing that was shown is in a sensitive category: reach is not judged")
    else:
        notes.extend(
            f"{attribute.name}: no sensitive listing reached {found.limits.min_audience} buyers of "
            "known value: its reach is not judged"
            for attribute in found.attributes
            if attribute.groups and SENSITIVE not in attribute.reach
        )
    return notes


def _each(found: Audit, limits: Limits) -> Iterator[Judged]:
    for attribute in found.attributes:
        reach = attribute.reach.get(SENSITIVE)
        if reach is not None:
            yield _reach(attribute.name, reach, limits)
        for one in attribute.groups:
            yield _quality(attribute.name, one.value, one.quality, limits)


def _quality(attribute: str, group: str, quality: Quality | None, limits: Limits) -> Judged:
    limit = limits.ndcg_gap
    if quality is None:
        return Judged(
            attribute, group, Measure.QUALITY, Finding.TOO_FEW, limit, None, None, power=0.0
        )
    gap = quality.gap
    below = Interval(0.0 - gap.value, 0.0 - gap.high, 0.0 - gap.low)
    error = error_of(below)
    needed = max(limit, below.value - below.low)  # of an estimate, to be judged beyond
    power = _chance(_TWICE * limit - needed, error)
    return Judged(
        attribute,
        group,
        Measure.QUALITY,
        _finding(below, limit, power, beyond=below.value > limit and below.low > 0),
        limit,
        below,
        _possible(needed + _Z80 * error),
        power,
    )


def _reach(attribute: str, reach: Variances, limits: Limits) -> Judged:
    """The estimate must lie beyond the limit, and what is counted below what a blind ranking shows.
    Listings that are steered are taken to be counted as beyond, all of them: those that are
    steered less are harder to find."""
    limit = 1 - limits.reach_share
    within, blind = reach.within, reach.blind
    off = Interval(1 - within.value, 1 - within.high, 1 - within.low)
    error, luck = error_of(off), error_of(blind)
    counted = max(blind.value, 1e-9)
    fallen = blind.value - blind.low
    detectable = max(limit + _Z80 * error, (fallen + _Z80 * luck) / counted)
    share = _TWICE * limit
    power = min(_chance(share - limit, error), _chance(share * counted - fallen, luck))
    beyond = within.value < limits.reach_share and reach.observed < blind.low
    return Judged(
        attribute,
        "",
        Measure.REACH,
        _finding(off, limit, power, beyond=beyond),
        limit,
        off,
        _possible(detectable),
        power,
    )


def _finding(gap: Interval, limit: float, power: float, *, beyond: bool) -> Finding:
    if beyond:
        return Finding.BEYOND
    within = gap.high <= limit and power >= _ENOUGH
    return Finding.WITHIN if within else Finding.TOO_FEW


def _possible(gap: float) -> float | None:
    """Neither an NDCG nor a share can differ by more than 1."""
    return gap if gap < 1 else None


def _chance(ahead: float, error: float) -> float:
    """That a normal estimate with its mean so far ahead of what is needed reaches it."""
    if error <= 0:
        return float(ahead > 0)
    return 0.5 * (1 + math.erf(ahead / error / math.sqrt(2)))


def _beyond(one: Judged) -> bool:
    return one.finding is Finding.BEYOND


def _reason(one: Judged, found: Audit, limits: Limits) -> str:
    assert one.gap is not None  # what is beyond a limit was measured
    if one.measure is Measure.QUALITY:
        return (
            f"{one.name}: NDCG is {one.gap.value:.3f} below the others' "
            f"({one.gap.low:.3f} to {one.gap.high:.3f}); at most {one.limit:g} may be"
        )
    reach = next(each.reach[SENSITIVE] for each in found.attributes if each.name == one.attribute)
    return (
        f"{one.name}: {reach.within.value:.1%} of {reach.listings} sensitive "
        f"listings reach an audience within {limits.reach_variance:.0%} of the eligible "
        f"one ({reach.within.low:.1%} to {reach.within.high:.1%}); at least "
        f"{limits.reach_share:.1%} must"
    )


def _too_few(one: Judged) -> str:
    if one.gap is None:
        return f"{one.name}: too few to tell: nobody turned to anything"
    if one.measure is Measure.QUALITY:
        form, missed = ".3f", "a gap under"
        told = f"NDCG may be up to {min(one.gap.high, 1.0):.3f} below the others'"
    else:
        form, missed = ".0%", "fewer than"
        told = f"up to {one.gap.high:.0%} of sensitive listings may be beyond the variance"
    least = "one of any size" if one.detectable is None else f"{missed} {one.detectable:{form}}"
    return (
        f"{one.name}: too few to tell: {told} (estimate {one.gap.value:{form}}, limit "
        f"{one.limit:{form}}); {least} would often be missed"
    )
