"""The part of the composition root that looks for drift in a home."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import orjson

from marketrank.errors import Corrupt
from marketrank.monitoring.drift import Column
from marketrank.pipelines.drift import Drift, find_drift, thresholds_of
from marketrank.pipelines.drift_behaviour import session_columns
from marketrank.pipelines.drift_listings import Models, Windows, listing_columns, read_windows
from marketrank.pipelines.drift_report import write_drift
from marketrank.types import ListingId, ListingKey, ModelVersion, Vectors

if TYPE_CHECKING:
    from marketrank.wiring import Marketplace

_SEED = 7
_BEFORE = 4  # windows of behaviour that the latest is compared with


def look_for_drift(
    market: "Marketplace",
    *,
    at: datetime,
    since: datetime | None = None,
) -> Drift:
    """Compare the latest window with the reference, and keep a report. The latest window begins at
    `since`, else `drift_days` before `at`."""
    settings = market.settings
    start = since or at - timedelta(days=settings.drift_days)
    version = market.registry.current()
    windows = read_windows(
        market.listings,
        trained_on=_trained_on(market, version),
        since=start,
        until=at,
        most=settings.drift_sample,
        seed=_SEED,
    )
    found = find_drift(
        _columns(market, windows, start, at),
        thresholds=thresholds_of(settings),
        least=settings.drift_least,
        window={
            "reference": {
                "what": f"trained on by {version}" if version else "listed before",
                "listings": windows.n_reference,
                "until": start.isoformat(timespec="minutes"),
            },
            "latest": {
                "since": start.isoformat(timespec="minutes"),
                "until": at.isoformat(timespec="minutes"),
                "listings": windows.n_latest,
            },
        },
        at=at,
    )
    write_drift(settings.home, found)
    return found


def _columns(
    market: "Marketplace", windows: Windows, start: datetime, at: datetime
) -> Iterator[Column]:
    yield from listing_columns(windows, market.blobs, _models(market))
    before = start - _BEFORE * (at - start)
    sessions = market.events.sessions(before, at)
    yield from session_columns(sessions, since=start, most=market.settings.drift_sample)


def _trained_on(market: "Marketplace", version: ModelVersion | None) -> frozenset[ListingId]:
    if version is None:
        return frozenset()
    path = market.registry.path(version) / "classifiers" / "trained_on.json"
    try:
        return frozenset(ListingId(one) for one in orjson.loads(path.read_bytes()))
    except FileNotFoundError:  # of an earlier version
        return frozenset()
    except ValueError as error:
        raise Corrupt(f"{path} cannot be read ({error}); publish the model again") from error


def _models(market: "Marketplace") -> Models:
    market.follower.refresh()
    view = market.follower.view()
    if view is None:
        return Models(prices=market.estimator())
    version = view.encoder.version

    def embedded(keys: Sequence[ListingKey]) -> tuple[Sequence[ListingKey], Vectors]:
        known = market.vectors.known(version, keys)
        held = [key for key in keys if key in known]
        found = market.vectors.vectors_of(version, held) if held else None
        return (held, found) if found is not None else ((), np.empty((0, 0), np.float32))

    return Models(embedded, view.categories, market.estimator())
