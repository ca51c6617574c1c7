"""Evidence for what the engine answers: from candidates and their facts to reasons and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Candidates, Item, Numbers, Request, Understood
from marketrank.finding import is_feed
from marketrank.personal import Person
from marketrank.ranking.explain import Evidence, Fits, Liked, least, matched, why
from marketrank.ranking.ranker import Looked
from marketrank.retrieval.feed import POPULAR, TASTE
from marketrank.retrieval.follow import View
from marketrank.retrieval.fresh import ages_days

Keys = NDArray[np.int64]
_LOW_PRICE_SHARE = 0.2
_MILE_COUNTRIES = {"GB", "US"}


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What an answer came from. `looked` is what the learned ranker saw that ordered it, ()
    where none did."""

    view: View
    request: Request
    understood: Understood
    candidates: Candidates
    person: Person | None
    looked: tuple[Looked, ...]


def explained(items: Sequence[Item], answered: Answered) -> tuple[Item, ...]:
    """The items of a page with reasons, and with numbers where the request asks for them."""
    view, request, looked = answered.view, answered.request, answered.looked
    candidates = answered.candidates
    if not items:
        return ()
    keys = np.array([view.catalogue.key_of(one.listing.id) for one in items], np.int64)
    rows = _rows(candidates.keys, keys)
    told = _contributions(looked[0], keys) if looked else [None] * len(items)
    evidence = _evidence(items, keys, rows, answered)
    out = []
    for place, item in enumerate(items):
        numbers = None
        if request.explain:
            numbers = _numbers(int(rows[place]), candidates, evidence[place])
            if looked:
                numbers = replace(
                    numbers,
                    features=_features(looked[0], int(keys[place])),
                    contributions=told[place] or {},
                )
        country = item.listing.place.country if item.listing.place else "GB"
        reasons = why(evidence[place], told[place], miles=country in _MILE_COUNTRIES)
        if not reasons and (answered.person is not None or is_feed(request)):
            reasons = least(evidence[place])
        out.append(replace(item, why=reasons, numbers=numbers))
    return tuple(out)


def _evidence(items: Sequence[Item], keys: Keys, rows: Keys, answered: Answered) -> list[Evidence]:
    view, request, understood = answered.view, answered.request, answered.understood
    candidates, person = answered.candidates, answered.person
    n = len(items)
    ages = ages_days(view.catalogue.listed_at(keys), request.at)
    liked: Sequence[Liked | None] = [None] * n
    people, home = np.zeros(n), None
    looked_in, fits = [""] * n, Fits.NOTHING
    if person is not None:
        liked, people = person.liked(keys), person.people(keys)
        looked_in, fits = person.looked_in(keys), person.fits
        home = person.home_km(keys) if request.filters.near is None else None
        hidden = person.sensitive_keys(keys)
        home = None if home is None else np.where(hidden, np.nan, home)
    popular = candidates.ranks.get(POPULAR)
    taste = candidates.ranks.get(TASTE)
    cheap = _cheap(view.catalogue.prices(keys), understood.boosts.cheap)
    words = [word for word in understood.text.split() if view.text.stems(word)]
    stems = [" ".join(view.text.stems(word)) for word in words]
    found = []
    for place, item in enumerate(items):
        row = int(rows[place])
        from_home = home is not None and not np.isnan(home[place])
        km = float(home[place]) if home is not None and from_home else item.distance_km
        title = " ".join([item.listing.title, *item.listing.category])
        held = frozenset(view.text.stems(title)) if words else frozenset()
        rank = -1 if popular is None else int(popular[row])
        # On a feed taste is said to be the reason only where taste found it.
        tasteful = taste is None or int(taste[row]) >= 0
        found.append(
            Evidence(
                words=matched(words, stems, held),
                photo=request.photo is not None,
                like=request.like is not None,
                meaning=bool(words),
                liked=liked[place] if tasteful else None,
                people=float(people[place]) if tasteful else 0.0,
                km=km,
                from_home=from_home,
                popular=rank if rank >= 0 else None,
                age_days=float(ages[place]),
                cheap=bool(cheap[place]),
                fits=fits if taste is not None and tasteful else Fits.NOTHING,
                category=looked_in[place],
            )
        )
    return found


def _cheap(prices: Keys, wanted: bool) -> NDArray[np.bool_]:
    """Where “cheap” was asked for, which of a page cost no more than a fifth of it does."""
    known = prices >= 0
    if not wanted or not known.any():
        return np.zeros(len(prices), np.bool_)
    return known & (prices <= np.quantile(prices[known], _LOW_PRICE_SHARE))


def _rows(all_keys: Keys, keys: Keys) -> Keys:
    """Where each key stands among the candidates."""
    order = np.argsort(all_keys, kind="stable")
    return order[np.searchsorted(all_keys[order], keys)]


def _contributions(looked: Looked, keys: Keys) -> list[Mapping[str, float] | None]:
    """By feature, of each key; None for one that the ranker did not look at."""
    if looked.contributions is None:
        return [None] * len(keys)
    places = {key: row for row, key in enumerate(looked.keys.tolist())}
    known = [key for key in keys.tolist() if key in places]
    # Of this page alone: it takes as long as there are rows.
    rows = np.array([places[key] for key in known], np.int64)
    values, names = looked.contributions(looked.features, rows)
    told = {
        key: dict(zip(names, row, strict=True))
        for key, row in zip(known, values.tolist(), strict=True)
    }
    return [told.get(key) for key in keys.tolist()]


def _features(looked: Looked, key: int) -> dict[str, float]:
    """Those that are known."""
    found = np.flatnonzero(looked.keys == key)
    if not len(found):
        return {}
    values = looked.features[found[0]].tolist()
    pairs = zip(looked.names, values, strict=True)
    return {name: value for name, value in pairs if not np.isnan(value)}


def _numbers(row: int, candidates: Candidates, evidence: Evidence) -> Numbers:
    facts = {
        "age_days": evidence.age_days,
        "distance_km": evidence.km,
        "alike": None if evidence.liked is None else evidence.liked.alike,
        "from_your_data": evidence.people or None,
    }
    ranks = {name: int(each[row]) for name, each in candidates.ranks.items()}
    return Numbers(
        ranks={name: rank for name, rank in ranks.items() if rank >= 0},
        parts={name: float(each[row]) for name, each in candidates.parts.items()},
        facts={name: value for name, value in facts.items() if value is not None},
    )
