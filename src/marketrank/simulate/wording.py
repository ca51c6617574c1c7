"""Titles and descriptions, as people write them."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketrank.simulate.kinds import Kind
from marketrank.simulate.phrases import phrases
from marketrank.simulate.typing_slips import Hand, cased, sentences_joined, typed

_TOLD = (
    "oak",
    "pine",
    "walnut",
    "mahogany",
    "beech",
    "teak",
    "leather",
    "velvet",
    "brass",
    "rattan",
    "wool",
    "gold",
    "silver",
)
_MEASURED = ("wood", "cloth", "metal", "outdoor", "material")
"""Kinds of wear of the things that people measure."""
_FLAT_CONDITIONS = {
    "new": "brand new condition",
    "like new": "as new condition",
    "very good": "great condition",
    "good": "good condition",
    "worn": "fair condition",
    "poor": "need of repair",
}
_CHOICE = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on sale: its kind and what it happens to be. Empty strings are "does not say"."""

    kind: Kind
    noun: str
    colour: str
    material: str
    brand: str
    size: str
    spec: str
    condition: str
    pounds: float
    town: str


def expand(template: str, slots: Mapping[str, str], rng: random.Random) -> str:
    """One way of saying it: "[a|b]" becomes a or b, "{slot}" its value. "{Slot}" is the value
    with a capital, "{SLOT}" in capitals."""
    while _CHOICE.search(template):
        template = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template, count=1)

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        value = slots[name.lower()]
        if name.isupper():
            return value.upper()
        return value[:1].upper() + value[1:] if name[0].isupper() else value

    return re.sub(r"\{(\w+)\}", fill, template)


def title(item: Item, hand: Hand, rng: random.Random) -> str:
    """What the item is called: a noun with some of colour, material, brand, size, praise."""
    kind = item.kind
    parts = [item.noun]
    if item.colour and kind.tells_colour and item.colour not in item.noun and rng.random() < 0.5:
        parts.insert(0, item.colour)
    told = _told_material(item)
    if told and told not in " ".join(parts) and rng.random() < 0.75:
        parts.insert(len(parts) - 1, told)
    if (
        item.spec
        and item.spec.split()[0].lower() not in " ".join(parts).lower()
        and rng.random() < 0.5
    ):
        parts.insert(0, item.spec)
    if item.brand and rng.random() < 0.45:
        parts.insert(0, item.brand)
    if item.size and rng.random() < 0.5:
        parts.insert(rng.choice((0, len(parts))), item.size)
    if rng.random() < 0.1:
        parts.insert(0, rng.choice(phrases().title_praise))
    text = " ".join(parts)
    slots = _slots(item, rng)
    tails = {"new": phrases().title_new, "poor": phrases().title_poor}.get(
        item.condition, phrases().title_tails
    )
    if item.condition == "poor" or rng.random() < 0.36:
        text += rng.choice((" ", " ", ", ", " - ")) + expand(rng.choice(tails), slots, rng).lstrip(
            "- "
        )
    if rng.random() < 0.025:
        text = rng.choice(phrases().title_heads) + text
    case = hand.case if rng.random() < 0.85 else rng.choice(("sentence", "title", "upper"))
    text = cased(typed(text, hand, rng), case)
    return text + (rng.choice(("!", "!!", " ***", "..")) if rng.random() < 0.03 else "")


def _told_material(item: Item) -> str:
    return item.material if item.material in _TOLD else ""


def _slots(item: Item, rng: random.Random) -> dict[str, str]:
    condition = expand(rng.choice(phrases().conditions[item.condition].words), {}, rng)
    told = _told_material(item)
    colour = item.colour if item.kind.tells_colour and item.colour != told else ""
    thing = item.noun
    for word in (
        rng.choice((told, told, "")),
        rng.choice((colour, colour, "")),
        rng.choice((item.spec, "")),
    ):
        if word and word.split()[-1] not in thing:
            thing = f"{word} {thing}"
    many = item.noun.endswith("s") and not item.noun.endswith(("ss", "us", "lens"))
    article = "some" if many else "an" if thing[0].lower() in "aeiou" else "a"
    well = "condition" in condition or condition.endswith("order")
    return {
        "thing": thing,
        "noun": item.noun,
        "condition": condition,
        "town": item.town,
        "colour": item.colour or "Various",
        "condition_in": condition.removeprefix("in ") if well else _FLAT_CONDITIONS[item.condition],
        "our": rng.choice(("my", "our", "these" if many else "this", article, "")),
        "a_nice": rng.choice(
            (article, ("some " if many else "a ") + rng.choice(("lovely", "nice", "great")))
        ),
        "size": item.size or "standard size",
        "brand": item.brand,
        "age": rng.choice(phrases().ages),
        "pounds": f"{item.pounds:g}",
        "dear": f"{_round_up(item.pounds * rng.uniform(1.8, 4.5)):g}",
        "post": rng.choice(("3", "3.50", "4", "5")),
        "phone": phone(rng),
        "email": f"{item.noun.split()[-1].lower().strip('.')}{rng.randrange(10, 99)}@example.com",
    }


