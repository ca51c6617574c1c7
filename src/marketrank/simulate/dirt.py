"""What is wrong with real feeds: rows that cleaning must mend, link, flag or reject."""

import html
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from marketrank.simulate.adverts import Advert, new_id
from marketrank.simulate.phrases import phrases
from marketrank.simulate.wording import phone

_SITE = "Gumtree"
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_JOKES = ("£123,456.00", "£1,234,567.00", "£9,999,999.00", "£99,999.00", "£0.01", "£11,111.00")


@dataclass(frozen=True, slots=True)
class Dirty:
    """A feed with its dirt. `copies` maps an image id to the one whose bytes it shares, `reworked`
    to the one that it is a smaller copy of; `orphans` are image ids of unknown listings and
    `missing` lines of the images table without a file, as (image id, listing id)."""

    adverts: tuple[Advert, ...]
    copies: dict[str, str] = field(default_factory=dict)
    reworked: dict[str, str] = field(default_factory=dict)
    orphans: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()


def count_of(share: float, n: int) -> int:
    """That share of n, and at least one where n allows for it."""
    return max(round(share * n), 1 if n >= 40 else 0)


def soil(adverts: Sequence[Advert], rng: random.Random) -> Dirty:
    """The adverts with the usual dirt, some repeated; the order is shuffled by the repeats."""
    rows = [_smudge(advert, rng) for advert in adverts]
    n = len(rows)
    for share, change in _RARE:
        for i in rng.sample(range(n), min(n, count_of(share, n))):
            rows[i] = change(rows[i], rng)
    copies: dict[str, str] = {}
    reworked: dict[str, str] = {}
    pictured = [row for row in rows if row.photos and row.title and row.id]
    for row in rng.sample(pictured, min(len(pictured), count_of(0.013, n))):
        again = _again(row, rng)
        copies |= dict(zip(again.photos, row.photos, strict=True))
        rows.insert(rng.randrange(len(rows) + 1), again)
    for row in rng.sample(pictured, min(len(pictured), count_of(0.013, n))):
        again = _edited(_again(row, rng), rng)
        reworked |= dict(zip(again.photos, row.photos, strict=True))
        rows.insert(rng.randrange(len(rows) + 1), again)
    for row in rng.sample(pictured, min(len(pictured), count_of(0.006, n))):
        other = rng.choice(pictured)
        if (
            other is not row
            and other.photos[0] not in copies
            and row.photos[0] not in copies.values()
        ):
            copies[row.photos[0]] = other.photos[0]
    copies = {image: _source(image, copies) for image in copies}
    reworked = {image: copies.get(source, source) for image, source in reworked.items()}
    orphans = tuple(new_id(rng) for _ in range(count_of(0.0015, n)))
    missing = tuple((new_id(rng), rng.choice(rows).id) for _ in range(count_of(0.0015, n)))
    return Dirty(tuple(rows), copies, reworked, orphans, missing)


def _source(image: str, copies: dict[str, str]) -> str:
    seen = {image}
    while (source := copies.get(image)) is not None and source not in seen:
        image = source
        seen.add(image)
    return image


def _smudge(advert: Advert, rng: random.Random) -> Advert:
    """What any row may have: site suffix, seller type, posting line, entities, mojibake."""
    title, category, text, place = (
        advert.title,
        advert.category,
        advert.description,
        advert.location,
    )
    if rng.random() < 0.2:
        title = f"{title} | in {place} | {_SITE}"
    if rng.random() < 0.075:
        text += rng.choice((". ", " . ", " ")) + _posted(advert, rng)
    if rng.random() < 0.03:
        category += " / Private"
    if rng.random() < 0.03:
        text = (
            html.escape(text)
            .replace("£", "&pound;")
            .replace("\n", "<br>" if rng.random() < 0.5 else "\n")
        )
        title = html.escape(title)
    elif rng.random() < 0.03:
        text, title = _mojibake(_typographic(text)), _mojibake(_typographic(title))
    elif rng.random() < 0.1:
        text = _typographic(text)
    if rng.random() < 0.036 and ", " in place:
        place = place.split(", ")[0]
    return replace(advert, title=title, category=category, description=text, location=place)


def _posted(advert: Advert, rng: random.Random) -> str:
    year, month, day = (int(part) for part in advert.created[:10].split("-"))
    town = advert.location.split(", ")[0]
    label = ", ".join(advert.category.split(" / ")[-2:])
    who, date = rng.choice(phrases().posters), f"{day} {_MONTHS[month - 1]} {year}"
    return f"Posted by {who} in {label} in {town}. {date}"


def _typographic(text: str) -> str:
    return text.replace("'", "’").replace(" - ", " – ")


def _mojibake(text: str) -> str:
    """UTF-8 read as Windows-1252, as exports do; what that cannot read stays."""
    out = []
    for letter in text:
        try:
            out.append(letter.encode().decode("cp1252"))
        except UnicodeDecodeError:
            out.append(letter)
    return "".join(out)


def _again(advert: Advert, rng: random.Random) -> Advert:
    """The same advertisement placed once more."""
    return replace(advert, id=new_id(rng), photos=tuple(new_id(rng) for _ in advert.photos))


def _edited(advert: Advert, rng: random.Random) -> Advert:
    """Placed once more with a lower price or another word."""
    text = advert.description + rng.choice(
        (" Price reduced.", " Still available.", " Open to offers.", " Relisted.")
    )
    title = advert.title.split(" | in ")[0]
    price = advert.price
    if price.startswith("£") and rng.random() < 0.6:
        price = f"£{max(1.0, round(float(price[1:].replace(',', '')) * 0.85)):,.2f}"
    return replace(
        advert,
        title=rng.choice((f"{title} REDUCED", title, f"{title} ")),
        description=text,
        price=price,
    )


def _contact(advert: Advert, rng: random.Random) -> Advert:
    # ZZ99 postcodes are pseudo-codes that no address has.
    return replace(
        advert, description=f"{advert.description} Call {phone(rng)}, postcode ZZ99 3VZ."
    )


_RARE: tuple[tuple[float, Callable[[Advert, random.Random], Advert]], ...] = (
    (0.004, lambda advert, rng: replace(advert, price=rng.choice(_JOKES))),
    (0.006, lambda advert, rng: replace(advert, price="N/A")),
    (0.004, lambda advert, rng: replace(advert, location="N/A")),
    (0.007, lambda advert, rng: replace(advert, description="N/A")),
    (0.002, lambda advert, rng: replace(advert, category="N/A")),
    (0.003, lambda advert, rng: replace(advert, created="")),
    (0.005, _contact),
    (0.002, lambda advert, rng: replace(advert, title=rng.choice(("", "N/A", " ")))),
    (0.0015, lambda advert, rng: replace(advert, id="")),
)
"""Shares of listings, and what happens to them."""
