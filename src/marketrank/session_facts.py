"""What the engine knows of candidates beside their words: `ranking.session_features.Facts`."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.asking import Request, Understood
from marketrank.people import Surface
from marketrank.ranking.seen import Seen, SeenTable, Stems, see
from marketrank.ranking.session_features import Facts
from marketrank.ranking.similar import shared_part
from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import ages_days
from marketrank.types import Stored

Keys = NDArray[np.int64]
MoreFacts = Callable[[View, Request, Keys], Mapping[str, Any]]
"""What another part knows of candidates, as fields of Facts; {} where it knows nothing."""


def surface_of(request: Request) -> Surface:
    """Where the answer to a request is shown."""
    if request.photo is not None:
        return Surface.PHOTO
    if request.like is not None:
        return Surface.SIMILAR
    return Surface.SEARCH if request.text.strip() else Surface.FEED


def asked_digest(request: Request) -> str:
    """The same for requests that ask for the same thing, on whatever page; says nothing by itself.
    A feed is each buyer's own."""
    asked: dict[str, Any] = {
        "surface": surface_of(request),
        "text": " ".join(request.text.lower().split()),
        "photo": hashlib.sha256(request.photo).hexdigest() if request.photo else "",
        "like": request.like,
        "filters": asdict(request.filters),
        "sort": request.sort,
        "buyer": request.buyer if surface_of(request) is Surface.FEED else None,
    }
    written = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(written, digest_size=8).hexdigest()


def facts_of(
    view: View,
    request: Request,
    understood: Understood,
    keys: Keys,
    *,
    seen: SeenTable,
    more: Sequence[MoreFacts] = (),
) -> Facts:
    """Of candidates by key, (n,), whose listings `seen` holds."""
    filters = request.filters
    prices = view.catalogue.prices(keys).astype(np.float64)
    flag = {Surface.SEARCH: 1.0, Surface.FEED: 0.0}.get(surface_of(request), np.nan)
    known: dict[str, Any] = {
        "search": np.full(len(keys), flag),
        "category_match": _category_match(view, understood, filters.category, keys),
        "prices": np.where(prices < 0, np.nan, prices),
        "budget": float(filters.price_high or understood.boosts.price_high or 0),
        # Where no place was asked for, a buyer's own may stand in: see Person.more_facts.
        "distances_km": None
        if filters.near is None
        else view.catalogue.distances_km(keys, filters.near).astype(np.float64),
        "ages_days": ages_days(view.catalogue.listed_at(keys), request.at),
        "photos": seen.photos,
        "pixels": np.where(seen.pixels > 0, seen.pixels, np.nan),
        "trade": seen.trade,
        "sellers": view.catalogue.sellers(keys).astype(np.int64),
        "seller_listings": view.catalogue.seller_listings(keys),
    }
    for tell in more:
        known |= tell(view, request, keys)
    return Facts(len(keys), **known)


def see_stored(stored: Stored, stems: Stems) -> Seen:
    """Prepare a listing for rankers."""
    one = stored.listing
    first = min(one.photos, key=lambda photo: photo.position, default=None)
    return replace(
        see(one.title, " ".join(one.category), one.description, stems),
        photos=len(one.photos),
        pixels=0 if first is None else first.width * first.height,
        trade=None if one.seller_type is None else one.seller_type == "trade",
    )


def _category_match(
    view: View, understood: Understood, asked: tuple[str, ...], keys: Keys
) -> NDArray[np.float64] | None:
    """How much of its path each shares with the category that was asked for or understood, by how
    likely it was meant; None where none is."""
    meant = {asked: 1.0} if asked else dict(understood.boosts.categories)
    if not meant:
        return None
    paths = view.catalogue.paths_of(keys)
    # Candidates share a few paths: each is compared once,
    # with what has its root, as it shares nothing with others.
    below: dict[tuple[str, ...], list[tuple[tuple[str, ...], float]]] = {}
    for one, sure in meant.items():
        below.setdefault(one[:1], []).append((one, sure))
    shares = {
        path: sum(sure * shared_part(path, one) for one, sure in below.get(path[:1], ()))
        for path in set(paths)
    }
    return np.array([shares[path] for path in paths])
