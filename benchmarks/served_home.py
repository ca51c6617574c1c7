"""A home of made-up listings for `marketrank serve`, and what the plain handler needs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from benchmarks.corpus import Corpus, unit
from benchmarks.engine_side import fill, teach
from marketrank.access import ApiKey, HeldKey, Scope, new_token
from marketrank.config import Settings
from marketrank.storage import embedded
from marketrank.types import Vectors
from marketrank.wiring import Marketplace, now

Report = Callable[[str], None]
_READY = "benchmark-ready"


def make_home(home: Path, corpus: Corpus, report: Report) -> None:
    """Fill a home with the corpus, the plain encoder and a learned ranker, unless an earlier run
    has. Its embedded server is stopped at the end."""
    if (home / _READY).exists():
        return
    assert corpus.encoder is not None
    shutil.rmtree(home, ignore_errors=True)
    (home / "models").mkdir(parents=True)
    home.chmod(0o755)  # the embedded server runs as another user
    shutil.copytree(corpus.encoder, home / "models" / corpus.encoder.name)
    market = Marketplace(Settings(home=home, database_url="", photos_url=""))
    try:
        encoder = market.open_encoder(market.encoder_folder())
        widened = _without_photos(corpus, encoder.encode_listings(["-"], [[]]))
        report(f"store {len(corpus.listings):,} listings, vectors of width {encoder.dim}")
        fill(widened, market.listings, market.vectors, encoder.version, report)
        report("index")
        market.index(rebuild=False)
        market.follower.refresh()
        report("fit a ranker")
        teach(market, corpus)
        (home / _READY).touch()
    finally:
        market.database.dispose()
        embedded.leave(home)
        embedded.stop(home)


def make_key(home: Path) -> str:
    """A token of scope write."""
    market = Marketplace(Settings(home=home, database_url="", photos_url=""))
    id, token, digest = new_token()
    market.key_store.put(HeldKey(ApiKey(id, "load", frozenset({Scope.WRITE}), now()), digest))
    market.database.dispose()
    return token


def write_plain(folder: Path, corpus: Corpus) -> None:
    """What `plain_handler` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    listings = [
        {
            "id": one.id,
            "title": one.title,
            "description": one.description[:200],
            "category": one.category,
            "price": None if one.price is None else one.price.minor / 100,
            "place": None if one.place is None else one.place.town,
        }
        for one in corpus.listings
    ]
    (folder / "listings.json").write_bytes(orjson.dumps(listings))
    np.save(folder / "vectors.npy", corpus.vectors)


def _without_photos(corpus: Corpus, example: Vectors) -> Corpus:
    """The corpus with the encoder's vectors: that of a text, beside that of an absent photo, which
    `example` (1, dim) of any text has."""
    width = corpus.vectors.shape[1]
    absent = example[:, width:]
    share = np.sqrt(1 - (absent**2).sum())
    rows = np.repeat(absent, len(corpus.vectors), axis=0)
    vectors = unit(np.hstack([share * corpus.vectors, rows]))
    return Corpus(corpus.listings, vectors, corpus.queries, corpus.query_vectors, corpus.encoder)
