"""Models and releases that change while searches run: nothing fails, nothing is mixed, and what is
broken never answers."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread

import numpy as np
import orjson
import pytest
from starlette.testclient import TestClient

from hashed_encoder import HashedEncoder
from marketrank.api.app import create_app
from marketrank.asking import Ranking, Request
from marketrank.config import load
from marketrank.errors import Corrupt
from marketrank.models import artefact
from marketrank.models.registry import Facts, Registry
from marketrank.pipelines.promoted import Promoted
from marketrank.retrieval import release as releases
from marketrank.types import Listing, ListingId, ModelVersion, RequestId, Vectors
from marketrank.wiring import Marketplace
from small_model import AT, ENCODER, FACTS, OTHERS

N = 60
SECONDS = 15.0


class Turned(HashedEncoder):
    """Vectors of which each version has its own: one model's query finds nothing among another's.
    `sick` returns what is not finite; `dumb` gives every text any vector."""

    def __init__(self, name: str, *, seed: int, kind: str = "") -> None:
        super().__init__(name, dim=96)
        self._turn = np.random.default_rng(seed).permutation(self.dim)
        self._kind = kind
        self._draw = np.random.default_rng(seed)

    def _encode(self, texts: list[str]) -> Vectors:  # type: ignore[override]
        found = np.ascontiguousarray(super()._encode(texts)[:, self._turn])
        if self._kind == "sick":
            found[0, 0] = np.nan
        if self._kind == "dumb":
            found = self._draw.standard_normal(found.shape).astype(np.float32)
            found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found


class Small(Marketplace):
    """A marketplace whose encoder files name an encoder of the tests."""

    def open_encoder(self, folder: Path) -> Turned:
        described = artefact.verify(folder)
        seed, _, kind = (folder / "text.onnx").read_text().partition(" ")
        return Turned(described.version, seed=int(seed), kind=kind)


def fill(folder: Path, text: str) -> Facts:
    def write(encoder: Path) -> artefact.Description:
        (encoder / "text.onnx").write_text(text)
        for name in ("tokenizer.json", "image.onnx"):
            (encoder / name).write_text(name)
        return ENCODER

    version = artefact.write(folder, write)
    (folder / version).rename(folder / "encoder")
    (folder / ".lock").unlink()
    for name, data in OTHERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return FACTS


def publish(registry: Registry, text: str, n: int) -> ModelVersion:
    return registry.publish(partial(fill, text=text), at=AT + timedelta(seconds=n))


def listing(n: int) -> Listing:
    return Listing(ListingId(f"l{n}"), f"thing zebra{n} okapi{n} quagga{n}")


@pytest.fixture
def market(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """A home with sixty listings, indexed by the first of two published models."""
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setenv("MARKETRANK_POLL_SECONDS", "0.05")
    monkeypatch.setenv("MARKETRANK_VECTOR_DEPTH", "10")
    market = Small(load(tmp_path / "home"))
    first = publish(market.registry, "1", 1)
    publish(market.registry, "2", 2)
    market.registry.promote(first, at=AT, why="the first")
    market.listings.apply([listing(n) for n in range(N)], at=AT)
    market.index(rebuild=False)
    yield market
    market.database.dispose()


def ask(market: Marketplace, n: int) -> Ranking:
    text = f"zebra{n} okapi{n} quagga{n}"
    return market.answer(Request(RequestId("r"), datetime.now(UTC), text=text, spelling=False))


def version(market: Marketplace, n: int) -> ModelVersion:
    """The version that was published as number n."""
    at = AT + timedelta(seconds=n)
    return next(one.version for one in market.registry.versions() if one.created_at == at)


def encoder_of(market: Marketplace, model: ModelVersion) -> ModelVersion:
    return artefact.read(market.registry.path(model) / "encoder").version


def answering(market: Marketplace) -> ModelVersion:
    view = market.follower.view()
    assert view is not None
    return view.encoder.version


def wait_for(condition: object, what: str) -> None:
    end = time.monotonic() + SECONDS
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.02)


def manifests(market: Marketplace) -> dict[str, str]:
    found = {}
    for path in market.release_folder.glob("[0-9]*/release.json"):
        raw = orjson.loads(path.read_bytes())
        found[raw["id"]] = raw["model_version"]
    return found


def count_refused(market: Marketplace, what: str) -> float:
    lines = market.metrics.render().decode().splitlines()
    (line,) = [one for one in lines if one.startswith(f'marketrank_refused_total{{what="{what}"}}')]
    return float(line.split()[-1])


def test_a_swap_and_a_rollback_under_load(market: Small) -> None:
    first, second = version(market, 1), version(market, 2)
    ended, failures, answers = Event(), [], []
    known = manifests(market)

    def shop(seed: int) -> None:
        draw = np.random.default_rng(seed)
        while not ended.is_set():
            n = int(draw.integers(N))
            try:
                answers.append((n, ask(market, n)))
            except Exception as error:
                failures.append(error)

    with market.running():
        shoppers = [Thread(target=shop, args=(seed,)) for seed in range(3)]
        for one in shoppers:
            one.start()
        for promote, model in (
            (partial(market.registry.promote, second), second),
            (market.registry.rollback, first),
        ):
            promote(at=AT, why="a test")
            wanted = encoder_of(market, model)
            wait_for(lambda wanted=wanted: answering(market) == wanted, f"no swap to {model}")
            known |= manifests(market)
            before = len(answers)
            wait_for(lambda before=before: len(answers) > before + 20, "nobody searches")
        ended.set()
        for one in shoppers:
            one.join()
    assert failures == []
    assert {one.model for _, one in answers} == {encoder_of(market, m) for m in (first, second)}
    for n, ranking in answers:
        assert ranking.model == known[ranking.release]
        best = ranking.items[0]
        # A query of one model finds its listing in an index of another one time in six.
        assert (best.listing.id, set(best.found_by)) == (f"l{n}", {"text", "vector"})
    assert count_refused(market, "release") == 0
    assert market.shadow.compared is not None
    assert market.shadow.compared.overlap > 0.2


def test_json_names_release_and_model(market: Small) -> None:
    market.follower.refresh()
    client = TestClient(create_app(market, settings=market.settings))
    said = client.get("/v1/search?q=zebra7").json()
    assert manifests(market) == {said["release"]: said["model"]}
    like = client.get("/v1/listings/l7/similar").json()
    assert (like["release"], like["model"]) == (said["release"], said["model"])
    page = client.get("/?q=zebra7").headers
    assert (page["X-Release"], page["X-Model"]) == (said["release"], said["model"])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("sick", "not finite"),
        ("dumb", "titles find their listing"),
    ],
)
def test_a_sick_encoder_never_answers_and_indexing_goes_on(
    market: Small, kind: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Enough that a title is not among the nearest by chance.
    market.listings.apply([listing(n) for n in range(N, 900)], at=AT)
    market.index(rebuild=True)
    held = answering_after_refresh(market)
    market.registry.promote(publish(market.registry, f"3 {kind}", 3), at=AT, why="sick")
    indexer = market.indexer()
    for _ in range(3):
        indexer.catch_up(AT, in_background=True)
        wait_for(lambda: indexer._builder is None or indexer._builder[1].done(), "no end")
    assert said in caplog.text
    assert count_refused(market, "encoder") == 1  # and it is not tried again and again
    market.listings.apply([listing(5000)], at=AT)
    indexer.catch_up(AT, in_background=True)
    assert answering_after_refresh(market) == held
    assert "vector" in ask(market, 5000).items[0].found_by
    indexer.close()
    # A better one is followed again.
    market.registry.promote(version(market, 2), at=AT, why="sound")
    market.index(rebuild=False)
    assert answering_after_refresh(market) == encoder_of(market, version(market, 2))


def answering_after_refresh(market: Small) -> ModelVersion:
    market.follower.refresh()
    return answering(market)


def test_what_is_new_is_found_by_meaning_while_all_is_embedded_anew(
    market: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.follower.refresh()
    held = answering(market)
    market.registry.promote(version(market, 2), at=AT, why="the second")
    found = []
    encode = Turned.encode_listings

    def slowly(self: Turned, texts: list[str], photos: list[list[bytes]]) -> Vectors:
        if self.version != held and not found:
            market.listings.apply([listing(700)], at=AT)
            found.append(None)
        return encode(self, texts, photos)

    monkeypatch.setattr(Turned, "encode_listings", slowly)
    monkeypatch.setattr(releases, "publish", lambda *_, **__: None)  # the new one is not there yet
    market.index(rebuild=False)
    market.follower.refresh()
    ranking = ask(market, 700)
    assert (ranking.model, ranking.items[0].listing.id) == (held, "l700")
    assert "vector" in ranking.items[0].found_by


@pytest.mark.parametrize("harm", ["cut", "sha", "nan", "mixed"])
def test_a_broken_release_is_refused_by_those_who_serve(market: Small, harm: str) -> None:
    market.follower.refresh()
    held = market.follower.view()
    assert held is not None
    market.registry.promote(version(market, 2), at=AT, why="the second")
    market.index(rebuild=False)
    new = releases.current(market.release_folder)
    assert new is not None
    folder = market.release_folder / new
    vectors = folder / "index" / "vectors.npy"
    if harm == "cut":
        vectors.write_bytes(vectors.read_bytes()[:-9])
    if harm == "sha":
        data = vectors.read_bytes()
        vectors.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    if harm == "nan":
        _resign(folder, vectors, np.full((N, 96), np.nan, np.float32))
    if harm == "mixed":  # the index of the other model, with sums that are right
        _resign(
            folder, vectors, np.load(market.release_folder / held.release / "index/vectors.npy")
        )
    market.follower.refresh()
    market.follower.refresh()
    assert market.follower.refused == new
    assert ask(market, 7).release == held.release
    assert count_refused(market, "release") == 1
    # A process that starts now answers from the one before, too.
    fresh = Small(market.settings)
    fresh.follower.refresh()
    assert ask(fresh, 7).release == held.release
    assert fresh.follower.refused == new
    fresh.database.dispose()


def _resign(folder: Path, path: Path, vectors: np.ndarray) -> None:
    """Change vectors as a wrong builder would: all sums are right."""
    path.unlink()
    np.save(path, vectors)
    for manifest, name in (
        (folder / "index" / "vectors.json", "vectors.npy"),
        (folder / "release.json", "index/vectors.npy"),
    ):
        raw = orjson.loads(manifest.read_bytes())
        raw["files"][name] = artefact.sha256(path)
        if manifest.name == "release.json":
            raw["files"]["index/vectors.json"] = artefact.sha256(folder / "index/vectors.json")
        manifest.write_bytes(orjson.dumps(raw))


def test_a_release_that_answers_otherwise_is_refused(market: Small) -> None:
    market.follower.refresh()
    held = answering(market)
    for n in range(12):
        ask(market, n)
    market.shadow._limits = replace(market.shadow._limits, overlap=1.0)
    market.listings.end([ListingId("l3")], at=AT)
    market.registry.promote(version(market, 2), at=AT, why="the second")
    market.index(rebuild=False)
    market.follower.refresh()
    assert answering(market) == held
    assert market.shadow.compared is not None
    assert market.shadow.compared.n == 12


def test_a_model_harmed_after_its_promotion_is_refused(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    one, other = publish(registry, "1", 1), publish(registry, "2", 2)
    refused: list[str] = []
    promoted = Promoted(registry, lambda path: path, lambda: refused.append("model"))  # type: ignore
    registry.promote(one, at=AT, why="")
    assert promoted.current()[0] == one
    registry.promote(other, at=AT, why="")
    (registry.path(other) / "metrics.json").write_bytes(b"{}")
    assert promoted.current()[0] == promoted.current()[0] == one
    assert refused == ["model"]
    with pytest.raises(Corrupt, match="metrics"):
        Promoted(registry, lambda path: path).current()  # type: ignore[arg-type,return-value]
