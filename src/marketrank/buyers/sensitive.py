"""Sensitive categories: where demographics are never used, not even with consent.

Housing, jobs and credit, as the settlement of 21 June 2022 between the United States and Meta
Platforms names them (case 22 Civ. 5187, S.D.N.Y.; employment and credit by Meta's own undertaking).
A category is known by the words of its labels, in the manner of British classified ads: a rule too
many costs a little fit, one too few shows a flat to some and not to others. Words that name other
things as well ("flats" are shoes, "home" holds gardens) are left out.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput

Path = tuple[str, ...]
"""Labels from the root."""

HOUSING = (
    "property",
    "real estate",
    "housing",
    "accommodation",
    "lettings",
    "to let",
    "to rent",
    "for rent",
    "room rent",
    "room rental",
    "home rental",
    "holiday rental",
    "long term rental",
    "short term rental",
    "flat share",
    "flatshare",
    "flatmate",
    "house share",
    "houseshare",
    "housemate",
    "room share",
    "room to share",
    "roommate",
    "spare room",
    "lodger",
    "lodging",
    "sublet",
    "tenant",
    "tenancy",
    "flats & houses",
    "flats & apartments",
    "houses & flats",
    "houses & apartments",
    "houses for sale",
    "homes for sale",
    "flats for sale",
    "apartment",
    "bungalow",
    "home swap",
    "house swap",
)
JOBS = (
    "job",
    "vacancy",
    "employment",
    "recruitment",
    "career",
    "apprenticeship",
    "internship",
    "traineeship",
    "work placement",
    "work from home",
    "part time work",
    "temporary work",
)
CREDIT = (
    "credit",
    "loan",
    "lending",
    "mortgage",
    "finance",
    "financial",
    "insurance",
    "banking",
    "bank account",
    "debt",
    "payday",
    "pawnbroker",
)
OURS = (*HOUSING, *JOBS, *CREDIT)
"""The rules that hold whatever the setting `sensitive_categories` adds to them."""

_EXEMPT = "!"
_SEPARATOR = " / "  # as category paths are written
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Rule:
    """`text` as it was written. A rule with " / " is a path: it holds of what is at or below it.
    Any other holds of a path with a label in which its words stand one after another. Capitals,
    punctuation and plurals are ignored, and "&" is "and"."""

    text: str

    def holds(self, path: Path) -> bool:
        own = labels_of(self.text)
        if len(own) > 1:
            return tuple(map(_words, path[: len(own)])) == tuple(map(_words, own))
        wanted = _words(self.text)
        return any(_stand_in(wanted, _words(label)) for label in path)


class SensitiveCategories:
    """Which category paths are sensitive: those of OURS and `more`, the setting
    `sensitive_categories`, but for those of the rules that have "!" before them. Safe to call from
    several threads."""

    def __init__(self, more: Iterable[str] = ()) -> None:
        """Raises BadInput for a rule without a word: it would hold of everything."""
        rules = [*OURS, *more]
        self.rules = tuple(Rule(text) for text in rules if not text.startswith(_EXEMPT))
        self.exempt = tuple(Rule(text[1:]) for text in rules if text.startswith(_EXEMPT))
        for rule in (*self.rules, *self.exempt):
            if not all(map(_words, labels_of(rule.text))):
                raise BadInput(
                    f"sensitive_categories: {rule.text!r} has a part without a word; write the "
                    "words of a category, or a path as 'Property / To Rent'"
                )
        self._known: dict[Path, bool] = {}

    def is_sensitive(self, path: Path) -> bool:
        """False for (): a listing without a category cannot be judged, which the audit counts."""
        if path not in self._known:
            self._known[path] = self.why(path) is not None
        return self._known[path]

    def why(self, path: Path) -> str | None:
        """The first rule that holds, as it was written; None where none does, or one that exempts
        it."""
        if any(rule.holds(path) for rule in self.exempt):
            return None
        return next((rule.text for rule in self.rules if rule.holds(path)), None)

    def flags(self, paths: Sequence[Path]) -> NDArray[np.bool_]:
        """Shape (n,). For a catalogue: `flags(snapshot.paths)[snapshot.category_numbers(keys)]`;
        each path is compared once in the life of this object."""
        return np.fromiter(map(self.is_sensitive, paths), np.bool_, len(paths))


def labels_of(text: str) -> Path:
    """ "Property / To Rent" → its labels."""
    return tuple(part.strip() for part in text.split(_SEPARATOR))


def _stand_in(wanted: Path, label: Path) -> bool:
    width = len(wanted)
    return any(label[at : at + width] == wanted for at in range(len(label) - width + 1))


def _words(label: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKC", label).casefold().replace("&", " and ")
    return tuple(_singular(word) for word in _WORD.findall(plain.replace("_", " ")))


def _singular(word: str) -> str:
    """Roughly: labels and rules both go through it, so that what comes out need not be a word."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
