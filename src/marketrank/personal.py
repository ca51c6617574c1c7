"""A buyer in a request: what is known of them, as far as they agreed to its use, met with a view of
the marketplace. The engine asks; `buyers` knows how."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates, Hits, Near, Request
from marketrank.buyers.listing_space import Space
from marketrank.buyers.profile import Facts, Path, Profile, Weighting, profile_of
from marketrank.buyers.tower import Known, TowerModel, allowed, points_of, space_of
from marketrank.people import About, Buyer, Purpose
from marketrank.ranking.explain import Fits, Liked
from marketrank.retrieval.exact_index import best
from marketrank.retrieval.follow import View
from marketrank.types import Mask

Keys = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Rows = NDArray[np.bool_]
Sensitive = Callable[[Sequence[Path]], Rows]
"""Which category paths are sensitive, (n,): demographics have no part in what is shown of them."""
_MOST_EVENTS = 100
_TASTE_DEPTH = 300
"""How many of the nearest to a taste are rescored by price and place."""
_GAIN = 0.02
"""How much a score must owe to demographics before that is said, as a share of the candidates'
spread."""


def nothing_sensitive(paths: Sequence[Path]) -> Rows:
    return np.zeros(len(paths), np.bool_)


@dataclass(frozen=True, eq=False)
class Person:
    """A buyer as one request sees them. `known` is what may be used of them: nothing without
    profiling. `demographics` says whether attributes and place count."""

    buyer: Buyer
    view: View
    at: datetime
    known: Known
    model: TowerModel | None
    weighting: Weighting
    sensitive: Sensitive
    demographics: bool

    def without_demographics(self) -> "Person":
        known = replace(self.known, attributes={}, place=None)
        return replace(self, known=known, demographics=False)

    @cached_property
    def profile(self) -> Profile | None:
        """Their taste; None where nothing may be known of it."""
        if self.known.facts is None or not self.known.interactions:
            return None
        return profile_of(
            self.known.interactions, self.known.facts, at=self.at, weighting=self.weighting
        )

    @cached_property
    def taste(self) -> Floats | None:
        """The direction of their taste, (dim,); None where nothing is known of it."""
        found = None if self.profile is None else self.profile.taste
        return None if found is None else found[0]

    @cached_property
    def space(self) -> Space | None:
        return None if self.model is None else space_of(self.model)

    @cached_property
    def _points(self) -> Floats | None:
        """Of all that is known, of demographics alone and of the rest: (3, width)."""
        if self.model is None or self.space is None or self.known.is_empty:
            return None
        alone = replace(self.known, interactions=(), facts=None)
        rest = replace(self.known, attributes={}, place=None)
        return points_of(self.model, self.space, [self.known, alone, rest], self.at)

    def hits(self, k: int, mask: Mask) -> Hits | None:
        """What fits them best among the allowed, best first; None where nothing is known of them.
        Where they agreed to demographics, sensitive categories are left out: these are found
        without."""
        if self.demographics:
            mask = mask & ~self.sensitive_keys(np.arange(len(mask)))
        points = self._points
        if points is None or self.space is None:
            if self.taste is None:
                return None
            return self.view.vectors.search(self.taste[np.newaxis], min(k, _TASTE_DEPTH), mask)
        query = points[:1, : self.space.dim]
        length = float(np.linalg.norm(query))
        if length == 0:
            return None
        near = self.view.vectors.search(query / length, min(k, _TASTE_DEPTH), mask)
        return best(near.keys, self._fit(points[0], near.keys), k)

    def _fit(self, point: Floats, keys: Keys) -> Floats:
        """Inner products of a point with listings, (n,)."""
        assert self.space is not None
        catalogue = self.view.catalogue
        vectors = self.view.vectors.vectors_of(keys)
        described = self.space.describe(vectors, catalogue.prices(keys), catalogue.points(keys))
        return np.asarray(described @ point, np.float32)

    def lift(self, candidates: Candidates, weight: float) -> Candidates:
        """Candidates lifted by up to the share `weight` where they are like what the buyer turned
        to, in their new order, ties by key. Demographics have no part in it."""
        if self.taste is None or weight == 0 or not len(candidates.keys):
            return candidates
        vectors = self.view.vectors.vectors_of(candidates.keys)
        alike = np.maximum(vectors @ self.taste, 0)
        scores = (candidates.scores * (1 + np.float32(weight) * alike)).astype(np.float32)
        order = np.lexsort((candidates.keys, -scores))
        lifted = Candidates(candidates.keys, scores, candidates.ranks, candidates.parts)
        return lifted.take(order)

    def more_facts(self, view: View, request: Request, keys: Keys) -> dict[str, Any]:
        """What the ranker of sessions may see of candidates: fields of session_features.Facts.
        Nothing of demographics in sensitive categories."""
        vectors = view.vectors.vectors_of(keys)
        known: dict[str, Any] = {}
        if self.taste is not None:
            known["taste"] = (vectors @ self.taste).astype(np.float64)
        if self.profile is not None:
            known["taste_category"] = self._roots(view.catalogue.paths_of(keys))
            prices = self.profile.price_range
            known["usual_price"] = 0.0 if prices is None else float(np.sqrt(prices[0] * prices[1]))
        points = self._points
        if points is not None:
            known["tower"] = self._fit(points[0], keys).astype(np.float64)
        if self.demographics:
            hidden = self.sensitive_keys(keys)
            if points is not None:
                known["demographic_affinity"] = self._fit(points[1], keys).astype(np.float64)
            known["home_km"] = self.home_km(keys)
            for name in ("tower", "demographic_affinity", "home_km"):
                if known.get(name) is not None:
                    known[name] = np.where(hidden, np.nan, known[name])
            if request.filters.near is None:
                known["distances_km"] = known["home_km"]
        return known

    def _roots(self, paths: Sequence[Path]) -> Doubles:
        """The share of the buyer's interactions in the root category of each path."""
        assert self.profile is not None
        roots: dict[str, float] = {}
        for path, weight in self.profile.categories.items():
            roots[path[0]] = roots.get(path[0], 0.0) + max(weight, 0.0)
        total = sum(roots.values()) or 1.0
        return np.array([roots.get(path[0], 0.0) / total if path else 0.0 for path in paths])

    def home_km(self, keys: Keys) -> Doubles | None:
        """Kilometres from the buyer's own place, (n,), NaN where a listing has none; None where
        that is not known or not to be used."""
        place = self.known.place
        if place is None or place.latitude is None or place.longitude is None:
            return None
        near = Near(place.latitude, place.longitude)
        return self.view.catalogue.distances_km(keys, near).astype(np.float64)

    def sensitive_keys(self, keys: Keys) -> Rows:
        """Which of the keys are of sensitive categories, (n,)."""
        flags = self.sensitive(self.view.catalogue.paths)
        if not flags.any():
            return np.zeros(len(keys), np.bool_)
        return np.asarray(flags[self.view.catalogue.category_numbers(keys)])

    def has_sensitive(self) -> bool:
        return bool(self.sensitive(self.view.catalogue.paths).any())

    @property
    def fits(self) -> Fits:
        """By what of theirs a listing is found that fits them."""
        if self.profile is not None:
            return Fits.HISTORY
        return Fits.DATA if self.demographics else Fits.NOTHING

    def looked_in(self, keys: Keys) -> list[str]:
        """For each key the label of its category, or of its root, where they turned to others of
        it; "" where they did not."""
        if self.profile is None:
            return [""] * len(keys)
        liked = {path for path, weight in self.profile.categories.items() if path and weight > 0}
        roots = {path[0] for path in liked}
        return [
            path[-1] if path in liked else path[0] if path and path[0] in roots else ""
            for path in self.view.catalogue.paths_of(keys)
        ]

    def liked(self, keys: Keys) -> list[Liked | None]:
        """For each key the thing of their history that it is most like, weighed by how much that
        counts still; None where there is none."""
        profile = self.profile
        if profile is None or self.known.facts is None:
            return [None] * len(keys)
        facts, events = self.known.facts, self.known.interactions
        weights = self.weighting.weights(events, self.at)
        counted = np.flatnonzero(weights > 0)
        if not len(counted):
            return [None] * len(keys)
        alike = self.view.vectors.vectors_of(keys) @ facts.vectors[counted].T
        # The strongest sign among equals: what was saved, not what was looked at before that.
        chosen = counted[np.argmax(alike + 1e-3 * weights[counted], axis=1)]
        return [
            Liked(
                facts.paths[row][-1] if facts.paths[row] else "",
                events[row].kind,
                float(alike[place].max()),
            )
            for place, row in enumerate(chosen.tolist())
        ]

    def people(self, keys: Keys) -> Doubles:
        """How much better each key fits because of the buyer's attributes and place, (n,), 0 where
        these are not used or matter little."""
        gain = np.zeros(len(keys))
        points = self._points
        if not self.demographics or points is None or len(keys) < 2:
            return gain
        all_of_it = self._fit(points[0], keys).astype(np.float64)
        gain = all_of_it - self._fit(points[2], keys)
        gain -= gain.mean()
        gain[gain < _GAIN * max(float(all_of_it.std()), 1e-9)] = 0.0
        gain[self.sensitive_keys(keys)] = 0.0
        return gain


