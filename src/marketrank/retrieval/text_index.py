"""Words: BM25 over title, category and description (tantivy).

Its files lie in a `text_folder`. A kill between tantivy's commit and applied.json leaves an index
that is ahead of its number. Applying the same changes again mends that, since each replaces what
its key had.
"""

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tantivy
from numpy.typing import NDArray
from tantivy import Filter, Occur, Query

from marketrank.asking import Hits
from marketrank.errors import Corrupt
from marketrank.retrieval import text_folder
from marketrank.retrieval.exact_index import allowed_rows, best
from marketrank.retrieval.synonyms import Concept, Synonyms, Thesaurus
from marketrank.retrieval.text_folder import State
from marketrank.retrieval.understand.sizes import sized, with_sizes
from marketrank.types import ListingKey, Mask, Seq

_log = logging.getLogger(__name__)

# Chosen on real listings together with the tie breaker; see docs/adr/0050.
FIELD_BOOSTS = {"title": 2.0, "category": 1.5, "description": 1.0}
# A word scores as in its best field, plus this share of the others: their sum would rank a
# listing that repeats one word in all fields above one that has both words of the query.
_TIE_BREAKER = 0.3
# A fuzzy match scores a constant: tantivy gives it no BM25, where a rare word reaches about 8.
_FUZZY_SCORE = 4.0
_FUZZY_MIN_LETTERS = 5
# What a synonym counts beside the word itself; see docs/adr/0117.
_SYNONYM_WEIGHT = 0.6
# What a word that no listing has, nor any word near it, could have added: a rare word of the title.
_UNKNOWN_SCORE = 16.0
_QUERIES_KEPT = 16  # of what is being asked: a request looks for its words twice
_MOST_WEIGHED = 50_000  # words whose weights are kept: 13 MB
_MAX_WORDS = 64  # of a query; what is pasted beyond that says nothing new
_MAX_WORD_BYTES = 40
_HEAP_BYTES = 50_000_000
_DEEPEN = 4
_MARGIN = 1.25  # fetched beyond the expected depth, so that one search mostly does
# To look up one allowed key costs as much as to fetch so many hits that may not be allowed: at
# 100,000 listings, of which 1,000 are allowed, 3.7 ms (p99 5) so and 2.3 (13) by fetching deeper;
# of which 5,000 are, 20 and 2.3.
_HITS_PER_KEY = 16
_KEY = "key"
_ANALYZER = "english"


class TextWriter:
    """Writes the text index of a folder; the only one to do so at a time.

    Raises NotReady where another process writes to the folder.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = text_folder.take_lock(folder)
        self._schema = _schema()
        self._state, self._index = _open_for_writing(folder, self._schema)
        self._writer: Any = self._index.writer(_HEAP_BYTES, num_threads=1)

    def applied(self) -> Seq:
        """The change up to which the index is complete; 0 for a new or rebuilt one."""
        return Seq(self._state.seq)

    def upsert(self, key: ListingKey, title: str, category: str, description: str) -> None:
        """Add a listing, or replace it; visible after `commit`."""
        document = tantivy.Document()
        document.add_integer(_KEY, int(key))
        document.add_text("title", with_sizes(title))
        document.add_text("category", category)
        document.add_text("description", with_sizes(description))
        try:
            self._writer.delete_documents_by_term(_KEY, int(key))
            self._writer.add_document(document)
        except BaseException as error:
            if not _is_tantivys(error):
                raise
            raise self._broken(error) from error

    def delete(self, keys: Sequence[ListingKey]) -> None:
        """Remove listings; those that are not there are ignored. Visible after `commit`."""
        for key in keys:
            self._writer.delete_documents_by_term(_KEY, int(key))

    def commit(self, seq: Seq) -> None:
        """Make everything since the last commit durable and visible, as complete up to `seq`."""
        try:
            self._writer.commit()
        except BaseException as error:
            if not _is_tantivys(error):
                raise
            raise self._broken(error) from error
        self._state = replace(self._state, seq=int(seq))
        text_folder.write_state(self._folder, self._state)

    def close(self) -> None:
        """Give the folder back; what was not committed is dropped."""
        self._writer = None
        self._lock.close()

    def _broken(self, error: BaseException) -> Corrupt:
        """tantivy's writer does not survive an error: go back to the last commit."""
        self._writer = None
        self._state, self._index = _open_for_writing(self._folder, self._schema)
        self._writer = self._index.writer(_HEAP_BYTES, num_threads=1)
        return Corrupt(
            f"the text index in {self._folder} could not be written ({error}); changes after "
            f"{self._state.seq} must be applied again: is the disk full?"
        )


