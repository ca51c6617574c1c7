"""Prices in words: "under £50", "10-20 quid", "£10 to £20", "max 30", "free", "cheap".

A price filters only where the query says so: with the currency, or a bare number after "under" or
"max" at the very end of the query. What could be a model, a size or an age stays words: "10-20
litre tank", "air max 90", "under 18 football", "free range eggs".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from marketrank.asking import Parse, ParseKind
from marketrank.retrieval.understand.found import Found, Span
from marketrank.retrieval.understand.traps import FREE_OF, FREE_THINGS
from marketrank.types import Money

# Currency → (symbols, words), as regular expressions. Others are known by their code alone.
_CURRENCIES = {
    "GBP": ("£", "quid|squid|pounds?|gbp"),
    "EUR": ("€", "euros?|eur"),
    "USD": (r"\$", "dollars?|bucks|usd"),
}
_AROUND = 0.25  # "around £40" lifts £30 to £50
_UPPER = (
    r"(?:under|below|less than|cheaper than|(?:no|not) more than|not (?:over|above)|up ?to|at most|"
    r"max(?:imum)?(?: of)?|budget(?: of)?|<=?|≤)"
)
_LOWER = (
    r"(?:over|above|more than|(?:no|not) less than|not (?:under|below)|at least|from|"
    r"starting (?:at|from)|min(?:imum)?(?: of)?|>=?|≥)"
)
_ABOUT = r"(?:around|about|approx(?:imately)?|roughly|circa|~)"
# An age, a class, a model: words that make the bare number behind "under" or "max" no price.
_NO_PRICE = re.compile(
    r"\b(?:age[ds]?|years?|boys?|girls?|kids?|child(?:ren)?s?|juniors?|youth|bab(?:y|ies)|toddlers?|"
    r"football|rugby|cricket|hockey|netball|league|school|air|pro|mad|pepsi|peak|nike|trainers?|"
    r"sneakers?|iphone|samsung|xiaomi|note|pixel|gopro|speed|rpm)\b",
    re.IGNORECASE,
)
# "20 pounds" is a weight to those who look for one.
_WEIGHTS = re.compile(
    r"\b(?:weights?|dumb-?bells?|kettle-?bells?|bar-?bells?|plates?|carp|fishing|line|vest)\b",
    re.IGNORECASE,
)
_CHEAP = re.compile(
    r"(?<![\w'-])(?:cheap|cheaper|cheapest|cheapish|inexpensive|affordable|bargains?)(?![\w'-])"
    r"(?!\s+(?:monday|trick|thrills|eats)\b)",
    re.IGNORECASE,
)
# "for free" and "free to collect" can only be a price; "free" alone before or behind a thing is
# one where the pair is no thing of its own.
_SURELY_FREE = re.compile(
    r"(?<![\w'-])(?:for free|free of charge|free to (?:collect(?:or)?|(?:a )?good home|uplift)|"
    r"free(?:bies)? stuff|freebies|free(?= items?\b)|free(?= things?\b)|free for collection)"
    r"(?![\w'-])",
    re.IGNORECASE,
)
_FREE_FIRST = re.compile(
    r"\A\s*(free)(?![\w'-])(?:\s+(?P<next>[^\W\d_][\w'-]*))?(?P<more>\s*\S)?", re.IGNORECASE
)
_FREE_LAST = re.compile(r"(?P<previous>\S+)\s+(free)[\s!.]*\Z", re.IGNORECASE)


def find_prices(text: str, currency: str) -> list[Found]:
    """The prices of a query, `currency` being the marketplace's: at most one hard one, or what is
    around it. Two different prices are none: nobody knows which was meant."""
    found = [*_bounds(text, currency), *_free(text), *_cheap(text)]
    if len({one.price for one in found if one.price}) > 1:
        return []
    return found


def price_value(low: int | None, high: int | None) -> str:
    """Minor units as the parameter `price` takes them: "10..20", "..49.99"."""
    return f"{_major(low)}..{_major(high)}"


@dataclass(frozen=True, slots=True)
class _Patterns:
    """Each with groups a1, and for a range a2: see `_amount`."""

    between: re.Pattern[str]
    upper: re.Pattern[str]
    lower: re.Pattern[str]
    trailing: re.Pattern[str]
    about: re.Pattern[str]


@cache
def _patterns(currency: str) -> _Patterns:
    symbols, words = _CURRENCIES.get(currency, (re.escape(currency), re.escape(currency)))
    one, two = _amount(1, symbols, words), _amount(2, symbols, words)
    # "not under" is no "under", and "piano under" none of "no".
    start = r"(?<![\w£$€.,'-])(?<!\bno )(?<!\bnot )(?:for |priced? |costing )?"
    end = r"(?![\w%'\"”″×]|[.,-]\d|-\w)"
    flags = re.IGNORECASE
    return _Patterns(
        re.compile(
            rf"{start}(?P<and>between |from )?{one}(?P<dash>\s*(?:-|–|—|\.\.)\s*| to | and )"
            rf"{two}{end}",
            flags,
        ),
        re.compile(rf"{start}(?P<how>{_UPPER})\s*{one}{end}", flags),
        re.compile(rf"{start}{_LOWER}\s*{one}{end}", flags),
        re.compile(
            rf"{start}{one}(?:(?P<up>\+|\s+(?:or more|or over|and up|and over|plus|min(?:imum)?))|"
            rf"\s+(?:or less|or under|or below|and under|max(?:imum)?|tops))(?![\w'-])",
            flags,
        ),
        re.compile(rf"{start}{_ABOUT}\s*{one}{end}", flags),
    )


def _amount(n: int, symbols: str, words: str) -> str:
    return (
        rf"(?P<s{n}>{symbols})?(?P<n{n}>\d{{1,3}}(?:,\d{{3}})+|\d{{1,7}})(?P<d{n}>\.\d{{1,2}})?"
        rf"(?P<k{n}>k\b)?(?:\s?(?P<w{n}>{words})\b)?"
    )


def _bounds(text: str, currency: str) -> Iterator[Found]:
    patterns = _patterns(currency)
    taken: list[Span] = []
    for match in patterns.between.finditer(text):
        one, two = _read(match, 1), _read(match, 2)
        joined_by_and = match["dash"] == " and "
        if one is None or two is None or (joined_by_and and not match["and"]):
            continue
        low, high = one, two
        if match["k2"] and not match["k1"] and low < high:
            low = low * 1000 if low * 1000 <= high else low
        if low <= high and _explicit(match, text, (1, 2)):
            taken.append(match.span())
            label = f"{Money(low, currency)} to {Money(high, currency)}"
            yield _hard(text, match.span(), (low, high), label)
    for pattern in (patterns.upper, patterns.trailing, patterns.lower, patterns.about):
        for match in pattern.finditer(text):
            amount = _read(match, 1)
            if amount is None or any(a < match.end() and match.start() < b for a, b in taken):
                continue
            explicit = _explicit(match, text, (1,))
            if pattern is patterns.upper and not explicit:
                explicit = _bare_is_a_price(text, match)
            if not explicit:
                continue
            taken.append(match.span())
            named = Money(amount, currency)
            if pattern is patterns.about:
                yield _about(text, match.span(), amount, f"around {named}")
            elif pattern is patterns.lower or (pattern is patterns.trailing and match["up"]):
                yield _hard(text, match.span(), (amount, None), f"from {named}")
            else:
                label = "free" if amount == 0 else f"up to {named}"
                yield _hard(text, match.span(), (None, amount), label)


def _read(match: re.Match[str], n: int) -> int | None:
    """Minor units; None for what cannot be a price."""
    # Digits of other scripts are \d as well, and int() reads them.
    whole = int(match[f"n{n}"].replace(",", ""))
    if match[f"k{n}"]:
        whole *= 1000
    cents = match[f"d{n}"]
    minor = whole * 100 + (0 if cents is None else int(cents[1:].ljust(2, "0")))
    return minor if minor <= 10**11 else None


def _explicit(match: re.Match[str], text: str, numbers: tuple[int, ...]) -> bool:
    """Whether the currency is named; "pounds" not beside words of weight."""
    if any(match[f"s{n}"] for n in numbers):
        return True
    words = [match[f"w{n}"].lower() for n in numbers if match[f"w{n}"]]
    return bool(words) and not (words[0].startswith("pound") and _WEIGHTS.search(text))


def _bare_is_a_price(text: str, match: re.Match[str]) -> bool:
    """ "sofa under 50", "sofa max 30": at the end, behind a thing, of at least 10, no "k"."""
    before, after = text[: match.start()], text[match.end() :]
    behind_words = bool(re.search(r"[^\W\d_]{2,}[\s,]*\Z", before))
    if after.strip(" .!?,") or not behind_words or match["k1"] or match["w1"]:
        return False
    if match["how"][0] in "<≤":
        return False
    if match["how"].lower().startswith("budget"):
        return False
    return int(match["n1"].replace(",", "")) >= 10 and not _NO_PRICE.search(text)


def _free(text: str) -> Iterator[Found]:
    sure = list(_SURELY_FREE.finditer(text))
    for match in sure:
        yield _hard(text, match.span(), (0, 0), "free")
    if sure:
        return
    first = _FREE_FIRST.match(text)
    if first and _starts_a_price(first):
        yield _hard(text, first.span(1), (0, 0), "free")
        return
    last = _FREE_LAST.search(text)
    if last and re.sub(r"\W", "", last["previous"].lower()) not in FREE_OF:
        # "sofa free" may be a price, or a thing free of sofas: it lifts, and stays a word.
        yield _soft(text, last.span(2), (0, 0), "free first", "0..0", leaves=False)


def _starts_a_price(match: re.Match[str]) -> bool:
    following = match["next"]
    if following is None:
        return not match["more"]  # "free" alone; before a number or sign it is part of a name
    return following.lower() not in FREE_THINGS


def _cheap(text: str) -> Iterator[Found]:
    for match in _CHEAP.finditer(text):
        parse = Parse(ParseKind.PRICE, match[0], "cheap", "cheap", hard=False)
        yield Found(*match.span(), parse, leaves=True, cheap=True)


def _hard(text: str, span: Span, price: tuple[int | None, int | None], label: str) -> Found:
    words = text[slice(*span)].strip()
    parse = Parse(ParseKind.PRICE, words, price_value(*price), label, hard=True)
    return Found(*span, parse, leaves=True, price=price)


def _about(text: str, span: Span, amount: int, label: str) -> Found:
    low, high = round(amount * (1 - _AROUND)), round(amount * (1 + _AROUND))
    return _soft(text, span, (low, high), label, price_value(low, high), leaves=True)


def _soft(
    text: str,
    span: Span,
    price: tuple[int, int],
    label: str,
    value: str,
    *,
    leaves: bool,
) -> Found:
    parse = Parse(ParseKind.PRICE, text[slice(*span)].strip(), value, label, hard=False)
    return Found(*span, parse, leaves, price=price)


def _major(minor: int | None) -> str:
    if minor is None:
        return ""
    whole, rest = divmod(minor, 100)
    return f"{whole}.{rest:02d}" if rest else str(whole)
