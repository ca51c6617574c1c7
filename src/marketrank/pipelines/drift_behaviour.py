"""Columns of what buyers were shown and did, for drift. Searches that found nothing leave no
impression: their share is a metric, see deploy/monitoring/alerts.yaml."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np

from marketrank.monitoring.drift import Column, Kind
from marketrank.people import InteractionKind, Session
from marketrank.pipelines.drift_listings import labelled

_CLICKS = {
    InteractionKind.CLICK,
    InteractionKind.SAVE,
    InteractionKind.MESSAGE,
    InteractionKind.OFFER,
    InteractionKind.SOLD,
}
_CONTACTS = {InteractionKind.MESSAGE, InteractionKind.OFFER, InteractionKind.SOLD}
_PLACES = ((0, 1), (1, 3), (3, 6), (6, 12), (12, 1_000_000))


def session_columns(sessions: Iterable[Session], *, since: datetime, most: int) -> Iterator[Column]:
    """The latest are those since then; of each window the last `most` are looked at. Clicks are
    counted of buyers who are remembered alone: of others nobody knows what they did."""
    kept = _kept(sessions, since=since, most=most)
    if not kept:
        return
    latest = np.array([one.impression.at >= since for one in kept], np.bool_)
    yield labelled("surface", [one.impression.surface.value for one in kept], latest)
    shown = np.array([(one.impression.positions >= 0).sum() for one in kept], np.float64)
    yield Column("results shown", Kind.NUMBER, shown, latest)
    known = [n for n, one in enumerate(kept) if one.impression.buyer is not None]
    some, theirs = [kept[n] for n in known], latest[known]
    for name, kinds in (("clicks", _CLICKS), ("contacts", _CONTACTS)):
        counts = np.array([_counts(one, kinds, 0, _PLACES[-1][1]) for one in some])
        yield Column(f"{name} a result", Kind.RATE, counts.reshape(-1, 2), theirs)
    for low, high in _PLACES:
        counts = np.array([_counts(one, _CLICKS, low, high) for one in some]).reshape(-1, 2)
        there = counts[:, 1] > 0
        yield Column(_name(low, high), Kind.RATE, counts[there], theirs[there])


def _kept(sessions: Iterable[Session], *, since: datetime, most: int) -> list[Session]:
    before: list[Session] = []
    after: list[Session] = []
    for one in sessions:  # in order of time
        window = after if one.impression.at >= since else before
        window.append(one)
        if len(window) > 2 * most:
            del window[:most]
    return [*before[-most:], *after[-most:]]


def _counts(
    session: Session, kinds: set[InteractionKind], low: int, high: int
) -> tuple[float, float]:
    """Results in these places that something was done with, and results there."""
    shown, positions = session.impression, session.impression.positions
    here = (positions >= low) & (positions < high)
    done = {one.listing for one in session.interactions if one.kind in kinds}
    hits = sum(shown.listings[n] in done for n in np.flatnonzero(here).tolist())
    return float(hits), float(here.sum())


def _name(low: int, high: int) -> str:
    if high - low == 1:
        return f"clicks at place {high}"
    last = f"{high}" if high < _PLACES[-1][1] else "later"
    return (
        f"clicks at places {low + 1} to {last}" if last != "later" else f"clicks after place {low}"
    )
