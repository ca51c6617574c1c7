"""How fast completions are with 100,000 listings: python benchmarks/suggest.py [--listings N]

Prints JSON: times in milliseconds of `Completer.complete` in process, and of GET /v1/suggest over
HTTP on this machine (server and client share a process), for texts as they are typed: growing
letter by letter, a third with a slip in them. The listings are made up of made-up words whose
frequencies fall off as those of a language do.
"""

import argparse
import http.client
import json
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import uvicorn

from marketrank.api.app import create_app
from marketrank.asking import Suggestion
from marketrank.config import Settings
from marketrank.retrieval.completion import Completer
from marketrank.retrieval.vocabulary import Vocabulary
from marketrank.retrieval.vocabulary_build import build
from marketrank.types import Listing, ListingId

_SYLLABLES = [c + v for c in "bcdfghjklmnprstvw" for v in ("a", "e", "i", "o", "u", "er", "an")]
_WORDS = 30_000
_KINDS = 4_000  # things that several listings offer, each of one to three words


def made_up(n: int, seed: int) -> Iterator[Listing]:
    """Listings of made-up words; seeded."""
    rng = np.random.default_rng(seed)
    words = sorted({"".join(rng.choice(_SYLLABLES, rng.integers(1, 5))) for _ in range(_WORDS)})
    rng.shuffle(words)
    ranks = np.arange(1, len(words) + 1)
    chance = 1 / ranks / (1 / ranks).sum()
    kinds = [
        " ".join(words[w] for w in rng.choice(len(words), rng.integers(1, 4), p=chance))
        for _ in range(_KINDS)
    ]
    weight = 1 / np.arange(1, _KINDS + 1) ** 0.8
    chosen = rng.choice(_KINDS, n, p=weight / weight.sum())
    for number, kind in enumerate(chosen.tolist()):
        more = rng.choice(len(words), 30, p=chance).tolist()
        around = [words[w] for w in more]
        yield Listing(
            ListingId(str(number)),
            " ".join([*around[:2], kinds[kind], *around[2:4]]),
            " ".join(around[4:]),
            ("Root", f"Branch {kind % 13}", f"Leaf {kind % 400}"),
        )


def typed(vocabulary: Vocabulary, n: int, seed: int) -> list[str]:
    """What reaches the server while phrases are typed, popular ones more often."""
    rng = random.Random(seed)
    phrases = vocabulary.phrases
    meant = rng.choices(phrases.texts, weights=phrases.counts.tolist(), k=n)
    out: list[str] = []
    for one in meant:
        text = one
        if rng.random() < 1 / 3 and len(one) > 4:
            at = rng.randrange(1, len(one) - 1)
            text = one[:at] + one[at + 1] + one[at] + one[at + 2 :]
        out += [text[:length] for length in range(1, len(text) + 1)]
    return rng.sample(out, min(n, len(out)))


def timed(ask: Callable[[str], object], texts: list[str]) -> dict[str, float]:
    times = []
    for text in texts:
        start = time.perf_counter()
        ask(text)
        times.append((time.perf_counter() - start) * 1000)
    p50, p95, p99 = np.percentile(times, (50, 95, 99))
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "max": max(times)}


class OnlySuggests:
    """As much of the Service as this needs."""

    def __init__(self, completer: Completer) -> None:
        self._completer = completer

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        return self._completer.complete(text, limit)


def over_http(completer: Completer, texts: list[str]) -> dict[str, float]:
    service: Any = OnlySuggests(completer)
    app = create_app(service, settings=Settings(home=Path(tempfile.mkdtemp()), rate_per_address=0))
    listener = socket.create_server(("127.0.0.1", 0))
    # Accepted sockets inherit it; asyncio sets it only on those that it opens by address itself.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    client = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1])

    def ask(text: str) -> None:
        client.request("GET", f"/v1/suggest?q={quote(text)}")
        response = client.getresponse()
        response.read()
        assert response.status == 200

    ask("warm")
    answer = timed(ask, texts)
    client.close()
    server.should_exit = True
    thread.join(10)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listings", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    listings = list(made_up(given.listings, given.seed))
    start = time.perf_counter()
    vocabulary = build(listings)
    built = time.perf_counter()
    folder = Path(tempfile.mkdtemp()) / "words"
    vocabulary.save(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    saved = time.perf_counter()
    opened = Vocabulary.open(folder)
    read = time.perf_counter()
    completer = Completer(opened)
    ready = time.perf_counter()
    texts = typed(opened, given.queries, given.seed)
    report = {
        "listings": given.listings,
        "words": len(opened.words),
        "pairs": len(opened.pairs),
        "phrases": len(opened.phrases.texts),
        "megabytes": size / 1e6,
        "build_seconds": built - start,
        "open_seconds": read - saved,
        "completer_seconds": ready - read,
        "queries": len(texts),
        "answered": sum(bool(completer.complete(text, 8)) for text in texts) / len(texts),
        "in_process_ms": timed(lambda text: completer.complete(text, 8), texts),
        "http_ms": over_http(completer, texts),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
