"""Searching the text index."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tantivy import Query

from marketrank.asking import Hits
from marketrank.errors import Corrupt
from marketrank.retrieval import text_folder
from marketrank.retrieval.exact_index import allowed_rows, best
from marketrank.retrieval.synonyms import Synonyms
from marketrank.retrieval.text_index.query import MAX_WORDS, Queries
from marketrank.retrieval.text_index.schema import (
    KEY,
    analyzer,
    is_tantivys,
    open_index,
    stemmed,
)
from marketrank.types import Mask

_log = logging.getLogger(__name__)
# What a word that no listing has, nor any word near it, could have added: a rare word of the title.
_UNKNOWN_SCORE = 16.0
_QUERIES_KEPT = 16  # of what is being asked: a request looks for its words twice
_MOST_WEIGHED = 50_000  # words whose weights are kept: 13 MB
_DEEPEN = 4
_MARGIN = 1.25  # fetched beyond the expected depth, so that one search mostly does
# To look up one allowed key costs as much as to fetch so many hits that may not be allowed: at
# 100,000 listings, of which 1,000 are allowed, 3.7 ms (p99 5) so and 2.3 (13) by fetching deeper;
# of which 5,000 are, 20 and 2.3.
_HITS_PER_KEY = 16
_NO_HITS = Hits(np.empty(0, np.int64), np.empty(0, np.float32))
_NOTHING = replace(_NO_HITS, whole=True)


class TextReader:
    """Searches the text index of a folder, also while another process writes it. Implements
    ports.TextIndex; a folder without an index has no hits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] | None = None
        self._opened: tuple[str, Any] | None = None
        self._weighed: dict[tuple[str, str], float] = {}  # of the commit that is open
        self._queries: dict[str, Query] = {}  # of the commit that is open
        self._stems = analyzer(stem=True)
        self._asking = Queries(Synonyms())
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
                index = open_index(self._folder / state.index)
                self._opened = (state.index, index)
        except BaseException as error:
            if not is_tantivys(error):
                raise
            raise Corrupt(
                f"the text index in {self._folder / state.index} cannot be read ({error}); "
                "run `marketrank index`"
            ) from error
        self._weighed, self._queries = {}, {}
        self._seen = seen

    def use_synonyms(self, synonyms: Synonyms) -> None:
        """Look for these as well from now on."""
        self._asking, self._queries = Queries(synonyms), {}

    def occurs(self, word: str) -> bool:
        """Whether a listing has the word, another form of it, or a synonym is known."""
        if self._opened is None:
            return False
        return self._asking.occurs(self._opened[1].searcher(), word)

    def search(self, text: str, k: int, allowed: Mask | None = None) -> Hits:
        """The k best among `allowed` (None: all), exactly, ties by key; see ports.TextIndex."""
        if self._opened is None or k <= 0:
            return _NO_HITS
        held = self._queries  # before the searcher: what an older one says must not be kept
        searcher = self._opened[1].searcher()
        query = held.get(text) or self._asking.query(searcher, text)
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
            query, limit = self._asking.among(query, np.flatnonzero(allowed)), k + 1
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

    def weights(self, text: str) -> dict[str, float]:
        """Each stem's best score in any listing, found with one search a word; see ports."""
        if self._opened is None:
            return {}
        held = self._weighed  # before the searcher: what an older one says must not be kept
        searcher = self._opened[1].searcher()
        found = {}
        for stem, word in list(dict(self._asking.words(text)).items())[:MAX_WORDS]:
            weight = held.get((stem, word))
            if weight is None:
                query = self._asking.word(searcher, stem, word)
                hits = searcher.search(query, 1, count=False).hits if query is not None else []
                weight = float(hits[0][0]) if hits else _UNKNOWN_SCORE
                if len(held) >= _MOST_WEIGHED:
                    held.clear()
                held[stem, word] = weight
            found[stem] = weight
        return found

    def stems(self, text: str) -> list[str]:
        """See ports.TextIndex."""
        return stemmed(self._stems, text)


def _best_allowed(
    searcher: Any, found: Sequence[tuple[float, Any]], k: int, allowed: Mask | None
) -> Hits:
    if not found:
        return _NO_HITS
    keys = np.array(searcher.fast_field_values(KEY, [address for _, address in found]), np.int64)
    scores = np.array([score for score, _ in found], np.float32)
    if allowed is not None:
        rows = allowed_rows(keys, allowed)
        keys, scores = keys[rows], scores[rows]
    return best(keys, scores, k)
