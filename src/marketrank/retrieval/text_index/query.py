"""From what people type to a query of the text index: any of its words, in any field, by what they
mean."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tantivy import Occur, Query

from marketrank.retrieval.synonyms import Concept, Synonyms, Thesaurus
from marketrank.retrieval.text_index.schema import (
    FIELD_BOOSTS,
    KEY,
    analyzer,
    document_count,
    schema,
    storable,
)
from marketrank.retrieval.understand.sizes import sized

MAX_WORDS = 64
"""Of a query; what is pasted beyond that says nothing new."""
FUZZY_MIN_LETTERS = 5
# A word scores as in its best field, plus this share of the others: their sum would rank a
# listing that repeats one word in all fields above one that has both words of the query.
_TIE_BREAKER = 0.3
# A fuzzy match scores a constant: tantivy gives it no BM25, where a rare word reaches about 8.
_FUZZY_SCORE = 4.0
# What a synonym counts beside the word itself; see docs/adr/0117.
_SYNONYM_WEIGHT = 0.6


class Queries:
    """Makes queries, with these synonyms. A `searcher` is one of the index that they are for: what
    it has decides which words are looked for."""

    def __init__(self, synonyms: Synonyms) -> None:
        self._schema = schema()
        self._words = analyzer(stem=False)
        self._stems = analyzer(stem=True)
        self._thesaurus = Thesaurus(synonyms, self._stems.analyze)

    def words(self, text: str) -> list[tuple[str, str]]:
        """Each word's stem, and the word."""
        text = sized(storable(text))
        return list(zip(self._stems.analyze(text), self._words.analyze(text), strict=True))

    def occurs(self, searcher: Any, word: str) -> bool:
        """Whether a listing has the word, another form of it, or a synonym is known."""
        return all(
            self._thesaurus.knows(stem) or document_count(searcher, stem) > 0
            for stem in self._stems.analyze(storable(word))
        )

    def query(self, searcher: Any, text: str) -> Query | None:
        """Any of the words in any field. A word that occurs nowhere may be one letter off."""
        pairs = self.words(text)[:MAX_WORDS]
        stems, typed = [stem for stem, _ in pairs], dict(pairs)
        clauses = [
            clause
            for concept in self._thesaurus.concepts(stems)
            if (clause := self._concept(searcher, concept, typed))
        ]
        return Query.boolean_query([(Occur.Should, c) for c in clauses]) if clauses else None

    def _concept(self, searcher: Any, concept: Concept, typed: Mapping[str, str]) -> Query | None:
        """The words, or at a lower weight what else they are called: whichever scores best."""
        others = [
            Query.boost_query(query, scale)
            for words in concept.alternatives
            if (found := self._alternative(searcher, concept.words, words))
            for query, scale in [found]
        ]
        own = [
            query
            for stem in concept.words
            if (query := self.word(searcher, stem, "" if others else typed[stem]))
        ]
        if len(own) > 1:
            own = [Query.boolean_query([(Occur.Should, query) for query in own])]
        ways = [*own, *others]
        return Query.disjunction_max_query(ways) if len(ways) > 1 else ways[0] if ways else None

    def word(self, searcher: Any, stem: str, typed: str) -> Query | None:
        """One word; where no listing has it, those one letter from what was `typed`."""
        fields = [field for field in FIELD_BOOSTS if searcher.doc_freq(field, stem) > 0]
        if fields:
            return _best_field([self._term(field, stem) for field in fields])
        if len(typed) >= FUZZY_MIN_LETTERS and typed.isalpha():
            forms = {stem, typed}  # stemming can take a slip of the pen farther away
            return _best_field([self._near(field, forms) for field in FIELD_BOOSTS])
        return None

    def _alternative(
        self, searcher: Any, meant: Sequence[str], words: Sequence[str]
    ) -> tuple[Query, float] | None:
        """All these words in one field, and the weight that keeps them below what was meant: a
        rarer synonym would otherwise score higher than the word itself."""
        rarity = sum(_rarity(searcher, stem) for stem in words)
        own = sum(_rarity(searcher, stem) for stem in meant if document_count(searcher, stem))
        fields = [
            field
            for field in FIELD_BOOSTS
            if all(searcher.doc_freq(field, stem) > 0 for stem in words)
        ]
        if not fields:
            return None
        query = _best_field([self._all(field, words) for field in fields])
        return query, _SYNONYM_WEIGHT * (min(1.0, own / rarity) if own else 1.0)

    def _all(self, field: str, stems: Sequence[str]) -> Query:
        terms = [self._term(field, stem) for stem in stems]
        if len(terms) == 1:
            return terms[0]
        return Query.boolean_query([(Occur.Must, term) for term in terms])

    def among(self, query: Query, keys: NDArray[np.int64]) -> Query:
        """The query over these keys alone, with unchanged scores. A term for each: of a set of
        terms tantivy does not know how few there are, and reads the words' listings first."""
        terms = [Query.term_query(self._schema, KEY, key) for key in keys.tolist()]
        keyed = Query.boolean_query([(Occur.Should, term) for term in terms])
        unscored = Query.const_score_query(keyed, 0.0)
        return Query.boolean_query([(Occur.Must, query), (Occur.Must, unscored)])

    def _term(self, field: str, stem: str) -> Query:
        term = Query.term_query(self._schema, field, stem, index_option="freq")
        return Query.boost_query(term, FIELD_BOOSTS[field])

    def _near(self, field: str, forms: Collection[str]) -> Query:
        near = [
            Query.fuzzy_term_query(self._schema, field, form, distance=1, prefix=False)
            for form in sorted(forms)
        ]
        return Query.boost_query(
            Query.disjunction_max_query(near), FIELD_BOOSTS[field] * _FUZZY_SCORE
        )


def _best_field(queries: Sequence[Query]) -> Query:
    return Query.disjunction_max_query(list(queries), _TIE_BREAKER)


def _rarity(searcher: Any, stem: str) -> float:
    """BM25's inverse document frequency."""
    count = document_count(searcher, stem)
    return math.log1p((searcher.num_docs - count + 0.5) / (count + 0.5))
