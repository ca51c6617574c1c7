"""How people type: slips, missing apostrophes, shouting, glued sentences, signs of joy."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from marketrank.simulate.phrases import phrases

_NEIGHBOURS = {
    "a": "sq",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "o",
    "q": "w",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "x",
}


@dataclass(frozen=True, slots=True)
class Hand:
    """One person's way of typing. `case` is sentence, title, lower or upper; the others are
    chances per word or per sentence."""

    case: str
    slips: float
    misspells: float
    shortens: float
    apostrophes: bool
    glues: float
    breaks: float
    emoji: float
    exclaims: float


def choose_hand(rng: random.Random) -> Hand:
    careful = rng.random() < 0.45
    return Hand(
        case=rng.choices(("sentence", "title", "lower", "upper"), (62, 17, 13, 8))[0],
        slips=0.002 if careful else rng.choice((0.006, 0.012, 0.03)),
        misspells=0.0 if careful else rng.choice((0.1, 0.25, 0.5)),
        shortens=0.02 if careful else rng.choice((0.05, 0.2)),
        apostrophes=careful or rng.random() < 0.5,
        glues=0.02 if careful else rng.choice((0.0, 0.1, 0.35)),
        breaks=rng.choice((0.0, 0.0, 0.1, 0.5)),
        emoji=rng.choices((0.0, 0.12), (88, 12))[0],
        exclaims=rng.choices((0.0, 0.15), (75, 25))[0],
    )


def typed(text: str, hand: Hand, rng: random.Random) -> str:
    """The text as this hand types it. Figures and contact details are never touched."""
    text = _replaced(text, phrases().shortened, hand.shortens, rng)
    text = _replaced(text, phrases().misspelt, hand.misspells, rng)
    if not hand.apostrophes:
        text = re.sub(r"(?<=[a-z])'(?=[a-z])", "", text)
    words = [_slip(word, rng) if rng.random() < hand.slips else word for word in text.split(" ")]
    return " ".join(words)


def sentences_joined(sentences: list[str], hand: Hand, rng: random.Random) -> str:
    """Sentences one after the other: spaced, glued or on lines of their own, with the odd "!!"."""
    out = ""
    for i, sentence in enumerate(sentences):
        one = sentence
        if hand.exclaims and one.endswith(".") and rng.random() < hand.exclaims:
            one = one[:-1] + rng.choice(("!", "!!", "!!!"))
        elif one.endswith(".") and rng.random() < 0.12:
            one = one[:-1]
        if rng.random() < hand.emoji:
            one += " " + rng.choice(phrases().emoji) * rng.choice((1, 1, 2, 3))
        chance = rng.random()
        gap = "\n" if chance < hand.breaks else "" if chance < hand.breaks + hand.glues else " "
        out += one + (gap if i < len(sentences) - 1 else "")
    return (
        cased(out, "lower" if hand.case == "lower" else "sentence")
        if hand.case != "upper"
        else (out.upper() if rng.random() < 0.5 else out)
    )


def cased(text: str, case: str) -> str:
    if case == "upper":
        return text.upper()
    if case == "lower":
        return text.lower()
    if case == "title":
        return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
    return text[:1].upper() + text[1:]


def _replaced(
    text: str, table: Mapping[str, tuple[str, ...]], chance: float, rng: random.Random
) -> str:
    if not chance:
        return text
    for right, wrong in table.items():
        if right in text and rng.random() < chance:
            text = re.sub(rf"\b{right}\b", rng.choice(wrong), text, count=1)
    return text


def _slip(word: str, rng: random.Random) -> str:
    """One key wrong: left out, doubled, swapped with the next or hit beside."""
    if len(word) < 4 or not word.isalpha():
        return word
    i = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:i] + word[i + 1 :]
    if kind == 1:
        return word[:i] + word[i] + word[i:]
    if kind == 2:
        return word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :]
    beside = _NEIGHBOURS.get(word[i].lower(), word[i])
    return word[:i] + rng.choice(beside) + word[i + 1 :]
