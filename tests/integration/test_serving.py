"""Real server processes over a real database: how soon a change shows, and what a kill leaves."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from marketrank.asking import Request
from marketrank.config import load
from marketrank.errors import NotReady
from marketrank.retrieval import release as releases
from marketrank.storage import embedded
from marketrank.types import Listing, ListingId, Money, RequestId
from marketrank.wiring import Marketplace

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("oak", "table", "lamp", "sofa", "bicycle", "guitar", "kettle", "mirror", "tent", "radio")


def made_up(n: int, rng: np.random.Generator) -> Listing:
    words = rng.choice(WORDS, 3)
    price = Money(int(rng.integers(1, 100)) * 100, "GBP")
    return Listing(ListingId(f"l{n}"), f"{' '.join(words)} zebra{n}", price=price)


def with_twenty_listings(home: Path, encoder: Path) -> Path:
    (home / "models").mkdir()
    (home / "models" / encoder.name).symlink_to(encoder)
    market = Marketplace(load(home))
    rng = np.random.default_rng(1)
    market.listings.apply([made_up(n, rng) for n in range(20)], at=NOW)
    market.index(rebuild=False)
    market.database.dispose()
    return home


@pytest.fixture
def home(
    tmp_path: Path, database_url: str, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A home with twenty listings indexed, on a database of its own."""
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    return with_twenty_listings(tmp_path, encoder_folder)


@pytest.fixture
def embedded_home(encoder_folder: Path) -> Iterator[Path]:
    """The same with an embedded server of its own (not in pytest's folder, which is closed to
    the user that the server runs as)."""
    home = Path(tempfile.mkdtemp(prefix="marketrank-test-"))
    yield with_twenty_listings(home, encoder_folder)
    embedded.leave(home)
    embedded.stop(home)
    shutil.rmtree(home)


class Server:
    """A `marketrank serve` process of the test's own."""

    def __init__(self, home: Path, *options: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "marketrank", "serve", "--home", str(home)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *options], env=os.environ, start_new_session=True
        )

    def get(self, path: str) -> dict[str, object]:
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def ready(self) -> bool:
        assert self.process.poll() is None, "the server ended"
        try:
            return bool(self.get("/readyz"))
        except (urllib.error.URLError, ConnectionError):
            return False

    def ids(self, query: str) -> set[str]:
        found = self.get(f"/v1/search?limit=100&q={urllib.parse.quote(query)}")
        return {item["id"] for item in found["items"]}  # type: ignore[attr-defined]

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(20)


@pytest.fixture
def start_in() -> Iterator[Callable[[Path], Server]]:
    servers: list[Server] = []

    def run(home: Path) -> Server:
        servers.append(Server(home))
        wait_for(servers[-1].ready, seconds=60)
        return servers[-1]

    yield run
    for server in servers:
        server.stop(signal.SIGKILL)


@pytest.fixture
def start(home: Path, start_in: Callable[[Path], Server]) -> Callable[[], Server]:
    return partial(start_in, home)


def wait_for(condition: Callable[[], bool], *, seconds: float) -> float:
    """Seconds until the condition holds; fails after `seconds`."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - start


def test_every_process_sees_a_new_changed_and_ended_listing(
    home: Path, start: Callable[[], Server]
) -> None:
    servers = [start(), start()]
    market = Marketplace(load(home))
    delays = []
    for n in range(100, 105):
        new = Listing(ListingId(f"n{n}"), f"quagga{n}")
        market.listings.apply([new], at=NOW)
        delays.append(wait_for(partial(_shown, servers, new), seconds=5))
        changed = Listing(new.id, f"okapi{n}")
        market.listings.apply([changed], at=NOW)
        delays.append(wait_for(partial(_shown, servers, changed), seconds=5))
        market.listings.end([new.id], at=NOW)
        delays.append(wait_for(partial(_gone, servers, changed), seconds=5))
    # The promise is one second; the median here, as a busy machine may miss one poll.
    assert float(np.median(delays)) < 1.0, delays


def _shown(servers: Sequence[Server], listing: Listing) -> bool:
    return all(listing.id in server.ids(listing.title) for server in servers)


def _gone(servers: Sequence[Server], listing: Listing) -> bool:
    return all(listing.id not in server.ids(listing.title) for server in servers)


def test_after_a_kill_another_process_indexes(home: Path, start: Callable[[], Server]) -> None:
    first, second = start(), start()
    first.stop(signal.SIGKILL)
    market = Marketplace(load(home))
    market.listings.apply([Listing(ListingId("late"), "quagga")], at=NOW)
    wait_for(lambda: second.ids("quagga") >= {"late"}, seconds=10)


def test_a_server_that_embeds_ends_when_it_is_told_to(
    home: Path, start: Callable[[], Server]
) -> None:
    """And not by an abort: a tower that runs while its process ends takes it down."""
    server = start()
    market = Marketplace(load(home))
    many = 1_500  # half a minute of embedding and more
    market.listings.apply(
        [Listing(ListingId(f"m{n}"), f"zebra{n}", "oak lamp sofa " * 80) for n in range(many)],
        at=NOW,
    )

    def embedded() -> int:
        with market.database.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM vectors")).scalar_one())

    before = embedded()
    wait_for(lambda: embedded() > before, seconds=60)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0
    assert embedded() < many


def test_the_index_command_waits_for_the_server_that_indexes(
    home: Path, start: Callable[[], Server]
) -> None:
    start()
    market = Marketplace(load(home))
    rng = np.random.default_rng(2)
    market.listings.apply([made_up(n, rng) for n in range(500, 600)], at=NOW)
    indexed = market.index(rebuild=False)
    assert indexed.release is not None
    market.follower.refresh()
    view = market.follower.view()
    assert view is not None
    assert len(view.text.search("zebra599", 5).keys) == 1
    with pytest.raises(NotReady, match="stop it"):
        market.index(rebuild=True)


def test_a_server_outlives_its_embedded_database(
    embedded_home: Path, start_in: Callable[[Path], Server]
) -> None:
    server = start_in(embedded_home)
    assert server.ids("zebra1") >= {"l1"}
    os.kill(embedded.status(embedded_home).pid or 0, signal.SIGKILL)
    wait_for(lambda: _answers(server, "zebra1"), seconds=30)
    market = Marketplace(load(embedded_home))
    market.listings.apply([Listing(ListingId("late"), "quagga")], at=NOW)
    wait_for(lambda: server.ids("quagga") >= {"late"}, seconds=10)
    market.database.dispose()


def _answers(server: Server, query: str) -> bool:
    try:
        return bool(server.ids(query))
    except urllib.error.HTTPError:
        return False


_WRITER = """
import sys
import time
from pathlib import Path
import numpy as np
sys.path.insert(0, {tests!r})
from test_serving import NOW, made_up
from marketrank.config import load
from marketrank.wiring import Marketplace
market = Marketplace(load(Path({home!r})))
rng = np.random.default_rng({seed})
for n in range({first}, {first} + 10_000, 5):
    market.listings.apply([made_up(i, rng) for i in range(n, n + 5)], at=NOW)
    print(*range(n, n + 5), flush=True)
    time.sleep(0.02)
