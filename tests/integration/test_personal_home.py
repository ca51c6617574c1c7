"""A home with buyers: from an event to the next feed, and from events to a tower in use."""

from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from test_serving import home as home_with_listings

from marketrank.asking import Request
from marketrank.people import Buyer, EventId, Interaction, InteractionKind, Purpose
from marketrank.pipelines.buyer_data import read_history
from marketrank.pipelines.train_buyers import train_buyers
from marketrank.types import BuyerId, ListingId, RequestId
from marketrank.wiring import Marketplace, now

home = home_with_listings
CONSENTS = [Purpose.HISTORY, Purpose.DEMOGRAPHICS, Purpose.OUTREACH]


def test_a_click_changes_the_next_feed_and_events_train_a_tower(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("MARKETRANK_FEED_TASTE", "20")
    from marketrank.config import load

    market = Marketplace(load(home))
    at = now()
    consents = dict.fromkeys(CONSENTS, at)
    for name in ("ann", *(f"buyer{n}" for n in range(12))):
        age = "18-24" if name.endswith(("1", "3", "5")) else "65+"
        market.buyers.put(Buyer(BuyerId(name), {"age": age}, consents=consents), at=at)

    def feed() -> list[str]:
        request = Request(RequestId("r"), now(), buyer=BuyerId("ann"))
        return [item.listing.id for item in market.answer(request).items]

    with market.running():
        before = feed()
        liked = ListingId(before[-1])
        kind = InteractionKind.SAVE
        market.events.record([Interaction(EventId("e1"), BuyerId("ann"), liked, kind, at)], at=at)
        start = monotonic()
        while feed()[0] != liked and monotonic() - start < 30:
            sleep(0.05)
        assert feed()[0] == liked

        rng = np.random.default_rng(1)
        done = [
            Interaction(
                EventId(f"t{n}-{row}"),
                BuyerId(f"buyer{n}"),
                ListingId(f"l{row}"),
                InteractionKind.CLICK,
                at - timedelta(hours=100 - 10 * place),
            )
            for n in range(12)
            for place, row in enumerate(rng.choice(20, 6, replace=False).tolist())
        ]
        market.events.record(done, at=at)
        encoder = market.open_encoder(market.encoder_folder()).version
        history = read_history(
            market.listings, market.vectors, market.events, market.buyers, encoder=encoder
        )
        assert len(history.ids) == 20
        assert len(history.buyers) == 13
        assert len(history.events) == 73
        towers = market.liking.towers
        trained = train_buyers(history, home, towers, encoder=encoder, at=at, epochs=1)
        towers.promote(trained.facts.version, at=at, why="a test")
        assert len(feed()) == len(before)
        assert market.liking.audience.refresh(now()) == 13
        offered = market.buyers_for(ListingId("l3"), None, 5, now())
        assert offered.consenting == 13
        assert len({one.id for one in offered.buyers}) == 5
        assert market.buyers.erase(BuyerId("ann"))
        assert market.liking.audience.refresh(now()) == 12
