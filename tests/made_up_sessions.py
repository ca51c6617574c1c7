"""Sessions of made-up queries, whose listings' true relevance and chances of being looked at are
known."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketrank.people import (
    EventId,
    Impression,
    Interaction,
    InteractionKind,
    Session,
    Surface,
)
from marketrank.types import BuyerId, ListingId, ReleaseId, RequestId

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("prior", "taste", "age_log", "trade", "photos", "price_log")


@dataclass(frozen=True, eq=False)
class World:
    """`features` (queries, listings, len(NAMES)), `relevance` (queries, listings); clicks take
    being looked at, with 1 / (position + 1) ** eta, and being wanted."""

    features: NDArray[np.float32]
    relevance: NDArray[np.float64]
    eta: float

    @staticmethod
    def drawn(queries: int = 60, listings: int = 20, eta: float = 1.0, seed: int = 0) -> "World":
        """Relevance follows `taste` and `trade`; rankings follow `prior` or `age_log`."""
        random = np.random.default_rng(seed)
        features = random.normal(size=(queries, listings, len(NAMES))).astype(np.float32)
        odds = 1.3 * features[..., 1] - 0.8 * features[..., 3] + 0.3 * features[..., 0] - 1.8
        return World(features, 1 / (1 + np.exp(-odds.astype(np.float64))), eta)

    def examined(self, positions: NDArray[np.int32]) -> NDArray[np.float64]:
        return 1 / (positions + 1.0) ** self.eta

    def sessions(
        self, n: int, seed: int = 1, buyers: int = 200, shown: int | None = None
    ) -> list[Session]:
        """One a minute. Two rankers take turns by chance, so that listings move."""
        random = np.random.default_rng(seed)
        return [self._session(number, random, buyers, shown) for number in range(n)]

    def _session(
        self, number: int, random: np.random.Generator, buyers: int, shown: int | None
    ) -> Session:
        query = int(random.integers(len(self.features)))
        features = self.features[query]
        by = features[:, 0] + 0.3 * features[:, 1] if random.random() < 0.7 else -features[:, 2]
        positions = np.argsort(np.argsort(-by)).astype(np.int32)
        if shown is not None:
            positions[positions >= shown] = -1
        seen = random.random(len(by)) < self.examined(np.maximum(positions, 0))
        wanted = random.random(len(by)) < self.relevance[query]
        impression = Impression(
            request=RequestId(f"r{number:06d}"),
            at=START + timedelta(minutes=number),
            surface=Surface.SEARCH,
            release=ReleaseId("made-up"),
            listings=tuple(ListingId(f"q{query:03d}-{row:02d}") for row in range(len(by))),
            positions=positions,
            features=features,
            names=NAMES,
            buyer=BuyerId(f"b{number % buyers}"),
            query=f"query {query}",
        )
        rows = np.flatnonzero(seen & wanted & (positions >= 0)).tolist()
        return Session(impression, tuple(click(impression, row) for row in rows))

    def query_of(self, session: Session) -> int:
        return int(session.impression.query.split()[1])


def click(
    impression: Impression, row: int, kind: InteractionKind = InteractionKind.CLICK
) -> Interaction:
    return Interaction(
        EventId(f"{impression.request}-{row}-{kind}"),
        impression.buyer or BuyerId("nobody"),
        impression.listings[row],
        kind,
        impression.at,
        impression.request,
    )


def impression(
    n: int = 4, *, request: str = "r", buyer: str | None = "b", arms: tuple[str, ...] = ()
) -> Impression:
    """Listings l0, l1, … at positions 0, 1, …, with a feature that counts them."""
    return Impression(
        request=RequestId(request),
        at=START,
        surface=Surface.SEARCH,
        release=ReleaseId("made-up"),
        listings=tuple(ListingId(f"l{row}") for row in range(n)),
        positions=np.arange(n, dtype=np.int32),
        features=np.arange(n, dtype=np.float32)[:, np.newaxis],
        names=("taste",),
        buyer=None if buyer is None else BuyerId(buyer),
        query="q",
        experiment="test" if arms else "",
        arms=arms,
    )
