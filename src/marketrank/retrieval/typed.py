"""Queries as people type them, made of titles: what an index is fitted to before anybody asks.

Typed queries are short, and farther from what they find than listings are from each other. Lists
that were tried on points between listings alone held 98.9 % of the ten nearest of such queries,
and those tried on them 99.8 (docs/adr/0220).
"""

import random
from collections.abc import Sequence

import numpy as np

from marketrank.ports import Encoder
from marketrank.types import Vectors

SAMPLE = 192
"""Of so many listings' titles queries are made to fit an index to: half as many gave half to twice
the lists of another half (docs/adr/0220)."""
_MOST_WORDS = 4


def typed(titles: Sequence[str], *, seed: int) -> list[str]:
    """A few words of each title, in any order; of one without words nothing."""
    rng = random.Random(seed)
    found = []
    for title in titles:
        words = title.split()
        if words:
            found.append(" ".join(rng.sample(words, min(len(words), rng.randint(1, _MOST_WORDS)))))
    return found


def typed_vectors(encoder: Encoder, titles: Sequence[str], *, seed: int) -> Vectors:
    """The vectors of such queries, shape (n, dim)."""
    vectors = [encoder.encode_query(text, None) for text in typed(titles, seed=seed)]
    return np.concatenate([np.empty((0, encoder.dim), np.float32), *vectors])
