"""Groups of listings that are linked pairwise: disjoint sets of positions in order of age."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

Link = tuple[int, int, float]
"""Two positions in order of age, and their similarity."""


class Forest:
    """Disjoint sets of 0 … n - 1 whose root is the smallest member: the earliest listing."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def join(self, one: int, other: int) -> bool:
        """False where they were together already."""
        low, high = sorted((self.root(one), self.root(other)))
        self._parent[high] = low
        return low != high


def star(members: Sequence[int]) -> Iterator[Link]:
    """Links of the first with each other one, which are all the same."""
    return ((members[0], other, 1.0) for other in members[1:])


def to_earliest(n: int, links: Iterable[Link]) -> Iterator[Link]:
    """For each position that is linked, but not the first of its group: itself, the first and
    the weakest step between the two, over the strongest steps that connect the group."""
    forest = Forest(n)
    steps: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for one, other, score in sorted(links, key=lambda link: (-link[2], link[0], link[1])):
        if forest.join(one, other):
            steps[one].append((other, score))
            steps[other].append((one, score))
    for first in sorted(steps):
        if forest.root(first) != first:
            continue
        weakest = {first: 1.0}
        ahead = [first]
        while ahead:
            here = ahead.pop()
            for there, score in steps[here]:
                if there not in weakest:
                    weakest[there] = min(weakest[here], score)
                    ahead.append(there)
        yield from ((one, first, score) for one, score in weakest.items() if one != first)
