"""How pages are filled, and what is remembered of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from marketrank.asking import Candidates
from marketrank.filling import Filler
from marketrank.ranking.rerank import Reranked
from marketrank.types import ListingKey, Stored
from small_engine import ASK, Store, engine_over


class Watched(Store):
    """Says for each call what was asked for, and what of it the one who asked knew."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[list[int], set[int]]] = []

    def get_by_key(
        self, keys: Sequence[ListingKey], known: Mapping[ListingKey, Stored] | None = None
    ) -> dict[ListingKey, Stored]:
        known = known or {}
        self.asked.append((list(keys), set(known)))
        found = super().get_by_key(keys)
        same = {key for key, one in known.items() if found[key] == one}
        return {key: known[key] if key in same else one for key, one in found.items()}


def page(filler: Filler, *keys: int) -> list[str]:
    view = engine_over(Store())._view()
    assert view is not None
    scores = np.linspace(1, 0.5, len(keys), dtype=np.float32)
    candidates = Candidates(np.array(keys, np.int64), scores, {})
    items = filler.items(view, ASK, Reranked(candidates, {}))
    return [item.listing.id for item in items]


def test_the_store_is_told_what_is_known() -> None:
    store = Watched()
    filler = Filler(store)  # type: ignore[arg-type]
    assert page(filler, 0, 2) == ["id0", "id2"]
    assert page(filler, 2, 3, 0) == ["id2", "id3", "id0"]
    assert store.asked == [([0, 2], set()), ([2, 3, 0], {0, 2})]


def test_what_has_ended_since_is_passed_over_at_once() -> None:
    store = Watched()
    filler = Filler(store)  # type: ignore[arg-type]
    assert page(filler, 0, 2) == ["id0", "id2"]
    store.ended.add(0)
    assert page(filler, 0, 2) == ["id2"]
    store.ended.clear()
    assert page(filler, 0, 2) == ["id0", "id2"]


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    store = Watched()
    filler = Filler(store, kept=2)  # type: ignore[arg-type]
    for key in (0, 1, 2):
        page(filler, key)
    page(filler, 0, 1, 2)
    assert store.asked[-1] == ([0, 1, 2], {1, 2})