class Personal:
    """Finds the Person of a request. Safe to call from several threads."""

    def __init__(
        self,
        *,
        tower: Callable[[], TowerModel | None] = lambda: None,
        sensitive: Sensitive = nothing_sensitive,
        weighting: Weighting | None = None,
    ) -> None:
        """`tower` is the model in use."""
        self._tower = tower
        self._sensitive = sensitive
        self._weighting = weighting or Weighting()

    def person(self, view: View, request: Request, about: About | None) -> Person | None:
        """What a request may use of who asks, `about` whom so much is known; None where nothing
        is."""
        if about is None or not request.profiling:
            return None
        buyer = about.buyer
        model = self._tower()
        if model is not None and model.encoder != view.encoder.version:
            model = None  # a tower reads no other encoder's vectors
        recent = [one for one in about.recent if one.at <= request.at]
        known = allowed(buyer, recent[:_MOST_EVENTS])
        known = met(view, known)
        demographics = buyer.allows(Purpose.DEMOGRAPHICS)
        return Person(
            buyer=buyer,
            view=view,
            at=request.at,
            known=known,
            model=model,
            weighting=self._weighting,
            sensitive=self._sensitive,
            demographics=demographics,
        )


def held(plain: Candidates, personal: Candidates, sensitive: Rows) -> Candidates:
    """The personal order, but sensitive listings exactly where they stand in the plain one:
    `sensitive` (n,) says which of `plain` are. So demographics, which `plain` knows nothing of,
    have no part in where these are shown, nor in which of them."""
    fixed = np.flatnonzero(sensitive)
    if not len(fixed):
        return personal
    kept = np.flatnonzero(~np.isin(personal.keys, plain.keys[fixed]))
    total = len(fixed) + len(kept)
    rows = np.full(total, -1, np.int64)
    places = np.minimum(fixed, total - len(fixed) + np.arange(len(fixed)))
    rows[places] = np.arange(len(fixed))
    rows[rows < 0] = len(fixed) + np.arange(len(kept))
    first, rest = plain.take(fixed), personal.take(kept)
    scores = np.concatenate([first.scores, rest.scores])
    joined = Candidates(
        np.concatenate([first.keys, rest.keys]),
        scores,
        {name: _both(first.ranks, rest.ranks, name, total, -1) for name in personal.ranks},
        {name: _both(first.parts, rest.parts, name, total, 0) for name in personal.parts},
    ).take(rows)
    fallen = np.sort(scores)[::-1].astype(np.float32)
    return Candidates(joined.keys, fallen, joined.ranks, joined.parts)


def _both(first: Any, rest: Any, name: str, total: int, missing: int) -> NDArray[Any]:
    there = rest[name]
    lead = first.get(name, np.full(total - len(there), missing, there.dtype))
    return np.concatenate([lead, there])


def met(view: View, known: Known) -> Known:
    """What is known, with the facts of the listings that the view has."""
    pairs = [(one, view.catalogue.key_of(one.listing)) for one in known.interactions]
    events = tuple(one for one, key in pairs if key is not None)
    keys = np.array([key for _, key in pairs if key is not None], np.int64)
    return replace(known, interactions=events, facts=facts_of(view, keys))


def facts_of(view: View, keys: Keys) -> Facts:
    """What profiles ask of listings."""
    catalogue = view.catalogue
    return Facts(
        view.vectors.vectors_of(keys),
        catalogue.paths_of(keys),
        catalogue.prices(keys),
        catalogue.points(keys),
    )
