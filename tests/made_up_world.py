"""Buyers of two or more groups before a feed that may steer, whose truth is known."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.audit_table import AuditTable, Fact

Numbers = NDArray[np.int64]
START = datetime(2026, 1, 5, tzinfo=UTC)
SHOWN = 10


@dataclass(frozen=True)
class World:
    """`share` of the listings are shown by `steer` (log-odds) more to the first group and less to
    the others, or the other way round. `busy`: how much oftener the first group comes."""

    seed: int
    buyers: int = 300
    listings: int = 120
    sessions: int = 2_000
    share: float = 0.0
    steer: float = 0.0
    busy: float = 1.0
    values: tuple[str, ...] = ("left", "right")

    def group(self) -> Numbers:
        return self._random(1).integers(0, len(self.values), self.buyers)

    def steered(self) -> NDArray[np.bool_]:
        return np.arange(self.listings) < round(self.share * self.listings)

    def table(self, *, depth: int = SHOWN) -> AuditTable:
        random, group = self._random(2), self.group()
        rate = random.gamma(2, 1, self.buyers) * np.where(group == 0, self.busy, 1)
        buyer = random.choice(self.buyers, self.sessions, p=rate / rate.sum())
        sign = np.where(np.arange(self.listings) % 2, 1, -1) * self.steered()
        utility = (
            random.normal(0, 0.3, self.listings)
            + self.steer * sign * np.where(group == 0, 1, -1)[:, np.newaxis]
        )
        scores = utility[buyer] + random.gumbel(size=(self.sessions, self.listings))
        best = np.argsort(-scores, axis=1)[:, :depth]
        at = [START + timedelta(minutes=n) for n in range(self.sessions)]
        position = np.tile(np.arange(depth), self.sessions)
        return AuditTable(
            attributes={"side": tuple(self.values[one] for one in group)},
            n_buyers=self.buyers,
            facts=tuple(Fact(("Jobs",) if one else ("Garden",)) for one in self.steered().tolist()),
            listings=tuple(f"l{n:03d}" for n in range(self.listings)),  # type: ignore[misc]
            session_buyer=buyer,
            session_stratum=np.zeros(self.sessions, np.int64),
            session_at=np.array([round(one.timestamp() * 1e6) for one in at], np.int64),
            session_feed=np.ones(self.sessions, np.bool_),
            row_session=np.repeat(np.arange(self.sessions), depth),
            row_listing=best.ravel(),
            position=position,
            logged=position,
            gain=np.zeros(self.sessions * depth),
        )

    def _random(self, part: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, part])