"""
_INDEXER = """
import sys
from pathlib import Path
from marketrank.config import load
from marketrank.wiring import Marketplace
market = Marketplace(load(Path({home!r})))
print("up", flush=True)
n = 0
while True:
    n += 1
    market.index(rebuild=n % 2 == 0)
"""


def test_kills_at_random_moments_lose_nothing_and_leave_no_half_index(home: Path) -> None:
    rng = np.random.default_rng(3)
    acknowledged: list[int] = []
    for life in range(6):
        writer = _python(
            _WRITER.format(
                tests=str(Path(__file__).parent),
                home=str(home),
                seed=life,
                first=1000 + life * 10_000,
            )
        )
        indexer = _python(_INDEXER.format(home=str(home)))
        lines = [writer.stdout.readline()]  # type: ignore[union-attr]
        indexer.stdout.readline()  # type: ignore[union-attr]
        time.sleep(float(rng.uniform(0.3, 2.0)))
        indexer.send_signal(signal.SIGKILL)
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()  # type: ignore[union-attr]
        writer.wait(), indexer.wait()
        acknowledged += [int(n) for line in lines if line.endswith("\n") for n in line.split()]
        # What is current is whole, byte for byte.
        current = releases.current(home / "releases")
        assert current is not None
        releases.read_manifest(home / "releases", current)
    market = Marketplace(load(home))
    held = market.listings.live_ids()
    assert len(acknowledged) > 50
    assert {f"l{n}" for n in acknowledged} <= held
    market.index(rebuild=False)
    market.follower.refresh()
    view = market.follower.view()
    assert view is not None
    assert view.catalogue.live_count == len(held)
    keys = {stored.key for stored in market.listings.get(sorted(held)).values()}
    for n in rng.choice(acknowledged, 20):
        key = view.catalogue.key_of(ListingId(f"l{n}"))
        assert key is not None
        words = view.text.search(f"zebra{n}", 5)
        assert words.keys[0] == key
        assert (words.keys == key).sum() == 1
        stored = market.listings.get_by_key([key])[key]
        own = view.encoder.encode_listings([stored.listing.text], [[]])
        hits = view.vectors.search(own, 1)
        assert hits.scores[0] == pytest.approx(1, abs=1e-3)
    everything = view.vectors.search(own, len(keys) * 2)
    assert sorted(everything.keys.tolist()) == sorted(keys)


def _python(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ
    )


def test_the_release_brings_its_words(home: Path, tmp_path: Path) -> None:
    """Spelling, compounds and the operator's synonyms act through a whole marketplace."""
    file = tmp_path / "mine.txt"
    file.write_text("dresser, welsh cupboard\n", encoding="utf-8")
    words = [("Welsh cupboard", 4), ("Walnut dressing screen", 6), ("Book case", 3)]
    words += [("Walnut bookcase", 3)]
    listings = [
        Listing(ListingId(f"{title} {n}"), title, f"Number {n} of {count}.")
        for title, count in words
        for n in range(count)
    ]
    (home / "marketrank.toml").write_text(f'synonyms_file = "{file}"\n', encoding="utf-8")
    marketplace = Marketplace(load(home, {}))
    marketplace.listings.apply(listings, at=datetime.now(UTC))
    marketplace.index(rebuild=True)
    marketplace.follower.refresh()

    def found(text: str, *, spelling: bool = True) -> tuple[set[str], str | None]:
        ranking = marketplace.answer(
            Request(RequestId("r"), datetime.now(UTC), text=text, spelling=spelling, k=50)
        )
        by_words = {one.listing.title for one in ranking.items if "text" in one.found_by}
        return by_words, ranking.corrected.text if ranking.corrected else None

    assert found("walnutt screen") == (
        {"Walnut dressing screen", "Walnut bookcase"},
        "walnut screen",
    )
    assert found("waalnutt", spelling=False) == (set(), None)
    assert found("book case")[0] == {"Book case", "Walnut bookcase"}
    assert found("dresser") == ({"Welsh cupboard"}, None)
    assert [one.text for one in marketplace.suggest("welsh c", 5)] == ["welsh cupboard"]
    name = releases.current(marketplace.release_folder)
    assert name is not None
    manifest = releases.read_manifest(marketplace.release_folder, name)
    assert {"words/texts.json", "words/numbers.npz"} <= set(manifest.files)
    marketplace.database.dispose()