class TextReader:
    """Searches the text index of a folder, also while another process writes it. Implements
    ports.TextIndex; a folder without an index has no hits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._schema = _schema()
        self._seen: tuple[int, int] | None = None
        self._opened: tuple[str, Any] | None = None
        self._weighed: dict[tuple[str, str], float] = {}  # of the commit that is open
        self._queries: dict[str, Query] = {}  # of the commit that is open
        self._words = _analyzer(stem=False)
        self._stems = _analyzer(stem=True)
        self._thesaurus = Thesaurus(Synonyms(), self._stems.analyze)
        try:
            self.reload()
        except Corrupt as error:
            # The writer rebuilds it, perhaps in this very process: start without.
            _log.error("no text search until it is mended: %s", error)

    def reload(self) -> None:
        """Follow the newest commit. Costs one stat where there is none; for one thread at a time.

        Raises Corrupt where the index cannot be opened; the state before stays in use.
        """
        seen = text_folder.stamp(self._folder)
        if seen is None or seen == self._seen:
            return
        state = text_folder.read_state(self._folder)
        if state is None:
            return
        try:
            if self._opened is not None and self._opened[0] == state.index:
                self._opened[1].reload()
            else:
                index = _open(self._folder / state.index, self._schema)
                self._opened = (state.index, index)
        except BaseException as error:
            if not _is_tantivys(error):
                raise
            raise Corrupt(
                f"the text index in {self._folder / state.index} cannot be read ({error}); "
                "run `marketrank index`"
            ) from error
        self._weighed, self._queries = {}, {}
        self._seen = seen

    def use_synonyms(self, synonyms: Synonyms) -> None:
        """Look for these as well from now on."""
        self._thesaurus, self._queries = Thesaurus(synonyms, self._stems.analyze), {}

    def occurs(self, word: str) -> bool:
        """Whether a listing has the word, another form of it, or a synonym is known."""
        if self._opened is None:
            return False
        searcher = self._opened[1].searcher()
        return all(
            self._thesaurus.knows(stem) or _document_count(searcher, stem) > 0
            for stem in self._stems.analyze(_storable(word))
        )

    def search(self, text: str, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all), exactly, ties by key; see ports.TextIndex."""
        if self._opened is None or k <= 0:
            return _NO_HITS
        held = self._queries  # before the searcher: what an older one says must not be kept
        searcher = self._opened[1].searcher()
        query = held.get(text) or self._query(searcher, text)
        if query is None:
            return _NOTHING
        if len(held) >= _QUERIES_KEPT:
            held.clear()
        held[text] = query
        share, among = 1.0, 0
        if allowed is not None:
            among = int(np.count_nonzero(allowed))
            if among == 0:
                return _NOTHING
            share = min(among / max(searcher.num_docs, 1), 1.0)
        # One more than needed shows whether a tie goes on beyond the k-th.
        limit = min(math.ceil(k / share * _MARGIN), searcher.num_docs) + 1
        if allowed is not None and among * _HITS_PER_KEY <= limit:
            query, limit = self._among(query, np.flatnonzero(allowed)), k + 1
        while True:
            found = searcher.search(query, limit, count=False).hits
            hits = _best_allowed(searcher, found, k, allowed)
            # Complete when nothing is left, or when what is left scores below the k-th allowed
            # hit; equal scores must be seen, since ties go by key.
            if len(found) < limit:
                return replace(hits, whole=len(hits.keys) < k)
            if len(hits.keys) == k and found[-1][0] < hits.scores[-1]:
                return hits
            limit *= _DEEPEN

    def _query(self, searcher: Any, text: str) -> Query | None:
        """Any of the words in any field. A word that occurs nowhere may be one letter off."""
        text = sized(_storable(text))
        stems = self._stems.analyze(text)[:_MAX_WORDS]
        typed = dict(zip(stems, self._words.analyze(text), strict=False))
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
            if (query := self._word(searcher, stem, "" if others else typed[stem]))
        ]
        if len(own) > 1:
            own = [Query.boolean_query([(Occur.Should, query) for query in own])]
        ways = [*own, *others]
        return Query.disjunction_max_query(ways) if len(ways) > 1 else ways[0] if ways else None

    def _word(self, searcher: Any, stem: str, typed: str) -> Query | None:
        """One word; where no listing has it, those one letter from what was `typed`."""
        fields = [field for field in FIELD_BOOSTS if searcher.doc_freq(field, stem) > 0]
        if fields:
            return _best_field([self._term(field, stem) for field in fields])
        if len(typed) >= _FUZZY_MIN_LETTERS and typed.isalpha():
            forms = {stem, typed}  # stemming can take a slip of the pen farther away
            return _best_field([self._near(field, forms) for field in FIELD_BOOSTS])
        return None

    def _alternative(
        self, searcher: Any, meant: Sequence[str], words: Sequence[str]
    ) -> tuple[Query, float] | None:
        """All these words in one field, and the weight that keeps them below what was meant: a
        rarer synonym would otherwise score higher than the word itself."""
        rarity = sum(_rarity(searcher, stem) for stem in words)
        own = sum(_rarity(searcher, stem) for stem in meant if _document_count(searcher, stem))
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

    def weights(self, text: str) -> dict[str, float]:
        """Each stem's best score in any listing, found with one search a word; see ports."""
        if self._opened is None:
            return {}
        held = self._weighed  # before the searcher: what an older one says must not be kept
        searcher = self._opened[1].searcher()
        text = sized(_storable(text))
        words, stems = self._words.analyze(text), self._stems.analyze(text)
        found = {}
        for stem, word in list(dict(zip(stems, words, strict=True)).items())[:_MAX_WORDS]:
            weight = held.get((stem, word))
            if weight is None:
                query = self._word(searcher, stem, word)
                hits = searcher.search(query, 1, count=False).hits if query is not None else []
                weight = float(hits[0][0]) if hits else _UNKNOWN_SCORE
                if len(held) >= _MOST_WEIGHED:
                    held.clear()
                held[stem, word] = weight
            found[stem] = weight
        return found

    def stems(self, text: str) -> list[str]:
        """See ports.TextIndex."""
        return _stemmed(self._stems, text)

    def _among(self, query: Query, keys: NDArray[np.int64]) -> Query:
        """The query over these keys alone, with unchanged scores. A term for each: of a set of
        terms tantivy does not know how few there are, and reads the words' listings first."""
        terms = [Query.term_query(self._schema, _KEY, key) for key in keys.tolist()]
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


