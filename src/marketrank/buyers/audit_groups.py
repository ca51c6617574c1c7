"""The groups of an audit, none so small that its figures would tell of a person."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The values of one attribute. `code` (buyers,) is the number of each buyer's value in
    `values`; pooled values have the number len(values) and who gave none -1. `pooled` counts the
    values that are too small, `pooled_buyers` those who have one of them."""

    name: str
    values: tuple[str, ...]
    code: NDArray[np.int64]
    pooled: int
    pooled_buyers: int

    @property
    def known(self) -> NDArray[np.bool_]:
        return np.asarray(self.code >= 0)

    @property
    def n_codes(self) -> int:
        """How many codes there are, that of the pooled values included."""
        return len(self.values) + (self.pooled > 0)

    def members(self, number: int) -> NDArray[np.bool_]:
        return np.asarray(self.code == number)


def group(name: str, given: Sequence[str | None], *, least: int) -> Groups:
    """Buyers by their value, in the values' own order. A value of fewer than `least` buyers is
    pooled with the others of the kind; where those are together fewer than `least` as well, so is
    the next smallest, for else the pool could be had as the difference of a whole and its published
    parts (secondary suppression: Hundepool et al., Statistical Disclosure Control, 2012, ch. 4)."""
    counts = Counter(value for value in given if value is not None)
    by_size = sorted(counts, key=lambda value: (counts[value], value))
    small = [value for value in by_size if counts[value] < least]
    while small and sum(counts[value] for value in small) < least and len(small) < len(by_size):
        small.append(by_size[len(small)])
    values = tuple(sorted(set(counts) - set(small)))
    numbers = {value: number for number, value in enumerate(values)}
    numbers |= dict.fromkeys(small, len(values))
    code = np.array([-1 if value is None else numbers[value] for value in given], np.int64)
    return Groups(name, values, code, len(small), sum(counts[value] for value in small))
