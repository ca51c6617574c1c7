"""A few events and impressions of two made-up buyers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from marketrank.people import EventId, Impression, Interaction, InteractionKind, Surface
from marketrank.types import BuyerId, ListingId, ReleaseId, RequestId

T0 = datetime(2026, 3, 14, 12, tzinfo=UTC)
ANN, BEN = BuyerId("ann"), BuyerId("ben")


def event(id_: str, buyer: BuyerId = ANN, **fields: object) -> Interaction:
    one = Interaction(EventId(id_), buyer, ListingId("l1"), InteractionKind.CLICK, T0)
    return replace(one, **fields)  # type: ignore[arg-type]


def impression(request: str, buyer: BuyerId | None = ANN, **fields: object) -> Impression:
    one = Impression(
        RequestId(request),
        T0,
        Surface.SEARCH,
        ReleaseId("rel"),
        (ListingId("l1"), ListingId("l2"), ListingId("l3")),
        np.array([0, 1, -1], np.int32),
        np.array([[0.5, 1], [0.25, np.nan], [-3, 1e-7]], np.float32),
        ("text", "vector"),
        buyer,
    )
    return replace(one, **fields)  # type: ignore[arg-type]


def hours(n: float) -> datetime:
    return T0 + timedelta(hours=n)
