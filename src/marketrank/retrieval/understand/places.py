"""Places in words: "near Leeds", "in Milton Keynes", "within 5 miles of York".

A radius filters; a place without one only lifts what is near. "in" stands before much else: the
place must then end the query, and must not be an everyday word ("new in box", "for sale in sale").
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from marketrank.asking import Near, Parse, ParseKind
from marketrank.errors import BadInput
from marketrank.retrieval.query import parse_distance_km
from marketrank.retrieval.understand.found import Found
from marketrank.retrieval.understand.traps import EVERYDAY_PLACES, NO_PLACE_STARTS, PLACE_PARTS

Locate = Callable[[str], Near | None]
"""A place by its name, without a radius; None where there is none."""

_WORD = r"[^\W_](?:[\w'’-]|\.(?=\s))*"
_NAME = re.compile(rf"{_WORD}(?:\s+{_WORD}){{0,3}}")
_COUNTY = re.compile(rf"\s*,\s*({_WORD}(?:\s+{_WORD}){{0,2}})")
_NUMBER = r"(?P<number>\d{1,3}(?:\.\d)?|an?)"
_UNIT = r"(?P<unit>miles?|mi|kilomet(?:re|er)s?|kms?)"
_RADIUS = re.compile(
    rf"(?<![\w£$€.,'-])(?:(?:within|less than|up to|under|max)\s+)?(?:(?:an?|the)\s+)?"
    rf"{_NUMBER}[\s-]?{_UNIT}\b(?:\s+radius)?\s+(?:of|from|around)\s+",
    re.IGNORECASE,
)
_NEAR = re.compile(r"(?<![\w'-])(?:near(?:by)?(?: to)?|nr\.?|close to)\s+", re.IGNORECASE)
_IN = re.compile(r"(?<![\w'-])(?:in|around)(?: and around| the)?\s+", re.IGNORECASE)
_MADE = re.compile(
    r"(?:made|born|built|manufactured|printed|assembled|designed|produced|crafted|handmade|set|"
    r"lost|interest|believe|plug|built-|trade|werewolf|postman)\s*\Z",
    re.IGNORECASE,
)
_MOST_TRIES = 4  # prepositions looked behind, so that a long text costs no more


def find_places(text: str, locate: Locate) -> list[Found]:
    """The place of a query; none where it names several."""
    found = _around(text, locate)
    return found if len({one.parse.value.casefold() for one in found}) == 1 else []


def _around(text: str, locate: Locate) -> list[Found]:
    for pattern, read in ((_RADIUS, _with_radius), (_NEAR, _nearby), (_IN, _inside)):
        found: list[Found] = []
        for match in list(pattern.finditer(text))[:_MOST_TRIES]:
            one = read(text, match, locate)
            if one is not None and all(one.start >= other.end for other in found):
                found.append(one)
        if found:
            return found
    return []


def _with_radius(text: str, match: re.Match[str], locate: Locate) -> Found | None:
    number = "1" if match["number"].lower() in ("a", "an") else match["number"]
    km = match["unit"].lower().startswith("k")
    within = f"{number}{'km' if km else 'mi'}"
    try:
        radius = parse_distance_km(within)
    except BadInput:
        return None
    place = _name(text, match.end(), locate)
    if place is None:
        return None
    end, near = place
    miles = "km" if km else "mile" if number == "1" else "miles"
    label = f"within {number} {miles} of {near.label}"
    words = text[match.start() : end]
    parse = Parse(ParseKind.NEAR, words, near.label, label, hard=True, within=within)
    return Found(match.start(), end, parse, leaves=True, near=replace(near, within_km=radius))


def _nearby(text: str, match: re.Match[str], locate: Locate) -> Found | None:
    place = _name(text, match.end(), locate)
    return None if place is None else _soft(text, match.start(), *place)


def _inside(text: str, match: re.Match[str], locate: Locate) -> Found | None:
    if _MADE.search(text[: match.start()]):
        return None
    place = _name(text, match.end(), locate)
    if place is None or not _is_end(text, place[0]):
        return None
    name, before = place[1].label, text[: match.start()]
    stands_out = name[0].isupper() and bool(before.strip()) and before == before.lower()
    if name.casefold() in EVERYDAY_PLACES and not stands_out:
        return None
    return _soft(text, match.start(), *place)


def _soft(text: str, start: int, end: int, near: Near) -> Found:
    parse = Parse(ParseKind.NEAR, text[start:end], near.label, f"near {near.label}", hard=False)
    return Found(start, end, parse, leaves=True, near=near)


def _name(text: str, start: int, locate: Locate) -> tuple[int, Near] | None:
    """Where the name of a place ends that starts here, and the place: the longest that is known,
    with its county where one follows."""
    match = _NAME.match(text, start)
    if match is None or match[0].split()[0].casefold() in NO_PLACE_STARTS:
        return None
    for end in _ends(match):
        name = " ".join(text[start:end].split())
        if " " in name and name.split()[-1].casefold() in PLACE_PARTS and not _is_end(text, end):
            continue
        found = locate(name)
        if found is None:
            continue
        county = _COUNTY.match(text, end)
        if county is not None and _is_end(text, county.end()):
            whole = f"{name}, {' '.join(county[1].split())}"
            exact = locate(whole)
            if exact is not None:
                return county.end(), replace(exact, within_km=None, label=whole)
        return end, replace(found, within_km=None, label=name)
    return None


def _is_end(text: str, at: int) -> bool:
    """Whether nothing but punctuation follows."""
    return not text[at:].strip(" .,;!?")


def _ends(match: re.Match[str]) -> Iterator[int]:
    """Where the last word ends, the last but one…"""
    words = re.finditer(r"\S+", match[0])
    yield from reversed([match.start() + word.end() for word in words])
