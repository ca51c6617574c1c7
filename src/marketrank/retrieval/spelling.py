"""Spelling of queries by the words of the corpus: a noisy channel (Kernighan, Church and Gale,
COLING 1990) whose language model is how often listings use a word, alone and beside its neighbour.

    score(c) = ln weight(c) + context(c) - slip(c → typed)

A word that no listing has is replaced by the best candidate; one that some listings have only by
a candidate that is far likelier. Numbers, model names and short words are never touched.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from marketrank.asking import Correction
from marketrank.retrieval.keyboard import beside
from marketrank.retrieval.phrases import FUNCTION_WORDS
from marketrank.retrieval.tokens import Token, is_word, tokens
from marketrank.retrieval.vocabulary import Vocabulary

_MIN_LETTERS = 4  # shorter words have too many neighbours
_TWO_SLIPS_FROM = 8  # letters
_MAX_WORDS = 16  # of a query that are looked at; longer ones are pasted
_MIN_PART = 3  # letters of each half of a word that lacks its blank
# All in nats, chosen on seeded slips of two corpora: see docs/adr/0116.
_SLIP = 4.5
_EASY_SLIP = 3.2  # two letters swapped, one doubled or not, or the key beside
_FIRST_LETTER = 2.0
_CONTEXT = 1.0
_MISSING_BLANK = 3.0
# How much likelier the candidate must be than a word that some listings do use.
_SURE = 5.0
_PERHAPS = 2.0
# "undr £50": these say what is wanted.
_WISHES = frozenset({"under", "below", "over", "above", "near", "within", "around"})
# Of two candidates nearer to each other than this neither is taken: the text index then looks for
# all words that are one letter off.
_MARGIN = 0.5


Says = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Change:
    """`text` instead of what stands from `start` to `end`."""

    start: int
    end: int
    text: str
    certain: bool


@dataclass(frozen=True, slots=True)
class _Around:
    """The words before and after; "" at the ends."""

    before: str
    after: str


def correct(
    text: str,
    vocabulary: Vocabulary,
    occurs: Says | None = None,
    *,
    is_common: Says | None = None,
) -> Correction:
    """The query as it was probably meant. `occurs` says whether any listing has a word, also one
    that arrived since the vocabulary was built or that one listing alone uses; `is_common` whether
    the language does: where no listing has "boat", "bat" is offered, but not taken for it."""
    if not vocabulary.words:
        return Correction(text, text)
    found = list(tokens(text))[:_MAX_WORDS]
    changes: list[_Change] = []
    joined = -1
    for at, token in enumerate(found):
        if at == joined:
            continue
        if at + 1 < len(found) and _belong_together(text, token, found[at + 1], vocabulary, occurs):
            joined = at + 1
            end = found[joined].end
            changes.append(_Change(token.start, end, token.word + found[joined].word, True))
            continue
        before = changes[-1].text if changes and changes[-1].certain else ""
        if at and (not changes or changes[-1].end != found[at - 1].end):
            before = found[at - 1].word
        around = _Around(before, found[at + 1].word if at + 1 < len(found) else "")
        change = _corrected(token, around, vocabulary, occurs)
        if change is not None:
            common = is_common is not None and is_common(token.word)
            changes.append(replace(change, certain=change.certain and not common))
    return _apply(text, changes)


def _apply(text: str, changes: Sequence[_Change]) -> Correction:
    """The certain changes; where there are none, the others as an offer."""
    certain = [change for change in changes if change.certain]
    out, end = "", 0
    for change in certain or changes:
        out += text[end : change.start] + change.text
        end = change.end
    return Correction(text, out + text[end:], certain=bool(certain))


def _belong_together(
    text: str, one: Token, two: Token, vocabulary: Vocabulary, occurs: Says | None
) -> bool:
    """Whether two tokens are one word with a blank too many: "i pad", "bed side"."""
    if not (is_word(one.word) and is_word(two.word)) or text[one.end : two.start].strip(" -"):
        return False
    together = vocabulary.count(one.word + two.word)
    if together <= vocabulary.pair_count(one.word, two.word):
        return False
    shortest = min(len(one.word), len(two.word))
    if shortest == 1:
        return True
    # A half that one listing alone has is a word: "bath bombs".
    return not all(
        vocabulary.count(half.word) or (occurs is not None and occurs(half.word))
        for half in (one, two)
    )


def _corrected(
    token: Token, around: _Around, vocabulary: Vocabulary, occurs: Says | None
) -> _Change | None:
    word = token.word
    if len(word) < _MIN_LETTERS or not is_word(word):
        return None
    row = vocabulary.row(word)
    own = -math.inf
    if row >= 0:
        own = _score(word, math.log(vocabulary.weights[row]), around, vocabulary)
    elif occurs is not None and occurs(word):
        own = 0.0
    ranked = sorted(((v, c) for c, v in _candidates(word, around, vocabulary)), reverse=True)
    if not ranked or _same_stem(word, ranked[0][1]):
        return None
    score, best = ranked[0]
    if best in FUNCTION_WORDS and best not in _WISHES:
        # "bikes frome": nobody looks for "from", but perhaps for the town.
        return None
    gain = score - own
    if gain < _PERHAPS:
        return None
    certain = gain >= _SURE
    if own == -math.inf and len(ranked) > 1 and score - ranked[1][0] < _MARGIN:
        certain = False
    return _Change(token.start, token.end, best, certain=certain)


def _candidates(word: str, around: _Around, vocabulary: Vocabulary) -> Iterator[tuple[str, float]]:
    most = 2 if len(word) >= _TWO_SLIPS_FROM else 1
    for row, distance in vocabulary.near(word, most):
        candidate = vocabulary.words[row]
        weight = math.log(vocabulary.weights[row]) - slip(candidate, word, distance)
        yield candidate, _score(candidate, weight, around, vocabulary)
    yield from _halves(word, vocabulary)


def _halves(word: str, vocabulary: Vocabulary) -> Iterator[tuple[str, float]]:
    """The word with a blank put in, where listings have the two halves side by side."""
    for cut in range(_MIN_PART, len(word) - _MIN_PART + 1):
        count = vocabulary.pair_count(word[:cut], word[cut:])
        if count:
            yield f"{word[:cut]} {word[cut:]}", math.log(5 * count) - _MISSING_BLANK


def _score(word: str, weight: float, around: _Around, vocabulary: Vocabulary) -> float:
    pairs = 0.0
    if around.before:
        pairs += math.log1p(vocabulary.pair_count(around.before, word))
    if around.after:
        pairs += math.log1p(vocabulary.pair_count(word, around.after))
    return weight + _CONTEXT * pairs


def slip(meant: str, typed: str, distance: int) -> float:
    """How unlikely it is to type one for the other, in nats; `distance` is theirs."""
    start = _common_start(meant, typed)
    first = _FIRST_LETTER if start == 0 else 0.0
    if distance > 1:
        return first + distance * _SLIP
    end = _common_start(meant[start:][::-1], typed[start:][::-1])
    lost, put = meant[start : len(meant) - end], typed[start : len(typed) - end]
    return first + (_EASY_SLIP if _is_easy(lost, put, meant[:start]) else _SLIP)


def _is_easy(lost: str, put: str, before: str) -> bool:
    if len(lost) == len(put) == 1:
        return beside(lost, put)
    if len(lost) == len(put) == 2:
        return True  # swapped
    return before.endswith(lost or put)  # doubled, or one of two left out


def _common_start(one: str, other: str) -> int:
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))


def _same_stem(one: str, other: str) -> bool:
    """ "quilts" and "quilt": the text index finds one by the other."""
    short, long = sorted((one, other), key=len)
    if not long.startswith(short):
        return False
    ending = long[len(short) :]
    if ending == "s":
        return not short.endswith("s")  # "mattres" is no singular
    return ending in ("es", "ed", "ing", "ly") or (ending == "d" and short.endswith("e"))
