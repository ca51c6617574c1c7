"""Demographics as numbers: one column for each value, each step of an order, and each pair."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from marketrank.buyers.recommend.histories import Floats

MISSING = ""
_FEWEST = 5  # buyers who have a value, or it says nothing
_FEWEST_OF_PAIR = 15
_MOST_PAIRS = 600
_MANY = 40  # distinct values from which on an attribute is read as a quantity or a code
_BINS = 12  # of a quantity
_PREFIXES = (1, 2, 3)  # characters of a code: postcodes are near each other by their beginnings
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_LOW = re.compile(r"\s*(?:under|below|less than|up to|<)", re.IGNORECASE)
_CODE_NAME = re.compile(r"zip|post|code|area", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Attributes:
    """(buyers, columns) each: `single` values and steps, `pairs` of values of two attributes."""

    single: Floats
    pairs: Floats
    names: tuple[str, ...]

    @property
    def known(self) -> bool:
        return bool(self.single.shape[1])


def encode(buyers: Sequence[Mapping[str, str]]) -> Attributes:
    """One mapping of names to values for each buyer, empty for one of whom nothing is known. A
    missing value is a value of its own. No target is read: all buyers may be encoded together."""
    names = sorted({name for one in buyers for name in one})
    columns: dict[str, Floats] = {}
    coarse: dict[str, list[str]] = {}
    for name in names:
        values = [one.get(name, MISSING).strip() for one in buyers]
        if len(set(values)) < 2:
            continue
        made, values = _columns(name, values)
        columns |= made
        coarse[name] = values
    single = _stack(list(columns.values()), len(buyers))
    pairs = _stack(_pairs(coarse), len(buyers))
    return Attributes(single, pairs, tuple(columns))


def _columns(name: str, values: list[str]) -> tuple[dict[str, Floats], list[str]]:
    """The columns of one attribute, and its values in few groups, to be paired."""
    distinct = set(values) - {MISSING}
    found: dict[str, Floats] = {}
    order = _order(distinct)
    if len(distinct) > _MANY and (order is None or _is_code(name, distinct)):
        for length in _PREFIXES:
            found |= _one_hot(f"{name}[:{length}]", [value[:length] for value in values])
        found |= _one_hot(name, values)
        return found, [value[:1] for value in values]
    if order is not None:
        if len(distinct) > _MANY:
            values, order = _binned(values, order)
        found |= _steps(name, values, order)
    return found | _one_hot(name, values), values


def _is_code(name: str, distinct: set[str]) -> bool:
    """Postcodes are digits too, yet 90210 is no more than 10001."""
    if _CODE_NAME.search(name):
        return True
    return all(len(one) >= 4 and one.isdigit() for one in distinct) and any(
        one.startswith("0") for one in distinct
    )


def _order(distinct: set[str]) -> dict[str, float] | None:
    """Numbers for values that all begin with one ("25-34", "65+", "Under 18", "3"), else None."""
    found: dict[str, float] = {}
    for value in distinct:
        number = _NUMBER.search(value)
        if number is None or (number.start() > 2 and not _LOW.match(value)):
            return None
        found[value] = float(number.group()) - (0.5 if _LOW.match(value) else 0)
    return found if len(set(found.values())) > 2 else None


def _binned(values: list[str], order: Mapping[str, float]) -> tuple[list[str], dict[str, float]]:
    """A quantity in groups of equally many buyers."""
    numbers = np.array([order.get(value, np.nan) for value in values])
    known = ~np.isnan(numbers)
    edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, numbers, "right")
    named = [str(bins[row]) if known[row] else MISSING for row in range(len(values))]
    return named, {str(number): float(number) for number in range(len(edges) + 1)}


def _steps(name: str, values: list[str], order: Mapping[str, float]) -> dict[str, Floats]:
    """A column for each step upwards: neighbours in the order share all but one."""
    numbers = np.array([order.get(value, np.nan) for value in values])
    found = {}
    for step in sorted(set(order.values()))[1:]:
        above = np.where(np.isnan(numbers), 0.5, numbers >= step).astype(np.float32)
        found[f"{name}>={step:g}"] = above
    return found


def _one_hot(name: str, values: list[str]) -> dict[str, Floats]:
    counts = Counter(values)
    array = np.array(values)
    return {
        f"{name}={value}": (array == value).astype(np.float32)
        for value, n in sorted(counts.items())
        if n >= _FEWEST
    }


def _pairs(coarse: Mapping[str, list[str]]) -> list[Floats]:
    found: Counter[tuple[str, str, str, str]] = Counter()
    for one, other in combinations(sorted(coarse), 2):
        met = Counter(zip(coarse[one], coarse[other], strict=True))
        for (a, b), n in met.items():
            if n >= _FEWEST_OF_PAIR and MISSING not in (a, b):
                found[one, a, other, b] = n
    arrays = {name: np.array(values) for name, values in coarse.items()}
    kept = sorted(found, key=lambda pair: (-found[pair], pair))[:_MOST_PAIRS]
    return [
        ((arrays[one] == a) & (arrays[other] == b)).astype(np.float32) for one, a, other, b in kept
    ]


def _stack(columns: Sequence[Floats], n: int) -> Floats:
    return np.stack(columns, axis=1) if columns else np.zeros((n, 0), np.float32)
