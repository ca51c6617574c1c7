"""Advice on a draft as the page shows it: in plain words, with shares and places on a line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from marketrank.api import wording
from marketrank.api.pages import Card, card
from marketrank.api.parameters import category_text
from marketrank.api.wording import Caution
from marketrank.asking import Item
from marketrank.models.price_interval import PriceRange
from marketrank.pipelines.drafts import Advised, DraftPhoto, Looked, Similar
from marketrank.types import Money

WIDTH = 300
"""Of the line on which prices lie, in units of its picture."""
_EDGE = 8


@dataclass(frozen=True, slots=True)
class CategoryView:
    """`value` is what a form sends; `p` lies between 0 and 1."""

    value: str
    label: str
    p: float
    percent: str


@dataclass(frozen=True, slots=True)
class PriceView:
    """Prices as texts, "" where unknown. `places` are where low, suggested, high and the seller's
    own lie on a logarithmic line of WIDTH, None for what is unknown. `verdict` compares."""

    suggested: str
    low: str
    high: str
    share: str
    own: str
    places: dict[str, float | None]
    verdict: str


@dataclass(frozen=True, slots=True)
class PhotoView:
    number: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdviceView:
    """`summary` says the most important in one line, for those who listen to the page. Without a
    model `remedy` says what is missing, and what takes one is empty."""

    summary: str
    title: tuple[str, ...]
    spelling: str
    cautions: tuple[Caution, ...]
    photos: tuple[PhotoView, ...]
    n_photos: int
    categories: tuple[CategoryView, ...] = ()
    price: PriceView | None = None
    live: tuple[Card, ...] = ()
    sold: tuple[Card, ...] = ()
    remedy: str = ""


def advice_view(found: Advised, *, now: datetime, country: str) -> AdviceView:
    likely = tuple(_category(one.path, one.probability) for one in found.categories)
    price = None if found.price is None else price_view(found.price, found.listing.price)
    said = [f"Probably {likely[0].label}, {likely[0].percent}"] if likely else []
    said += [f"about {price.suggested}"] if price else []
    said += [f"{len(found.warnings)} to check"] if found.warnings else []
    return AdviceView(
        summary="; ".join(said),
        title=tuple(one.advice for one in found.title),
        spelling=found.spelling or "",
        cautions=wording.cautions_of(found.warnings),
        photos=_photos(found.photos),
        n_photos=len(found.photos),
        categories=likely,
        price=price,
        live=_cards(found.live, now, country),
        sold=_cards(found.sold, now, country),
    )


def plain_view(found: Looked, remedy: str) -> AdviceView:
    """What can be said without a model, and what would help."""
    return AdviceView(
        summary="Title and photos are checked; there is no model for the rest",
        title=tuple(one.advice for one in found.title),
        spelling="",
        cautions=wording.cautions_of(found.warnings),
        photos=_photos(found.photos),
        n_photos=len(found.photos),
        remedy=remedy,
    )


def price_view(found: PriceRange, own: Money | None) -> PriceView:
    comparable = own if own is not None and own.currency == found.middle.currency else None
    prices = {"low": found.low, "suggested": found.middle, "high": found.high, "own": comparable}
    shown = {name: "" if one is None else str(_rounded(one)) for name, one in prices.items()}
    if comparable is not None:
        shown["own"] = wording.price(comparable)
    return PriceView(
        suggested=shown["suggested"],
        low=shown["low"],
        high=shown["high"],
        share="" if found.share is None else wording.in_ten(found.share),
        own=shown["own"],
        places=_places({name: one.minor for name, one in prices.items() if one is not None}),
        verdict=_verdict(found, comparable),
    )


def _verdict(found: PriceRange, own: Money | None) -> str:
    if own is None or own.minor == 0:
        return ""
    if found.low is not None and own.minor < found.low.minor:
        return "Your price is below what most ask: it may sell at once, or make buyers wary."
    if found.high is not None and own.minor > found.high.minor:
        return "Your price is above what most ask: say in the description why it is worth it."
    if found.low is not None and found.high is not None:
        return "Your price is within what most ask."
    return ""


def _rounded(money: Money) -> Money:
    """To three figures: an estimate of £123.47 pretends to know more than it does."""
    if money.minor < 10_000:
        return Money(round(money.minor, -2) or money.minor, money.currency)
    step = 10 ** (math.floor(math.log10(money.minor)) - 2)
    return Money(round(money.minor / step) * step, money.currency)


def _places(minor: dict[str, int]) -> dict[str, float | None]:
    """Where prices lie on the line, by logarithm: half and double are as far from the middle."""
    logs = {name: math.log(max(one, 1)) for name, one in minor.items()}
    low, high = min(logs.values()), max(logs.values())
    span = max(high - low, 1e-9)
    placed = {
        name: round(_EDGE + (one - low) / span * (WIDTH - 2 * _EDGE), 1)
        for name, one in logs.items()
    }
    if high == low:
        placed = dict.fromkeys(logs, WIDTH / 2)
    return {name: placed.get(name) for name in ("low", "suggested", "high", "own")}


def _category(path: tuple[str, ...], p: float) -> CategoryView:
    return CategoryView(category_text(path), " › ".join(path), round(p, 3), f"{round(100 * p)} %")


def _photos(found: Sequence[DraftPhoto]) -> tuple[PhotoView, ...]:
    """Those of which something is to be said, numbered as they were sent."""
    said = []
    for number, one in enumerate(found, start=1):
        lines = (
            (f"It cannot be used: {one.problem}.",)
            if one.problem
            else tuple(each.advice for each in one.advice)
        )
        if lines:
            said.append(PhotoView(number, lines))
    return tuple(said)


def _cards(found: Sequence[Similar], now: datetime, country: str) -> tuple[Card, ...]:
    return tuple(
        card(Item(one.listing, one.score, findings=one.findings), now=now, country=country)
        for one in found
    )
