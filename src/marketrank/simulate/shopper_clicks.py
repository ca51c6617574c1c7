"""What people do with a list: look, click, and then save, write, offer or buy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.people import InteractionKind
from marketrank.simulate.shopper_parameters import ClickModel, ShopperParameters
from marketrank.simulate.shopper_stock import Floats
from marketrank.simulate.truth import examination, sigmoid

Bools = NDArray[np.bool_]
KINDS = (
    InteractionKind.CLICK,
    InteractionKind.SAVE,
    InteractionKind.MESSAGE,
    InteractionKind.OFFER,
    InteractionKind.SOLD,
    InteractionKind.HIDE,
)
"""What simulated buyers do; events hold a place in this table."""
CLICK, SAVE, MESSAGE, OFFER, SOLD, HIDE = range(len(KINDS))


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """Which of the shown listings were looked at and clicked, (s, shown), the chance that each is
    looked at, and that of a click once it is."""

    examined: Bools
    clicked: Bools
    chance: Floats
    relevance: Floats


def look(
    relevance: Floats, search: Bools, params: ShopperParameters, rng: np.random.Generator
) -> Looked:
    """`relevance` (s, shown): the chance of a click once looked at."""
    chance = examination(relevance, search, params)
    attracted = rng.random(relevance.shape) < relevance
    dice = rng.random(relevance.shape)
    if params.click_model is ClickModel.POSITION:
        examined = dice < chance
    else:
        on = dice < np.where(attracted, params.go_on_after_click, params.go_on)
        first = np.ones((len(relevance), 1), bool)
        examined = np.logical_and.accumulate(np.concatenate([first, on[:, :-1]], axis=1), axis=1)
    return Looked(examined, examined & attracted, chance, relevance)


def follow(
    looked: Looked,
    attraction: Floats,
    condition: Floats,
    params: ShopperParameters,
    rng: np.random.Generator,
) -> list[Bools]:
    """Who does what, by the table KINDS, each (s, shown). What is seen only after the click
    (`condition`) decides with what attracted before it."""
    shape = attraction.shape
    satisfied = sigmoid(0.7 * attraction + np.float32(params.condition) * condition + 1)
    saved = looked.clicked & (rng.random(shape) < params.save * satisfied)
    wrote = looked.clicked & (rng.random(shape) < params.message * satisfied)
    offered = wrote & (rng.random(shape) < params.offer)
    bought = wrote & (rng.random(shape) < params.buy)
    disliked = looked.examined & ~looked.clicked & (looked.relevance < 0.03)
    hidden = disliked & (rng.random(shape) < params.hide)
    return [looked.clicked, saved, wrote, offered, bought, hidden]