_NO_HITS = Hits(np.empty(0, np.int64), np.empty(0, np.float32))
_NOTHING = replace(_NO_HITS, whole=True)


def _best_field(queries: Sequence[Query]) -> Query:
    return Query.disjunction_max_query(list(queries), _TIE_BREAKER)


def stemmer() -> Callable[[str], list[str]]:
    """What TextReader.stems does, without an index."""
    return partial(_stemmed, _analyzer(stem=True))


def _stemmed(analyzer: tantivy.TextAnalyzer, text: str) -> list[str]:
    stems: list[str] = analyzer.analyze(sized(_storable(text)))
    return stems


def _storable(text: str) -> str:
    return text.encode("utf-8", "ignore").decode()  # lone surrogates are no text to tantivy


def _document_count(searcher: Any, stem: str) -> int:
    """Listings that have it in the field where it is most frequent."""
    return max(int(searcher.doc_freq(field, stem)) for field in FIELD_BOOSTS)


def _rarity(searcher: Any, stem: str) -> float:
    """BM25's inverse document frequency."""
    count = _document_count(searcher, stem)
    return math.log1p((searcher.num_docs - count + 0.5) / (count + 0.5))


def _best_allowed(
    searcher: Any, found: Sequence[tuple[float, Any]], k: int, allowed: Mask | None
) -> Hits:
    if not found:
        return _NO_HITS
    keys = np.array(searcher.fast_field_values(_KEY, [address for _, address in found]), np.int64)
    scores = np.array([score for score, _ in found], np.float32)
    if allowed is not None:
        rows = allowed_rows(keys, allowed)
        keys, scores = keys[rows], scores[rows]
    return best(keys, scores, k)


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for field in FIELD_BOOSTS:
        builder.add_text_field(field, tokenizer_name=_ANALYZER, index_option="freq")
    # Signed, though keys are not negative: tantivy-py 0.27 deletes by signed terms only (by an
    # unsigned one it silently deletes nothing).
    builder.add_integer_field(_KEY, indexed=True, fast=True)
    return builder.build()


def _analyzer(*, stem: bool) -> tantivy.TextAnalyzer:
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(Filter.remove_long(_MAX_WORD_BYTES))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
    )
    return (builder.filter(Filter.stemmer("english")) if stem else builder).build()


def _open(folder: Path, schema: tantivy.Schema) -> Any:
    """Open and read every segment once, so that a torn file is noticed here."""
    index = tantivy.Index(schema, path=str(folder), reuse=True)
    index.register_tokenizer(_ANALYZER, _analyzer(stem=True))
    # By hand: applied.json says when, and tantivy's own way is a thread that watches the folder.
    index.config_reader("manual")
    index.reload()
    return index


def _open_for_writing(folder: Path, schema: tantivy.Schema) -> tuple[State, Any]:
    state = text_folder.usable(folder)
    if state is not None:
        try:
            index = _open(folder / state.index, schema)
        except BaseException as error:
            if not _is_tantivys(error):
                raise
            _log.warning("text index %s is rebuilt: %s", folder / state.index, error)
        else:
            text_folder.remove_others(folder, state)
            return state, index
    fresh = text_folder.start(folder)
    return fresh, _open(folder / fresh.index, schema)


def _is_tantivys(error: BaseException) -> bool:
    """Whether an error came out of tantivy. Its panics, as on a cut file, are BaseExceptions of a
    class that cannot be imported; let through they would end the thread that follows the index."""
    return isinstance(error, ValueError | OSError) or type(error).__name__ == "PanicException"
