"""The audience of the marketplace: who could want a listing, among those who agreed to be told of
to sellers. Joins the stores of buyers, the tower in use and a view; `buyers.reverse` knows how."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.listing_space import Space
from marketrank.buyers.profile import Weighting
from marketrank.buyers.reverse import Audience, MakeIndex, Matches, Members, pseudonym
from marketrank.buyers.tower import Known, TowerModel, allowed, points_of, space_of
from marketrank.errors import BadInput, NotReady
from marketrank.people import Buyer, Interaction, Purpose
from marketrank.personal import Sensitive, facts_of, met, nothing_sensitive
from marketrank.ports import OutreachLog
from marketrank.retrieval.follow import View
from marketrank.types import BuyerId, ListingId, SellerId

_BATCH = 512
_MOST_EVENTS = 100
_WIDER = 4
_SPARE = 20
"""How many more are looked up than asked for: some may have withdrawn since the index was built."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Match:
    """A buyer by a pseudonym that holds for one listing; `score` is the tower's."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Matched:
    """Buyers for a listing, best first. `reach` is the share of the `consenting` who are taken to
    be interested."""

    buyers: tuple[Match, ...]
    reach: float
    consenting: int


class AudienceFinder:
    """Keeps an index of the buyers who agreed to Purpose.OUTREACH; `refresh` builds it anew. Safe
    to call from several threads."""

    def __init__(
        self,
        *,
        view: Callable[[], View | None],
        agreed: Callable[[Sequence[Purpose]], Iterable[Buyer]],
        buyer: Callable[[BuyerId], Buyer | None],
        recent: Callable[[BuyerId], Sequence[Interaction]],
        tower: Callable[[], TowerModel | None],
        make_index: MakeIndex,
        secret: Callable[[], bytes],
        log: OutreachLog,
        cap: int,
        sensitive: Sensitive = nothing_sensitive,
        weighting: Weighting | None = None,
    ) -> None:
        """`log` counts how many listings a buyer was offered for, `cap` is how many a day these may
        be; `secret` keys the pseudonyms."""
        if cap < 1:
            raise BadInput(f"audience_per_day={cap}: must be 1 or more")
        self._view = view
        self._agreed = agreed
        self._buyer = buyer
        self._recent = recent
        self._tower = tower
        self._make_index = make_index
        self._secret = secret
        self._sensitive = sensitive
        self._weighting = weighting or Weighting()
        self._log, self._cap = log, cap
        self._built: tuple[TowerModel, Audience] | None = None

    def refresh(self, at: datetime) -> int:
        """Build the index of all who agreed now, and forget what others were offered; returns how
        many they are. Without a tower for the encoder of the release there is none."""
        view, model = self._view(), self._tower()
        if view is None or model is None or model.encoder != view.encoder.version:
            self._built = None
            return 0
        members = self._members(view, model, at)
        audience = Audience(
            members,
            self._make_index,
            temperature=model.temperature,
            interest=model.interest,
        )
        self._built = (model, audience)
        return len(members.ids)

    def buyers_for(self, id: ListingId, seller: SellerId | None, k: int, at: datetime) -> Matched:
        """The k buyers who should want a listing most. Each of them counts as offered it today.

        Raises NotReady where there is no tower for this release yet, BadInput for a listing that
        is not in the index.
        """
        view, built = self._view(), self._built
        if view is None or built is None or built[0].encoder != view.encoder.version:
            raise NotReady(
                "there is no buyer tower for this release yet; run `marketrank train buyers`"
            )
        model, audience = built
        key = view.catalogue.key_of(id)
        if key is None:
            raise BadInput(f"listing {id} is not in the index yet; try again in a moment")
        facts = facts_of(view, np.array([key], np.int64))
        if not facts.vectors.any():
            raise BadInput(f"listing {id} has no vector yet; try again in a moment")
        space = space_of(model)
        described = space.describe(facts.vectors, facts.prices, facts.points)[0]
        # Who is shown a home, a job or a loan is never decided by who they are.
        demographics = not bool(self._sensitive(facts.paths)[0])
        rows = audience.open_to(key, seller)
        wide = k + _SPARE
        while True:
            found = audience.best(described, wide, rows, demographics=demographics, key=key)
            chosen = list(islice(self._open(audience, found, id, at), k))
            if len(chosen) == k or len(found.rows) < wide:
                break
            wide *= _WIDER  # many were offered enough today, or have withdrawn
        told = self._log.tell(id, [buyer for buyer, _ in chosen], at=at, cap=self._cap)
        secret = self._secret()
        return Matched(
            tuple(
                Match(pseudonym(secret, id, buyer), score)
                for buyer, score in chosen
                if buyer in told
            ),
            audience.reach(described, demographics=demographics),
            len(audience),
        )

    def _open(
        self, audience: Audience, found: Matches, listing: ListingId, at: datetime
    ) -> Iterator[tuple[BuyerId, float]]:
        """Those who were not offered enough today and agree now: the index may be older than a
        change of mind."""
        ids = [audience.members.ids[row] for row in found.rows.tolist()]
        fewer = self._log.open_to(listing, ids, at=at, cap=self._cap)
        for id, score in zip(ids, found.scores.tolist(), strict=True):
            buyer = self._buyer(id) if id in fewer else None
            if buyer is not None and buyer.allows(Purpose.OUTREACH):
                yield id, score

    def _members(self, view: View, model: TowerModel, at: datetime) -> Members:
        space = space_of(model)
        parts = [
            self._part(view, model, space, group, at)
            for group in _groups(self._agreed([Purpose.OUTREACH]))
        ]
        offsets = np.cumsum([0, *(len(one.ids) for one in parts)])
        seen = [
            one.seen + np.array([start, 0])
            for one, start in zip(parts, offsets.tolist(), strict=False)
        ]
        width = space.width
        return Members(
            tuple(id for one in parts for id in one.ids),
            np.concatenate([np.empty((0, width), np.float32), *(one.points for one in parts)]),
            np.concatenate([np.empty((0, width), np.float32), *(one.plain for one in parts)]),
            np.concatenate([np.empty(0), *(one.activity for one in parts)]),
            tuple(seller for one in parts for seller in one.sellers),
            np.concatenate([np.empty((0, 2), np.int64), *seen]).astype(np.int64),
            self._liked(view, [id for one in parts for id in one.ids]),
        )

    def _liked(self, view: View, ids: Sequence[BuyerId]) -> NDArray[np.int64]:
        """Pairs of a row and a key that a buyer turned to, of all who agreed to the use of their
        history; rows from the number of `ids` on are of those who are not members."""
        rows = {id: row for row, id in enumerate(ids)}
        pairs = []
        for buyer in self._agreed([Purpose.HISTORY]):
            row = rows.setdefault(buyer.id, len(rows))
            for event in self._recent(buyer.id)[:_MOST_EVENTS]:
                key = view.catalogue.key_of(event.listing)
                if key is not None and self._weighting.kinds.get(event.kind, 0.0) > 0:
                    pairs.append((row, key))
        return np.array(pairs, np.int64).reshape(-1, 2)

    def _part(
        self, view: View, model: TowerModel, space: Space, buyers: Sequence[Buyer], at: datetime
    ) -> Members:
        known: list[Known] = []
        activity, seen = np.zeros(len(buyers)), []
        for row, buyer in enumerate(buyers):
            recent = self._recent(buyer.id)[:_MOST_EVENTS]
            one = met(view, allowed(buyer, recent))
            known.append(one)
            weights = self._weighting.weights(one.interactions, at)
            activity[row] = np.maximum(weights, 0).sum()
            # What they know is not offered again, whatever else may be used of it.
            every = [view.catalogue.key_of(event.listing) for event in recent]
            seen += [(row, key) for key in every if key is not None]
        plain = [replace(one, attributes={}, place=None) for one in known]
        return Members(
            tuple(one.id for one in buyers),
            points_of(model, space, known, at),
            points_of(model, space, plain, at),
            activity,
            tuple(one.seller for one in buyers),
            np.array(seen, np.int64).reshape(-1, 2),
            np.empty((0, 2), np.int64),
        )


def _groups(buyers: Iterable[Buyer]) -> Iterator[list[Buyer]]:
    waiting = iter(buyers)
    while group := list(islice(waiting, _BATCH)):
        yield group
