"""Prices: read from text, and compared with those of like listings."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log

from marketrank.types import ListingId, Money

# Larger sums are slips of the keyboard, and no store need hold them.
_MOST_MINOR = 10**13

_SYMBOLS = {"£": "GBP", "€": "EUR", "$": "USD", "zł": "PLN", "₹": "INR", "¥": "JPY"}
_PRICE = re.compile(
    r"(?P<before>[^\d\-–−.,]*?)\s*(?P<amount>\d[\d.,' \u00a0\u202f]*|[.,]\d{1,2})(?P<after>\D*)"
)
_CODE = re.compile(r"\b[A-Z]{3}\b")
_FREE = re.compile(r"\s*free\b.{0,20}", re.IGNORECASE | re.DOTALL)
# Where "." groups thousands and "," is the decimal mark, unless the number itself shows otherwise.
_COMMA_CURRENCIES = ("EUR", "PLN")


def parse_price(text: str | None, currency: str) -> Money | None:
    """The price that a text states: "£9,999.99", "1.234,56 €", "GBP 20", "20 ono", "Free" (0).

    `currency` (ISO 4217) holds where the text names none. None for a missing or negative price,
    for a range and for what is no price. Amounts are hundredths of the currency's unit.
    """
    if text is None:
        return None
    if _FREE.fullmatch(text):
        return Money(0, currency)
    match = _PRICE.fullmatch(text.strip())
    if match is None:
        return None
    named = _currency(match["before"] + " " + match["after"]) or currency
    minor = _minor(re.sub(r"[' \u00a0\u202f]", "", match["amount"]), named in _COMMA_CURRENCIES)
    return None if minor is None or minor > _MOST_MINOR else Money(minor, named)


def _currency(words: str) -> str | None:
    for symbol, code in _SYMBOLS.items():
        if symbol in words:
            return code
    code_match = _CODE.search(words)
    known = code_match and code_match[0] in _SYMBOLS.values()
    return code_match[0] if code_match and known else None


def _minor(number: str, comma_is_decimal: bool) -> int | None:
    """Hundredths, rounded half up; None for marks where no one would write them."""
    number = number.rstrip(".,")
    for grouping, decimal in (".,", ",.") if comma_is_decimal else (",.", ".,"):
        whole = rf"[1-9]\d{{0,2}}(?:[{grouping}]\d{{3}})+|\d*"
        match = re.fullmatch(rf"({whole})(?:[{decimal}](\d+))?", number)
        if match is not None:
            pounds, rest = match[1].replace(grouping, "") or "0", match[2] or ""
            return int(pounds + rest[:2].ljust(2, "0")) + int(rest[2:3] >= "5")
    return None


# Outliers.

_FEWEST = 20  # priced listings that a group needs to speak for itself
_CUT = 3.5  # robust standard deviations (Iglewicz and Hoaglin, 1993)
_LEAST_SPREAD = 0.7  # of log price: prices within a factor of 12 are never odd
_MAD_TO_DEVIATION = 1.4826
_JOKE_CUT = 2.0
_HIGH = 0.9


@dataclass(frozen=True, slots=True)
class Compared:
    """A price beside those of its `group`, the category it is compared with (() for all): the
    middle one and the one that nine in ten stay below, in minor units, and whether it is `odd`."""

    group: tuple[str, ...]
    middle: int
    high: int
    odd: bool


def compare_prices(
    prices: Mapping[ListingId, tuple[tuple[str, ...], int]],
) -> dict[ListingId, Compared]:
    """Compare each price above 0, given with its category path in minor units, with others.

    A price is odd, that is, it cannot be meant, where its logarithm is more than 3.5 robust
    standard deviations (median and median absolute deviation) from the median of its second-level
    category, or of its root, or of all, the first that has twenty priced listings. Patterns that
    people type for fun (12345, 1111111, 99999, one penny) are odd from two deviations on. Free
    listings are never odd and do not count.
    """
    scales = price_scales(prices.values())
    compared = {name: scales.compare(path, minor) for name, (path, minor) in prices.items()}
    return {name: one for name, one in compared.items() if one is not None}


@dataclass(frozen=True, slots=True)
class PriceScales:
    """What prices of each group are measured by: how many there are, the middle and the spread of
    their logarithms, and the one that nine in ten stay below."""

    groups: Mapping[tuple[str, ...], tuple[int, float, float, float]]

    def compare(self, path: tuple[str, ...], minor: int) -> Compared | None:
        """A price beside those of its category; None for a free one, or where there are none."""
        group = self._group(path)
        if minor <= 0 or group not in self.groups:
            return None
        _, centre, spread, high = self.groups[group]
        odd = _is_odd(minor, centre, spread)
        return Compared(group, round(exp(centre)), round(exp(high)), odd)

    def _group(self, path: tuple[str, ...]) -> tuple[str, ...]:
        for group in (path[:2], path[:1]):
            if group in self.groups and self.groups[group][0] >= _FEWEST:
                return group
        return ()


def price_scales(prices: Iterable[tuple[tuple[str, ...], int]]) -> PriceScales:
    """The scales of prices, given with their category paths in minor units: see compare_prices."""
    counted = Counter((path[:2], minor) for path, minor in prices)
    return counted_scales((path, minor, times) for (path, minor), times in counted.items())


def counted_scales(prices: Iterable[tuple[tuple[str, ...], int, int]]) -> PriceScales:
    """The same of prices that are given once, with how often each occurs: people ask a few round
    ones."""
    groups: dict[tuple[str, ...], list[_Counted]] = {}
    for path, minor, times in prices:
        if minor > 0:
            for group in {path[:2], path[:1], ()}:
                groups.setdefault(group, []).append((log(minor), times))
    return PriceScales({group: _measured(logs) for group, logs in groups.items()})


_Counted = tuple[float, int]
"""A value, and how often it occurs."""


def _measured(logs: list[_Counted]) -> tuple[int, float, float, float]:
    n = sum(times for _, times in logs)
    centre = _middle(logs)
    spread = _MAD_TO_DEVIATION * _middle([(abs(one - centre), times) for one, times in logs])
    (high,) = _at(logs, min(int(_HIGH * n), n - 1))
    return n, centre, max(spread, _LEAST_SPREAD), high


def _middle(values: list[_Counted]) -> float:
    n = sum(times for _, times in values)
    low, high = _at(values, (n - 1) // 2, n // 2)
    return (low + high) / 2


def _at(values: list[_Counted], *places: int) -> list[float]:
    """What would stand at these places if all were in order, each as often as it occurs."""
    ordered = sorted(values)
    ends = list(accumulate(times for _, times in ordered))
    return [ordered[bisect_right(ends, place)][0] for place in places]


def _is_odd(minor: int, centre: float, spread: float) -> bool:
    deviation = abs(log(minor) - centre) / spread
    return deviation > (_JOKE_CUT if is_joke(minor) else _CUT)


def is_joke(minor: int) -> bool:
    """Whether the digits are those that people type for fun: a run from 1 up ("123456"), or five
    and more of one digit, in pounds or with the pence; or a single penny."""
    digits = str(minor if minor % 100 else minor // 100)
    run = digits in "1234567890" or len(set(digits)) == 1
    return minor == 1 or (len(digits) >= 5 and run)
