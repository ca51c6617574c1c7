"""A meaning found in a stretch of the query."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marketrank.asking import Near, Parse

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Found:
    """One parse and where it stands: characters `start` to `end` of the text. `leaves`: its words
    say nothing about the thing itself, so they leave the text ("under £50"); words that listings
    use as well stay ("new", "6ft"). The rest is what the parse does: price bounds in minor units,
    a cheap price, a place, alternative words."""

    start: int
    end: int
    parse: Parse
    leaves: bool
    price: tuple[int | None, int | None] | None = None
    cheap: bool = False
    near: Near | None = None
    alternatives: str = ""


def apart(found: Iterable[Found]) -> list[Found]:
    """Those that do not overlap an earlier one of the sequence, in the order of the text."""
    kept: list[Found] = []
    for one in found:
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)


def blanked(text: str, spans: Iterable[Span]) -> str:
    """The text with spaces over these stretches, so that all else stays where it was."""
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


_LOOSE = re.compile(r"(?<!\S)[,;:.!?/|&+-]+(?!\S)")


def without(text: str, spans: Sequence[Span]) -> str:
    """What is left without these stretches, as single-spaced words; the text as it was where
    there is nothing to leave out. Punctuation that stood around what went goes too."""
    if not spans:
        return text
    return " ".join(_LOOSE.sub(" ", blanked(text, spans)).split()).strip(" ,;")
