"""Two rankings shown as one, so that buyers' clicks choose between them."""

import random
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

from marketrank.feedback.sessions import Group

Item = TypeVar("Item", bound=Hashable)


def team_draft(
    rankings: Mapping[str, Sequence[Item]], seed: int | str
) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """All items of the rankings in one order, and for each of them the arm that put it there.

    As captains choose their teams: in each round every arm, in an order drawn anew, takes the best
    of its ranking that is still free (Radlinski, Kurup and Joachims, "How does clickthrough data
    reflect retrieval quality?", CIKM 2008; with more than two arms, Schuth et al., CIKM 2014). An
    arm whose ranking is used up takes no more. Equal seeds give equal orders, and no arm can tell
    from an item's place which arm put it there.
    """
    chance = random.Random(seed)
    left = {arm: iter(items) for arm, items in rankings.items()}
    order: dict[Item, str] = {}
    while left:
        round_ = sorted(left)
        chance.shuffle(round_)
        for arm in round_:
            free = next((item for item in left[arm] if item not in order), None)
            if free is None:
                del left[arm]
            else:
                order[free] = arm
    return tuple(order), tuple(order.values())


def credits(group: Group, arms: Collection[str]) -> dict[str, int]:
    """For each arm how many of the listings that it put there were wanted. What was not shown, and
    what no arm put there, counts for nobody."""
    counts = dict.fromkeys(arms, 0)
    for arm, grade in zip(group.impression.arms, group.grades.tolist(), strict=True):
        if grade > 0 and arm in counts:
            counts[arm] += 1
    return counts
