"""A made-up crowd: the young like bicycles, the old like lamps, everybody what is near and what is
like what they turned to before."""

from datetime import UTC, datetime, timedelta

import numpy as np

from marketrank.buyers.listing_space import point_of
from marketrank.buyers.profile import Facts
from marketrank.people import Buyer, EventId, Interaction, InteractionKind, Purpose
from marketrank.pipelines.buyer_examples import History
from marketrank.types import BuyerId, ListingId, Place

START = datetime(2026, 1, 1, tzinfo=UTC)
DIM = 16
KINDS = 8
ALL = dict.fromkeys(Purpose, START)
TOWNS = (
    Place("Leeds", latitude=53.8, longitude=-1.55),
    Place("Exeter", latitude=50.7, longitude=-3.5),
)
AGES = ("18-24", "65+")


def crowd(
    *, buyers: int = 120, listings: int = 400, events: int = 12, seed: int = 1, old: int = 3
) -> History:
    """Each buyer has a favourite kind of thing among those that their age likes: kinds 0 to 3 for
    the first age, 4 to 7 for the second. `old` is the strength of the taste of an age."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0][:KINDS]
    kind = rng.integers(0, KINDS, listings)
    vectors = centres[kind] + 0.25 * rng.standard_normal((listings, DIM)) / np.sqrt(DIM)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    town = rng.integers(0, 2, listings)
    facts = Facts(
        vectors.astype(np.float32),
        [("Things", f"Kind {one}") for one in kind.tolist()],
        rng.integers(500, 50_000, listings),
        np.array([point_of(TOWNS[one]) for one in town], np.float32),
    )
    people, done = [], []
    for number in range(buyers):
        age = number % 2
        own = 4 * age + rng.integers(0, 4)
        home = int(rng.integers(0, 2))
        people.append(
            Buyer(BuyerId(f"buyer-{number}"), {"age": AGES[age]}, TOWNS[home], consents=ALL)
        )
        logits = old * (kind // 4 == age) + 2.0 * (kind == own) + 1.5 * (town == home)
        chances = np.exp(logits) / np.exp(logits).sum()
        for when, row in enumerate(rng.choice(listings, events, replace=False, p=chances)):
            at = START + timedelta(hours=3 * when + number / buyers)
            what = InteractionKind.SAVE if rng.random() < 0.2 else InteractionKind.CLICK
            done.append(
                Interaction(
                    EventId(f"{number}-{when}"), people[-1].id, ListingId(f"l{row}"), what, at
                )
            )
    return History([ListingId(f"l{row}") for row in range(listings)], facts, people, done)
