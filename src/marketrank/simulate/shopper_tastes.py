"""Who buyers are, and what follows for their tastes: groups tilt what is wanted, people differ
more than groups do."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_stock import STYLE, Floats, Ints, Kinds, unit

_PERSONAL = 8
"""Dimensions of what people like beside their groups' likes."""


@dataclass(frozen=True, slots=True)
class Group:
    """One value of an attribute. `wealth` is added to the logarithm of the prices that suit;
    `tilts` are factors by root category."""

    name: str
    share: float
    wealth: float
    tilts: Mapping[str, float]


@lru_cache(maxsize=1)
def groups() -> Mapping[str, tuple[Group, ...]]:
    """The values of each attribute (age, sex, household), read once per process."""
    text = (files("marketrank.simulate") / "stock" / "groups.toml").read_text("utf-8")
    return {
        attribute: tuple(
            Group(
                name,
                row["share"],
                row["wealth"],
                {root: factor for root, factor in row.items() if root not in {"share", "wealth"}},
            )
            for name, row in rows.items()
        )
        for attribute, rows in tomllib.loads(text).items()
    }


ATTRIBUTES = ("age", "sex", "household")


@dataclass(frozen=True, slots=True, eq=False)
class Tastes:
    """Of b buyers. `logits` (b, kinds): log-odds of wanting a kind; `liking` the same less what
    everybody has, clipped to ±2.5; `style` (b, STYLE) unit vectors; `wealth` (b,): by how much, as
    a logarithm, the prices that suit exceed the usual ones."""

    logits: Floats
    liking: Floats
    style: Floats
    wealth: Floats


def draw_tastes(
    members: Mapping[str, Ints],
    region: Ints,
    kinds: Kinds,
    params: ShopperParameters,
    rng: np.random.Generator,
) -> Tastes:
    """`members[attribute]` (b,) are places in `groups()[attribute]`, `region` (b,) numbers."""
    b, n = len(region), len(kinds.kinds)
    liking = np.zeros((b, n))
    style = np.zeros((b, STYLE))
    wealth = rng.normal(0, 0.35, b)
    for attribute in ATTRIBUTES:
        every = groups()[attribute]
        tilt = np.log([[one.tilts.get(root, 1.0) for root in kinds.roots] for one in every])
        drawn = rng.normal(0, params.taste_by_group, (len(every), n))
        liking += (params.taste_tilt * tilt + drawn)[members[attribute]]
        by_group = rng.normal(0, params.style_by_group, (len(every), STYLE))
        style += by_group[members[attribute]] / np.sqrt(STYLE)
        wealth += np.array([one.wealth for one in every])[members[attribute]]
    liking += rng.normal(0, params.taste_by_group / 2, (int(region.max()) + 1, n))[region]
    liking += _personal(kinds, b, params, rng)
    style += rng.normal(0, params.style_personal, (b, STYLE)) / np.sqrt(STYLE)
    liking = liking - liking.mean(axis=0)
    return Tastes(
        logits=(np.log(kinds.weights) + liking).astype(np.float32),
        liking=np.clip(liking, -2.5, 2.5).astype(np.float32),
        style=unit(style.astype(np.float32)),
        wealth=wealth.astype(np.float32),
    )


def _personal(
    kinds: Kinds, b: int, params: ShopperParameters, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A few interests of each buyer, shared by kinds of one category more than by others."""
    interests = rng.normal(size=(int(kinds.category.max()) + 1, _PERSONAL))
    own = rng.normal(size=(len(kinds.kinds), _PERSONAL))
    of_kind = (0.8 * interests[kinds.category] + 0.6 * own) / np.sqrt(_PERSONAL)
    mine = rng.normal(0, params.taste_personal, (b, _PERSONAL))
    return np.asarray(mine @ of_kind.T, np.float64)


def mutual_information(a: Ints, b: Ints) -> float:
    """Of two columns of numbers, in nats: how much one tells of the other."""
    counts = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(counts, (a, b), 1)
    joint = counts / counts.sum()
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / apart[seen])).sum())
