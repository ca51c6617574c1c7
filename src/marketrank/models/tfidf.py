"""Texts as sparse rows of TF-IDF weights, with numpy alone. scikit-learn learns the vocabulary;
the weights equal those of its TfidfVectorizer."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.types import Listing

Floats = NDArray[np.float32]
_WORD = re.compile(r"\b\w\w+\b")
_ROWS_AT_ONCE = 128  # of a product: bounds the memory that a batch of long texts takes


@dataclass(frozen=True, slots=True)
class Rows:
    """A sparse matrix, row by row. Row i holds `values[starts[i]:starts[i+1]]` in the columns
    named beside them; `width` counts columns."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats
    width: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def dot(self, weights: Floats) -> Floats:
        """Shape (len(self), k) for weights of shape (width, k)."""
        out = np.zeros((len(self), weights.shape[1]), np.float32)
        for first in range(0, len(self), _ROWS_AT_ONCE):
            starts = self.starts[first : first + _ROWS_AT_ONCE + 1]
            inside = slice(starts[0], starts[-1])
            terms = weights[self.columns[inside]] * self.values[inside, None]
            filled = np.flatnonzero(np.diff(starts))
            if len(filled):  # reduceat would give an empty row its successor's first term
                out[first + filled] = np.add.reduceat(terms, starts[filled] - starts[0], axis=0)
        return out


def join(parts: Sequence[Rows]) -> Rows:
    """The same rows with the columns of each part behind those of the part before."""
    n = len(parts[0])
    counts = sum((np.diff(part.starts) for part in parts), np.zeros(n, np.int64))
    offsets = np.cumsum([0, *(part.width for part in parts)])
    row = np.concatenate([np.repeat(np.arange(n), np.diff(part.starts)) for part in parts])
    order = np.argsort(row, kind="stable")
    columns = [part.columns + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
    return Rows(
        starts=np.concatenate([[0], np.cumsum(counts)]),
        columns=np.concatenate(columns)[order],
        values=np.concatenate([part.values for part in parts])[order],
        width=int(offsets[-1]),
    )


def dense(matrix: Floats) -> Rows:
    """A dense matrix (n, width) as rows."""
    n, width = matrix.shape
    return Rows(
        starts=np.arange(n + 1, dtype=np.int64) * width,
        columns=np.tile(np.arange(width), n),
        values=matrix.astype(np.float32).ravel(),
        width=width,
    )


@dataclass(frozen=True)
class Terms:
    """A vocabulary: a term's position is its column."""

    names: tuple[str, ...]

    def rows(self, texts: Iterable[Iterable[str]]) -> Rows:
        """How often each row has each known term. Columns rise within a row."""
        columns: list[int] = []
        counts: list[int] = []
        starts = [0]
        for terms in texts:
            known = Counter(self._columns[term] for term in terms if term in self._columns)
            ordered = sorted(known.items())
            columns.extend(column for column, _ in ordered)
            counts.extend(count for _, count in ordered)
            starts.append(len(columns))
        return Rows(
            np.array(starts, np.int64),
            np.array(columns, np.int64),
            np.array(counts, np.float32),
            len(self.names),
        )

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {name: column for column, name in enumerate(self.names)}


def learn_terms(texts: Iterable[Iterable[str]], *, fewest: int) -> Terms:
    """The terms that `fewest` rows or more have, sorted."""
    counts = Counter(term for terms in texts for term in set(terms))
    return Terms(tuple(sorted(term for term, n in counts.items() if n >= fewest)))


@dataclass(frozen=True)
class TfIdf:
    """(1 + ln tf) · idf over n-grams of words or of letters inside words, rows of unit length
    (zero where a text has no known term). Texts are lower-cased.

    Salton and Buckley, Term-weighting approaches in automatic text retrieval, IPM 1988.
    """

    analyser: str
    shortest: int
    longest: int
    terms: Terms
    idf: Floats

    def rows(self, texts: Iterable[str]) -> Rows:
        """Shape (n, len(terms))."""
        grams = ANALYSERS[self.analyser]
        counted = self.terms.rows(grams(text, self.shortest, self.longest) for text in texts)
        values = (1 + np.log(counted.values)) * self.idf[counted.columns]
        row = np.repeat(np.arange(len(counted)), np.diff(counted.starts))
        length = np.sqrt(np.bincount(row, values.astype(np.float64) ** 2, len(counted)))
        unit = (values / length[row]).astype(np.float32)
        return Rows(counted.starts, counted.columns, unit, counted.width)


def learn_tfidf(
    texts: Sequence[str], *, analyser: str, shortest: int, longest: int, fewest: int
) -> TfIdf:
    """A vocabulary of the n-grams that `fewest` texts or more have, with their idf
    1 + ln((1 + n) / (1 + n_with)). Raises BadInput where no n-gram is as frequent."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        analyzer={"words": "word", "letters": "char_wb"}[analyser],
        ngram_range=(shortest, longest),
        min_df=fewest,
        sublinear_tf=True,
    )
    if len(texts) < fewest:
        raise _too_few(len(texts), fewest)
    try:
        vectorizer.fit(texts)
    except ValueError as error:  # an empty vocabulary
        raise _too_few(len(texts), fewest) from error
    names = tuple(str(name) for name in vectorizer.get_feature_names_out())
    return TfIdf(analyser, shortest, longest, Terms(names), vectorizer.idf_.astype(np.float32))


@dataclass(frozen=True)
class Field:
    """One text of a listing, "title" or "text" (title and description), as TF-IDF rows."""

    source: str
    tfidf: TfIdf

    def rows(self, listings: Sequence[Listing]) -> Rows:
        return self.tfidf.rows([getattr(listing, self.source) for listing in listings])


def learn_field(
    listings: Sequence[Listing],
    source: str,
    analyser: str,
    shortest: int,
    longest: int,
    *,
    fewest: int,
) -> Field:
    """See `learn_tfidf`."""
    texts = [getattr(listing, source) for listing in listings]
    return Field(
        source,
        learn_tfidf(texts, analyser=analyser, shortest=shortest, longest=longest, fewest=fewest),
    )


def to_scipy(rows: Rows) -> Any:
    """As scipy.sparse.csr_matrix, which scikit-learn reads. scipy comes with scikit-learn."""
    from scipy.sparse import csr_matrix

    return csr_matrix((rows.values, rows.columns, rows.starts), shape=(len(rows), rows.width))


def _too_few(n: int, fewest: int) -> BadInput:
    return BadInput(f"no word is in {fewest} of the {n} training texts; ingest more listings")


def _words(text: str, shortest: int, longest: int) -> Iterator[str]:
    words = _WORD.findall(text.lower())
    for n in range(shortest, longest + 1):
        for start in range(len(words) - n + 1):
            yield " ".join(words[start : start + n])


def _letters(text: str, shortest: int, longest: int) -> Iterator[str]:
    for word in text.lower().split():
        padded = f" {word} "
        for n in range(shortest, longest + 1):
            if n >= len(padded):  # a short word counts once, whole
                yield padded
                break
            for start in range(len(padded) - n + 1):
                yield padded[start : start + n]


ANALYSERS: dict[str, Callable[[str, int, int], Iterator[str]]] = {
    "words": _words,
    "letters": _letters,
}
