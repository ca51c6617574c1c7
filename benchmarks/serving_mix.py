"""A mixed load: searches, what buyers do, and sellers who write."""

from collections.abc import Callable
from uuid import UUID

import numpy as np

from benchmarks import load
from benchmarks.corpus import Corpus
from marketrank.people import InteractionKind

SHARES = {"search": 0.90, "events": 0.08, "write": 0.02}
_BUYERS = 500
_KINDS = (InteractionKind.VIEW, InteractionKind.CLICK, InteractionKind.SAVE)


def mixture(
    corpus: Corpus, n: int, *, token: str, k: int, seed: int
) -> tuple[list[str], list[bytes]]:
    """The kinds and bytes of n requests. Half of the writes make a listing, half change one."""
    rng = np.random.default_rng(seed)
    kinds: list[str] = rng.choice(list(SHARES), n, p=list(SHARES.values())).tolist()
    made: dict[str, Callable[[], bytes]] = {
        "search": lambda: load.get("/v1/search", q=str(rng.choice(corpus.queries)), limit=str(k)),
        "events": lambda: load.send("POST", "/v1/events", _events(corpus, rng), token),
        "write": lambda: _write(corpus, rng, token),
    }
    return kinds, [made[kind]() for kind in kinds]


def agreements(*, token: str) -> list[bytes]:
    """Half of the buyers agree that what they do is remembered."""
    agreed = {"history": True}
    return [
        load.send("PUT", f"/v1/buyers/b-{number}/consents", agreed, token)
        for number in range(0, _BUYERS, 2)
    ]


def _events(corpus: Corpus, rng: np.random.Generator) -> dict[str, list[dict[str, str]]]:
    return {
        "events": [
            {
                "id": str(UUID(bytes=rng.bytes(16))),
                "buyer": f"b-{rng.integers(_BUYERS)}",
                "listing": corpus.listings[rng.integers(len(corpus.listings))].id,
                "kind": str(rng.choice(list(_KINDS))),
            }
            for _ in range(rng.integers(1, 4))
        ]
    }


def _write(corpus: Corpus, rng: np.random.Generator, token: str) -> bytes:
    one = corpus.listings[rng.integers(len(corpus.listings))]
    price = float(rng.integers(1, 1_000))
    if rng.random() < 0.5:
        return load.send("PATCH", f"/v1/listings/{one.id}", {"price": price}, token)
    offer = {"title": one.title, "description": one.description, "price": price}
    return load.send("POST", "/v1/listings", offer, token)
