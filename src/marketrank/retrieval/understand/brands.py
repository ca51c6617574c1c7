"""Brands: names from a list of the operator's, one a line."""

import re
from collections.abc import Iterable
from pathlib import Path

from marketrank.asking import Parse, ParseKind
from marketrank.errors import BadSettings
from marketrank.retrieval.understand.found import Found

_WORD = re.compile(r"[^\W_]+(?:['’&-][^\W_]+)*")


class Brands:
    """Known names, compared without regard to case. Two brands in one query both count."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names = {_key(_WORD.findall(name)): name.strip() for name in names}
        self._names.pop("", None)
        self._longest = max((len(name.split()) for name in self._names), default=0)  # words

    def find(self, text: str) -> list[Found]:
        """The longest names at each place of the text."""
        words = list(_WORD.finditer(text))
        found: list[Found] = []
        at = 0
        while at < len(words):
            for count in range(min(self._longest, len(words) - at), 0, -1):
                part = words[at : at + count]
                name = self._names.get(_key([word[0] for word in part]))
                if name is not None:
                    start, end = part[0].start(), part[-1].end()
                    parse = Parse(ParseKind.BRAND, text[start:end], name, name, hard=False)
                    found.append(Found(start, end, parse, leaves=False, alternatives=name))
                    at += count - 1
                    break
            at += 1
        return found


def read_brands(path: Path) -> Brands:
    """A text file, one name a line; lines that start with # are left out. Raises BadSettings."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(
            f"setting brands: {path} cannot be read ({error}); name a UTF-8 text file with one "
            "brand a line"
        ) from error
    return Brands(line for line in lines if not line.startswith("#"))


def _key(words: Iterable[str]) -> str:
    return " ".join(words).casefold()
