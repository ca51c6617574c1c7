"""Sizes and units: "6ft", "6 foot" and "6'" become one word, in listings and in queries.

A query's size stays a word of the query and lifts listings of that size. The one word is made
where text is indexed and searched (`with_sizes`, `sized`), so nothing else needs to know of it.
"""

import re
from collections.abc import Iterator

from marketrank.asking import Parse, ParseKind
from marketrank.retrieval.understand.found import Found

# Unit as in the one word → (label, what people write). Letters that are words or models of their
# own count only where they touch the number: "32in", "5m", "20l".
_UNITS: tuple[tuple[str, str, str, str], ...] = (
    ("ft", "ft", r"ft|foot|feet", ""),
    ("inch", "inch", r"inch(?:es)?|ins", "in"),
    ("cm", "cm", r"cms?|centimet(?:re|er)s?", ""),
    ("mm", "mm", r"mms?|millimet(?:re|er)s?", ""),
    ("m", "m", r"met(?:re|er)s?", "m"),
    ("kg", "kg", r"kgs?|kilos?|kilograms?", ""),
    ("g", "g", r"grams?|grammes?", "g"),
    ("lb", "lb", r"lbs?", ""),
    ("ml", "ml", r"mls?|millilit(?:re|er)s?", ""),
    ("l", "litre", r"lit(?:re|er)s?|ltrs?", "l"),
    ("gb", "GB", r"gbs?|gigabytes?|gig", ""),
    ("tb", "TB", r"tbs?|terabytes?", ""),
    ("w", "watt", r"watts?", "w"),
    ("v", "volt", r"volts?", "v"),
    ("tog", "tog", r"togs?", ""),
    ("seater", "seater", r"seaters?|seats?", ""),
)
_LABELS = {unit: label for unit, label, _, _ in _UNITS}
_SPACED = "|".join(f"(?P<{unit}>{written})" for unit, _, written, _ in _UNITS)
_JOINED = "|".join(f"(?P<{unit}_>{joined})" for unit, _, _, joined in _UNITS if joined)
_SIZE = re.compile(
    # Not the second half of a range, a fraction or a price: "10-20 litre", "1/2 inch", "£5kg".
    rf"(?<![\w£$€.,/–'’′-])(?P<number>\d{{1,4}}(?:\.\d{{1,2}})?)"
    rf"(?:[\s-]?(?:{_SPACED})|(?:{_JOINED})|(?P<feet>['’′])|(?P<inches>\"|”|″|''))"
    r"(?!\w|['’]\w)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"(?<![\w'-])(?:uk )?(?:size|sz)\.?:?\s+(?:uk )?(?P<size>\d{1,3}(?:\.5)?|[2-6]?x{0,3}[sl]|m|"
    r"small|medium|large)(?![\w'-]|\.\d)",
    re.IGNORECASE,
)
_ONE_LETTER = {"small": "s", "medium": "m", "large": "l"}
_DIGIT = re.compile(r"\d")
_LONGEST = 100_000  # characters of a description that are looked at


def find_sizes(text: str) -> list[Found]:
    """All sizes of a query: a thing has several."""
    return [_found(text, *match) for match in _matches(text)]


def sized(text: str) -> str:
    """A query with each size as one word: "6 foot table" → "6ft table"."""
    for start, end, word, _ in reversed(list(_matches(text))):
        text = f"{text[:start]}{word}{text[end:]}"
    return text


def with_sizes(text: str) -> str:
    """A listing's text with the one word of each size behind it, where it is not there already:
    "6 foot table" → "6 foot table 6ft"."""
    words = {word: None for start, end, word, _ in _matches(text) if text[start:end] != word}
    return " ".join([text, *words]) if words else text


def _matches(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Start, end, the one word and a label."""
    if not _may_have_one(text):
        return
    found = []
    for match in _SIZE.finditer(text[:_LONGEST]):
        unit = _unit(match)
        number = match["number"]
        number = number.rstrip("0").rstrip(".") if "." in number else number
        # A full stop would break the word in two.
        word = number.replace(".", "point") + unit
        found.append((match.start(), match.end(), word, f"{number} {_LABELS[unit]}"))
    for match in _NUMBERED.finditer(text[:_LONGEST]):
        size = _ONE_LETTER.get(match["size"].lower(), match["size"].lower())
        word = f"size{size.replace('.', 'point')}"
        found.append((match.start(), match.end(), word, f"size {size.upper()}"))
    end = 0
    for one in sorted(found):
        if one[0] >= end:
            end = one[1]
            yield one


def _may_have_one(text: str) -> bool:
    """Told in a quarter of the time that the expressions take (300 characters)."""
    if _DIGIT.search(text):
        return True
    lower = text.lower()
    return "size" in lower or "sz" in lower


def _unit(match: re.Match[str]) -> str:
    if match["feet"]:
        return "ft"
    if match["inches"]:
        return "inch"
    groups = match.groupdict()
    return next(
        unit for unit, _, _, joined in _UNITS if groups[unit] or (joined and groups[f"{unit}_"])
    )


def _found(text: str, start: int, end: int, word: str, label: str) -> Found:
    parse = Parse(ParseKind.SIZE, text[start:end], word, label, hard=False)
    return Found(start, end, parse, leaves=False, alternatives=word)
