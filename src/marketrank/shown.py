"""From what an engine has shown to an impression: the material of training.

An engine hands over what it has at the end of an answer, and nothing is computed twice: the
features are those that the ranker looked at; where none has looked they are computed here, like
the rest, in another thread.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates, Item, Request
from marketrank.people import About, Impression, Surface
from marketrank.ranking.session_features import NAMES, PROFILE, masked
from marketrank.retrieval.catalogue import Snapshot
from marketrank.retrieval.follow import View
from marketrank.types import BuyerId, Mask

SAMPLED = 20
"""Candidates that were not shown are kept with those that were: at most so many, drawn evenly."""
_HEAD = 100  # among the best so many, where no ranker has looked

Keys = NDArray[np.int64]
Floats = NDArray[np.float32]


class Looked:
    """What a ranker looks at: the features (n, len(names)) of keys (n,). They are computed when
    somebody first asks, which is not while somebody waits for the answer."""

    __slots__ = ("_compute", "_features", "keys", "names")

    def __init__(
        self,
        keys: Keys | None = None,
        compute: Callable[[], Floats] | None = None,
        names: tuple[str, ...] = NAMES,
    ) -> None:
        self.keys: Keys = np.empty(0, np.int64) if keys is None else keys
        self.names = names
        self._compute = compute
        self._features: Floats | None = None

    @property
    def features(self) -> Floats:
        if self._features is None:
            none = np.empty((0, len(self.names)), np.float32)
            self._features = none if self._compute is None else self._compute()
            self._compute = None  # what it holds on to may go
        return self._features


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """An answer as the engine had it: the request as it was understood, the candidates in their
    last order and the items of the page."""

    request: Request
    view: View
    candidates: Candidates
    items: tuple[Item, ...]
    looked: Looked
    experiment: str = ""


def light(shown: Shown) -> Shown:
    """Without the photo that was searched with, so that it need not be held while it waits."""
    if not shown.request.photo:
        return shown
    return replace(shown, request=replace(shown.request, photo=b""))


def impression_of(
    shown: Shown, *, buyer: BuyerId | None, digest: Callable[[str], str]
) -> Impression | None:
    """What is kept of an answer; None where nothing was shown. `digest` makes of a query what says
    nothing by itself. Features of what no ranker may order, as a list by price, are NaN: there is
    nothing to learn from it. So are those about the one who asked where `buyer` is None: distances
    to a page of listings would say where nobody lives."""
    if not shown.items:
        return None
    request, catalogue = shown.request, shown.view.catalogue
    keys = [catalogue.key_of(item.listing.id) for item in shown.items]
    places = [place for place, key in enumerate(keys) if key is not None]
    on_page = np.array([keys[place] for place in places], np.int64)
    others = _sampled(shown, on_page)
    rows = np.concatenate([on_page, others])
    return Impression(
        request=request.id,
        at=request.at,
        surface=surface_of(request),
        release=shown.view.release,
        listings=tuple(catalogue.ids(rows)),
        positions=np.array(
            [*(request.offset + place for place in places), *[-1] * len(others)], np.int32
        ),
        features=_features(shown, rows, of_nobody=buyer is None),
        names=shown.looked.names,
        buyer=buyer,
        query=_query(request, digest),
        experiment=shown.experiment,
        arms=_arms(shown, places, len(others)),
    )


def surface_of(request: Request) -> Surface:
    if request.like is not None:
        return Surface.SIMILAR
    if request.photo is not None:
        return Surface.PHOTO
    return Surface.SEARCH if request.text.strip() else Surface.FEED


def withhold(allowed: Mask, catalogue: Snapshot, request: Request, about: About | None) -> Mask:
    """A mask without what the one who asks has hidden, and, where we recommend and they did not
    search, without what they sell themselves. Changes and returns `allowed`."""
    if about is None:
        return allowed
    keys = [catalogue.key_of(listing) for listing in about.hidden]
    _refuse(allowed, np.array([key for key in keys if key is not None], np.int64))
    recommended = surface_of(request) in (Surface.FEED, Surface.SIMILAR)
    if recommended and about.buyer.seller is not None:
        _refuse(allowed, catalogue.offered_by(about.buyer.seller))
    return allowed


def _refuse(allowed: Mask, keys: Keys) -> None:
    allowed[keys[keys < len(allowed)]] = False


def _sampled(shown: Shown, on_page: Keys) -> Keys:
    """In the order of the candidates; the same for the same request."""
    among = shown.looked.keys if len(shown.looked.keys) else shown.candidates.keys[:_HEAD]
    # Sets: numpy.isin sorts both sides, which takes four times as long for so few.
    candidates, page = set(shown.candidates.keys.tolist()), set(on_page.tolist())
    left = [key for key in among.tolist() if key in candidates and key not in page]
    among = np.array(left, np.int64)
    if len(among) <= SAMPLED:
        return among
    # A hash of a string differs from process to process, its bytes do not.
    seed = list(f"{shown.request.id} {shown.request.offset}".encode())
    drawn = np.random.default_rng(seed).choice(len(among), SAMPLED, replace=False)
    return among[np.sort(drawn)]


def _features(shown: Shown, rows: Keys, *, of_nobody: bool) -> Floats:
    looked = shown.looked
    out = np.full((len(rows), len(looked.names)), np.nan, np.float32)
    found, theirs = _places(looked.keys, rows)
    out[found] = looked.features[theirs]
    placed = shown.request.filters.near is not None
    return masked(out, looked.names, PROFILE, np.full(len(rows), of_nobody), placed=placed)


def _places(keys: Keys, rows: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which of the rows are among the keys, and where there."""
    where = {key: place for place, key in enumerate(keys.tolist())}
    found = [(row, where[key]) for row, key in enumerate(rows.tolist()) if key in where]
    pairs = np.array(found, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _arms(shown: Shown, places: list[int], others: int) -> tuple[str, ...]:
    """() outside of experiments; "" for what was not shown."""
    if not shown.experiment:
        return ()
    return (*(shown.items[place].arm for place in places), *[""] * others)


def _query(request: Request, digest: Callable[[str], str]) -> str:
    words = " ".join(request.text.lower().split())
    asked = f"{surface_of(request)} {request.like or ''} {words}"
    return digest(asked) if words or request.like else ""
