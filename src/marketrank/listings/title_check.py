"""What a seller could do better about a title."""

import re
from dataclasses import dataclass

LONGEST = 70
"""Characters: results show about two lines on a phone."""
FEWEST_WORDS = 3
"""Half of all searches are of two words and more: a title of one or two misses them."""
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_PRICE = re.compile(r"[£$€]\s?\d|\b\d+\s?(?:pounds|quid)\b", re.IGNORECASE)
_SHOUTED = 0.7  # share of capitals among letters
_MANNERS = re.compile(r"[!*~]{2,}|[\U0001f300-\U0001faff\u2600-\u27bf]")
_MASKED = re.compile(r"\[(?:tel|email|postcode)\]")


@dataclass(frozen=True, slots=True)
class TitleProblem:
    """`code` for programs; `advice` for the seller, in plain words."""

    code: str
    advice: str


def check_title(title: str) -> tuple[TitleProblem, ...]:
    """What to mend of a cleaned title, the gravest first; () for a good one."""
    words = _WORD.findall(title)
    letters = [letter for letter in title if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    checks = (
        ("missing", not words, "Say what it is: the thing, its make, size and colour."),
        (
            "contact",
            bool(_MASKED.search(title)),
            "Leave phone numbers, addresses and postcodes out: they are hidden from buyers.",
        ),
        (
            "too_short",
            0 < len(words) < FEWEST_WORDS,
            "Say more: make, size, colour or condition help buyers to find it.",
        ),
        (
            "too_long",
            len(title) > LONGEST,
            f"Shorten it to {LONGEST} characters; the rest belongs into the description.",
        ),
        (
            "shouted",
            len(letters) > 8 and capitals > _SHOUTED * len(letters),
            "Use small letters: capitals are hard to read.",
        ),
        ("price", bool(_PRICE.search(title)), "Leave the price out: it has a field of its own."),
        (
            "decoration",
            bool(_MANNERS.search(title)),
            "Leave stars, emoji and rows of exclamation marks out.",
        ),
    )
    return tuple(TitleProblem(code, advice) for code, seen, advice in checks if seen)
