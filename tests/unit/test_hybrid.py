"""Two retrievers over dictionaries of scores."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.asking import Hits
from marketrank.errors import BadSettings
from marketrank.retrieval.hybrid import Asked, Indexes, fuse, retrieve, text_ceiling
from marketrank.types import Mask, ModelVersion, Vectors

VECTOR = np.eye(2, dtype=np.float32)[:1]


class Scores:
    """Gives each key the same score whatever is asked."""

    def __init__(self, scores: Mapping[int, float], weights: Mapping[str, float] | None = None):
        self.scores = dict(sorted(scores.items(), key=lambda pair: (-pair[1], pair[0])))
        self._weights = dict(weights or {})

    def search(self, query: object, k: int, allowed: Mask | None = None) -> Hits:
        found = [
            key
            for key in self.scores
            if allowed is None or (key < len(allowed) and bool(allowed[key]))
        ][:k]
        return Hits(np.array(found, np.int64), np.array([self.scores[x] for x in found], "f4"))

    def vectors_of(self, keys: NDArray[np.int64]) -> Vectors:
        """Whose product with VECTOR is the score."""
        return np.array([[self.scores.get(key, 0), 1] for key in keys.tolist()], np.float32)

    def scores_of(self, query: NDArray[np.float32], keys: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.vectors_of(keys) @ query[0]

    def weights(self, text: str) -> dict[str, float]:
        return self._weights

    def stems(self, text: str) -> list[str]:
        return text.split()


def indexes() -> Indexes:
    text = Scores({1: 8.0, 2: 6.0, 3: 4.0}, {"oak": 5.0, "table": 5.0})
    return Indexes(text, Scores({1: 0.1, 2: 0.2, 3: 0.4, 4: 0.8, 5: 0.7}))


def hits(asked: Asked, allowed: Mask | None = None) -> dict[str, Hits]:
    return retrieve(indexes(), asked, allowed, text_depth=2, vector_depth=2)


def test_each_is_asked_for_what_is_given_to_its_depth() -> None:
    assert {n: h.keys.tolist() for n, h in hits(Asked("oak", VECTOR)).items()} == {
        "text": [1, 2],
        "vector": [4, 5],
    }
    assert hits(Asked("", VECTOR)).keys() == {"vector"}
    assert hits(Asked("oak", None)).keys() == {"text"}
    assert hits(Asked(" ", None)) == {}


def test_a_mask_holds_for_both() -> None:
    allowed = np.array([0, 0, 1, 1, 0, 0], np.bool_)
    found = hits(Asked("oak", VECTOR), allowed)
    assert {n: h.keys.tolist() for n, h in found.items()} == {"text": [2, 3], "vector": [3, 2]}


def test_scores_that_a_retriever_did_not_hand_out_are_looked_up() -> None:
    asked = Asked("oak table", VECTOR, ceiling=0.8)
    fused = fuse("confidence", indexes(), asked, hits(asked), fusion_k=60)
    assert sorted(fused.keys.tolist()) == [1, 2, 4, 5]
    by_key = dict(zip(fused.keys.tolist(), fused.parts["vector"].tolist(), strict=True))
    assert by_key == pytest.approx({1: 0.1 / 0.8, 2: 0.2 / 0.8, 4: 1.0, 5: 0.7 / 0.8})
    of_words = dict(zip(fused.keys.tolist(), fused.parts["text"].tolist(), strict=True))
    assert of_words == pytest.approx({1: 0.8, 2: 0.6, 4: 0.0, 5: 0.0})
    # It was not found by what only looked it up.
    assert dict(zip(fused.keys.tolist(), fused.ranks["vector"].tolist(), strict=True)) == {
        1: -1,
        2: -1,
        4: 0,
        5: 1,
    }


def test_what_has_found_all_that_it_can_is_not_asked_again() -> None:
    asked = Asked("oak table", VECTOR, ceiling=0.8)
    found = hits(asked)
    whole = {**found, "text": replace(found["text"], whole=True)}
    elsewhere = Indexes(Scores({4: 9.0}, {"oak": 5.0, "table": 5.0}), indexes().vectors)
    fused = fuse("confidence", elsewhere, asked, whole, fusion_k=60)
    of_words = dict(zip(fused.keys.tolist(), fused.parts["text"].tolist(), strict=True))
    assert of_words == pytest.approx({1: 0.8, 2: 0.6, 4: 0.0, 5: 0.0})


def test_the_method_is_the_one_that_is_named() -> None:
    asked = Asked("oak table", VECTOR)
    ranks = fuse("reciprocal_rank", indexes(), asked, hits(asked), fusion_k=1)
    assert ranks.scores.tolist() == pytest.approx([1 / 2, 1 / 2, 1 / 3, 1 / 3])
    assert ranks.keys.tolist() == [1, 4, 2, 5]
    with pytest.raises(BadSettings, match="known are confidence, reciprocal_rank"):
        fuse("guess", indexes(), asked, hits(asked), fusion_k=1)


def test_nothing_found_is_no_candidates() -> None:
    asked = Asked("oak", None)
    empty = Indexes(Scores({}), Scores({}))
    found = retrieve(empty, asked, None, text_depth=5, vector_depth=5)
    assert fuse("confidence", empty, asked, found, fusion_k=60).keys.shape == (0,)


def test_near_gives_scores_in_the_order_of_the_keys() -> None:
    found = indexes().near(VECTOR, np.array([5, 9, 1]))
    assert found.tolist() == pytest.approx([0.7, 0.0, 0.1])


class HalfTexts:
    """Listings keep half of their vector for photos."""

    version = ModelVersion("half")
    dim = 2

    def encode_listings(self, texts: object, photos: object) -> Vectors:
        return np.full((1, 2), np.sqrt(0.5), np.float32)

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        return VECTOR


def test_the_ceiling_is_the_score_of_a_listing_that_says_the_query() -> None:
    assert text_ceiling(HalfTexts()) == pytest.approx(np.sqrt(0.5))  # type: ignore[arg-type]
