"""Words for the same thing: groups from our file, from the operator's, and from the corpus itself
("arm chair" beside "armchair").

A file has one group a line, members separated by commas, "#" before a comment. Members may have
several words.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from marketrank.errors import BadSettings
from marketrank.retrieval.tokens import tokens
from marketrank.retrieval.vocabulary import Vocabulary

OWN_FILE = Path(__file__).with_name("synonyms.txt")
_LONGEST = 4  # words of a member

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """Groups of interchangeable members, each a tuple of words, folded."""

    groups: tuple[tuple[Words, ...], ...] = ()

    def joined(self, others: Iterable[tuple[Words, ...]]) -> "Synonyms":
        """These and other groups; groups that share a member stay groups of their own, as what
        is interchangeable with one need not be so with the other."""
        return Synonyms((*self.groups, *others))


def read_synonyms(*paths: Path) -> Synonyms:
    """Raises BadSettings, naming file and line, for what is no group."""
    groups: list[tuple[Words, ...]] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"the synonyms in {path} cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if text:
                groups.append(_group(text, f"{path}, line {number}"))
    return Synonyms(tuple(groups))


def _group(text: str, place: str) -> tuple[Words, ...]:
    members = [tuple(token.word for token in tokens(part)) for part in text.split(",")]
    distinct = tuple(dict.fromkeys(members))
    if () in distinct or len(distinct) < 2:
        raise BadSettings(f"{place}: {text!r} is no group; write two words or more, with commas")
    if any(len(member) > _LONGEST for member in distinct):
        raise BadSettings(f"{place}: {text!r} has a member of more than {_LONGEST} words")
    return distinct


def compounds(vocabulary: Vocabulary) -> list[tuple[Words, ...]]:
    """Words that the corpus writes both as one and as two: (("armchair",), ("arm", "chair"))."""
    words = vocabulary.words
    return [
        ((words[both],), (words[one], words[two]))
        for one, two, both in vocabulary.compounds.tolist()
    ]


@dataclass(frozen=True, slots=True)
class Concept:
    """One or several words of a query that mean one thing, and what else it is called; stems."""

    words: Words
    alternatives: tuple[Words, ...]


class Thesaurus:
    """Synonyms as stems, to be looked up while a query is read. `stems` splits and stems a text as
    the index does."""

    def __init__(self, synonyms: Synonyms, stems: Callable[[str], Sequence[str]]) -> None:
        self._others: dict[Words, tuple[Words, ...]] = {}
        for group in synonyms.groups:
            members = dict.fromkeys(tuple(stems(" ".join(member))) for member in group)
            for member in members:
                others = (*self._others.get(member, ()), *(o for o in members if o != member))
                self._others[member] = tuple(dict.fromkeys(others))

    def knows(self, stem: str) -> bool:
        """Whether a word by itself has synonyms."""
        return (stem,) in self._others

    def concepts(self, stems: Sequence[str]) -> list[Concept]:
        """The query in concepts, the longest members first, each once. What a query says by itself
        is no alternative: "sofa couch" would count twice."""
        said = set(stems)
        found: dict[Words, Concept] = {}
        at = 0
        while at < len(stems):
            words = self._longest(stems, at)
            others = tuple(o for o in self._others.get(words, ()) if not said.issuperset(o))
            found.setdefault(words, Concept(words, others))
            at += len(words)
        return list(found.values())

    def _longest(self, stems: Sequence[str], at: int) -> Words:
        for length in range(_LONGEST, 1, -1):
            words = tuple(stems[at : at + length])
            if words in self._others:
                return words
        return (stems[at],)
