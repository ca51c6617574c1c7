"""What is known of buyers, as the tower reads it. How it reads is a `TowerModel`, learned
elsewhere; what it may be told is decided here, by consent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from marketrank.buyers.listing_space import Space, point_of
from marketrank.buyers.profile import Facts
from marketrank.people import Buyer, Interaction, InteractionKind, Purpose
from marketrank.types import ModelVersion, Place

Floats = NDArray[np.float32]
_SECONDS_PER_DAY = 86_400


class TowerModel(Protocol):
    """Buyers to points of the listing space of one encoder."""

    @property
    def encoder(self) -> ModelVersion:
        """The version whose vectors it reads, and no other's."""

    @property
    def space(self) -> Mapping[str, Any]:
        """The fields of its Space."""

    @property
    def kinds(self) -> Sequence[str]:
        """Kinds of events in the order of their numbers."""

    @property
    def history(self) -> int:
        """How many of the latest events it looks at."""

    @property
    def temperature(self) -> float:
        """What a score is divided by to be a logarithm of odds."""

    @property
    def interest(self) -> float:
        """The score from which a buyer is taken to be interested."""

    def points(
        self,
        history: Floats,
        *,
        kinds: NDArray[np.int64],
        ages_days: NDArray[np.float64],
        present: NDArray[np.bool_],
        attributes: Sequence[Mapping[str, str]],
        places: Floats,
    ) -> Floats:
        """Shape (n, width) for n buyers. `history` (n, events, width) are described listings, with
        kinds and ages (n, events) where `present` is True; `places` (n, place_width), zeros for
        none."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What may be used of one buyer: events, latest first, with the facts of their listings row by
    row; attributes and place."""

    interactions: Sequence[Interaction] = ()
    facts: Facts | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None

    @property
    def is_empty(self) -> bool:
        return not self.interactions and not self.attributes and self.place is None


def allowed(
    buyer: Buyer, interactions: Sequence[Interaction], *, demographics: bool = True
) -> Known:
    """What a buyer agreed to have used, without facts yet: events for Purpose.HISTORY, attributes
    and place for Purpose.DEMOGRAPHICS, these only where `demographics` is True."""
    personal = demographics and buyer.allows(Purpose.DEMOGRAPHICS)
    return Known(
        interactions=tuple(interactions) if buyer.allows(Purpose.HISTORY) else (),
        attributes=buyer.attributes if personal else {},
        place=buyer.place if personal else None,
    )


def space_of(model: TowerModel) -> Space:
    raw = model.space
    return Space(
        int(raw["dim"]), int(raw["bumps"]), tuple(map(float, raw["scales_km"])), int(raw["waves"])
    )


def points_of(model: TowerModel, space: Space, known: Sequence[Known], at: datetime) -> Floats:
    """Shape (n, width): buyers as they are known at a moment."""
    most = max([1, *(min(len(one.interactions), model.history) for one in known)])
    n = len(known)
    history = np.zeros((n, most, space.width), np.float32)
    kinds = np.zeros((n, most), np.int64)
    ages = np.zeros((n, most))
    present = np.zeros((n, most), np.bool_)
    numbers = {kind: number for number, kind in enumerate(model.kinds)}
    before: Facts | None = None
    described = np.zeros((0, space.width), np.float32)
    for row, one in enumerate(known):
        if one.facts is None or not one.interactions:
            continue
        facts = one.facts
        held = np.asarray(facts.vectors.any(axis=1))
        chosen = [
            place
            for place, event in enumerate(one.interactions)
            if held[place] and event.kind in numbers
        ][: model.history]
        count = len(chosen)
        if facts is not before:  # one buyer may come several times, known by more or less
            taken = np.array(chosen, np.int64)
            described = space.describe(
                facts.vectors[taken], facts.prices[taken], facts.points[taken]
            )
            before = facts
        history[row, :count] = described
        events = [one.interactions[place] for place in chosen]
        kinds[row, :count] = [numbers[event.kind] for event in events]
        ages[row, :count] = [(at - event.at).total_seconds() / _SECONDS_PER_DAY for event in events]
        present[row, :count] = True
    points = np.array([point_of(one.place) for one in known], np.float32).reshape(n, 3)
    attributes = [one.attributes for one in known]
    return model.points(
        history,
        kinds=kinds,
        ages_days=ages,
        present=present,
        attributes=attributes,
        places=space.places(points),
    )


KINDS = tuple(InteractionKind)
"""In the order of their numbers in training."""