def phone(rng: random.Random) -> str:
    """A number that Ofcom keeps for drama: 07700 900000 to 900999."""
    last = f"{rng.randrange(1000):03d}"
    return rng.choice(
        (f"07700 900{last}", f"07700900{last}", f"07700-900-{last}", f"+44 7700 900{last}")
    )


def _round_up(pounds: float) -> float:
    step = 5 if pounds < 100 else 10 if pounds < 500 else 50
    return max(step, round(pounds / step) * step)


def description(item: Item, hand: Hand, rng: random.Random, *, free: bool, contact: bool) -> str:
    """A private seller's text: from a few words to a dozen sentences."""
    kind, slots = item.kind, _slots(item, rng)
    n = rng.choices((1, 2, 3, 5, 8, 12, 17), (7, 18, 24, 24, 14, 8, 5))[0]
    said = [rng.choice(phrases().openings)]
    if not item.size and "{size}" in said[0].lower():
        said = ["{Thing}."]
    pool: list[str] = []
    pool += rng.sample(kind.details, min(len(kind.details), 1 + n // 3))
    pool.append(rng.choice(phrases().condition_lines))
    pool.append(rng.choice(phrases().reasons[kind.reason]))
    flawed = {"worn": 1.0, "poor": 1.0, "good": 0.6, "very good": 0.25}.get(item.condition, 0.0)
    if rng.random() < flawed:
        pool.append(rng.choice(phrases().defects[kind.wear]))
    pool.append(rng.choice(phrases().free_lines if free else phrases().price_lines))
    if item.size:
        pool.append(rng.choice(phrases().size_lines))
    if item.brand:
        pool.append(rng.choice(phrases().brand_lines))
    if n > 5:
        pool += rng.sample(phrases().extra_lines, n // 3)
        pool += [rng.choice(phrases().price_lines), rng.choice(phrases().reasons[kind.reason])]
        if kind.wear in _MEASURED:
            pool.append(_measures(rng))
        pool = list(dict.fromkeys(pool))
    ends = [rng.choice(phrases().collection_lines)]
    if rng.random() < 0.45:
        ends.append(rng.choice(phrases().closings))
    if contact:
        ends.append(rng.choice(phrases().contact_lines))
    said += _in_order(pool, max(0, n - 1), rng) + (
        ends if n > 1 or contact or rng.random() < 0.5 else []
    )
    return _written(said, slots, hand, rng)


def trade_description(item: Item, hand: Hand, rng: random.Random) -> str:
    """A trader's text: shouting, bullets, terms."""
    slots = _slots(item, rng)
    mark = rng.choice(("●", "✔️", "-", "•", "👉", "*"))
    bullets = [f"{mark} {line}" for line in rng.sample(phrases().trade_bullets, rng.randint(4, 11))]
    told = rng.sample(phrases().trade_paragraphs, rng.choices((0, 1, 3, 6), (35, 30, 25, 10))[0])
    said = [
        rng.choice(phrases().trade_openings),
        *told,
        *rng.sample(item.kind.details, min(2, len(item.kind.details))),
        *bullets,
        *rng.sample(phrases().trade_closings, 2),
    ]
    lines = [expand(line, slots, rng) for line in said]
    return "\n".join(lines) if rng.random() < 0.6 else " ".join(lines)


def _measures(rng: random.Random) -> str:
    """Some dimensions, one to a line or in a row."""
    sides = {
        name: str(rng.randrange(low, high))
        for name, low, high in (("h", 18, 190), ("w", 20, 160), ("d", 15, 90))
    }
    told = (
        rng.sample(phrases().measures[:3], 3)
        if rng.random() < 0.5
        else [rng.choice(phrases().measures[3:])]
    )
    for name, value in sides.items():
        told = [line.replace("{" + name + "}", value) for line in told]
    return rng.choice(("\n", ", ", " ")).join(told) + "."


def _in_order(pool: Sequence[str], n: int, rng: random.Random) -> list[str]:
    chosen = sorted(rng.sample(range(len(pool)), min(n, len(pool))))
    if rng.random() < 0.3:
        rng.shuffle(chosen)
    return [pool[i] for i in chosen]


def _written(said: Sequence[str], slots: Mapping[str, str], hand: Hand, rng: random.Random) -> str:
    lines = []
    for template in said:
        line = expand(template, slots, rng).strip()
        spared = "@" in line or "07700" in line or "7700 900" in line
        lines.append(line if spared else typed(line, hand, rng))
    return sentences_joined(lines, hand, rng)
