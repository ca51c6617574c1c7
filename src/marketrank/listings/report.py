"""The data report: one HTML page that shows what is in the store, and what is odd about it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from wordcloud import STOPWORDS

from marketrank.errors import BadInput
from marketrank.listings.contacts import mask
from marketrank.listings.report_facts import FIELDS, Facts, Point, gather
from marketrank.listings.report_plots import (
    aspect_plot,
    count_plot,
    map_plot,
    price_plot,
    size_plot,
    word_cloud,
)
from marketrank.types import Duplicate, Money, Rejected, Stored

PAGE = "index.html"
_TEMPLATE = "report.html.jinja"
_MOST_ROOTS = 16
_MOST_SECONDS = 30
_MOST_TOWNS = 14
_MOST_SIZES = 8
_MOST_EXAMPLES = 20
_MOST_PHOTOS = 10
_MOST_WORDS = 110
_RAW_LENGTH = 300
_CLOUD_SEED = 1
_NO_CATEGORY = "(no category)"
_OTHERS = "all others"
# Nobody wrote them: what masking leaves behind.
_UNTOLD = frozenset(STOPWORDS) | {"tel", "email", "postcode"}
_KINDS = {
    "exact_text": "the same text",
    "near_text": "nearly the same text",
    "exact_photo": "the same photo",
    "near_photo": "a photo that looks the same",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table with a bar for `share`, 0 to 1; `rows` are its parts. A `rest` has no
    bar: it would dwarf those that it is the rest of."""

    label: str
    count: int
    share: float
    rows: tuple["Row", ...] = ()
    rest: bool = False


def write_report(
    out: Path,
    *,
    listings: Iterable[Stored],
    rejected: Sequence[Rejected],
    duplicates: Sequence[Duplicate],
    at: datetime,
) -> Path:
    """Write `index.html` into the folder `out`, made where there is none; returns its path.

    The page needs nothing besides itself: style, plots and pictures are in it. `listings` is read
    once; ended ones are only counted. Contact details in what was rejected are masked again.
    Raises BadInput where `out` cannot be a folder.
    """
    examples = duplicates[:: max(1, len(duplicates) // _MOST_EXAMPLES)][:_MOST_EXAMPLES]
    titles_of = {name for link in examples for name in (link.listing, link.of)}
    facts = gather(listings, titles_of=titles_of)
    context = {
        "at": at,
        "tiles": _tiles(facts, rejected, duplicates),
        "ended": facts.live[False],
        "days": sorted(facts.days),
        **_price_part(facts),
        **_place_part(facts),
        "categories": _category_rows(facts),
        **_photo_part(facts),
        **_word_part(facts),
        **_quality_part(facts),
        **_rejection_part(rejected),
        **_duplicate_part(duplicates, examples, facts),
    }
    page = out / PAGE
    try:
        out.mkdir(parents=True, exist_ok=True)
        page.write_text(_render(context), encoding="utf-8")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise BadInput(
            f"cannot write the report to {out} ({error.strerror}); name a folder with --out"
        ) from error
    return page


def _render(context: Mapping[str, Any]) -> str:
    source = files("marketrank.listings").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    jinja = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    jinja.filters["number"] = lambda count: f"{count:,}"
    jinja.filters["percent"] = _percent
    return jinja.from_string(source).render(context)


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.{0 if share in (0, 1) else 1}f} %"


def _rows(counts: Mapping[str, int], whole: int, *, most: int | None = None) -> tuple[Row, ...]:
    """The biggest first, ties by label; those after `most` as one."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    kept, rest = ordered[:most], ordered[most:] if most else []
    whole = max(1, whole)
    rows = [Row(label, count, count / whole) for label, count in kept]
    if rest:
        count = sum(count for _, count in rest)
        rows.append(Row(f"{_OTHERS} ({len(rest):,})", count, count / whole, rest=True))
    return tuple(rows)


def _tiles(
    facts: Facts, rejected: Sequence[Rejected], duplicates: Sequence[Duplicate]
) -> list[tuple[str, str, str]]:
    """Number, what it counts, and a remark."""
    live = facts.live[True]
    photos = sum(facts.sizes.values())
    repeated = len({link.listing for link in duplicates})
    roots = {path[0] for path in facts.categories if path}
    currency, prices = _main_prices(facts)
    every = [amount for row in prices.values() for amount in row]
    middle = str(Money(round(np.median(every)), currency)) if every else "–"
    located = sum(facts.points.values())
    return [
        (f"{live:,}", "live listings", f"in {len(roots):,} categories" if roots else ""),
        (f"{photos:,}", "photos", f"{photos / live:.2f} a listing" if live else ""),
        (middle, "median price", f"of {len(every):,} prices in {currency}" if every else ""),
        (f"{located:,}", "on the map", _of(located, live)),
        (f"{repeated:,}", "duplicates", _of(repeated, live)),
        (f"{len(rejected):,}", "rejected", "listings and photos"),
    ]


def _of(count: int, whole: int) -> str:
    return f"{_percent(count / whole)} of the listings" if whole else ""


def _main_prices(facts: Facts) -> tuple[str, Mapping[str, Sequence[int]]]:
    """The currency with the most prices, and its prices by root category."""
    sizes = {code: sum(map(len, rows.values())) for code, rows in facts.prices.items()}
    if not sizes:
        return "", {}
    currency = min(sizes, key=lambda code: (-sizes[code], code))
    return currency, facts.prices[currency]


def _price_part(facts: Facts) -> dict[str, Any]:
    currency, by_root = _main_prices(facts)
    positive = {
        root or _NO_CATEGORY: [amount for amount in amounts if amount > 0]
        for root, amounts in by_root.items()
    }
    ordered = sorted(positive.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    shown = {root: amounts for root, amounts in ordered[:_MOST_ROOTS] if amounts}
    rest = [amount for _, amounts in ordered[_MOST_ROOTS:] for amount in amounts]
    if rest:
        shown[_OTHERS] = rest
    quarters = [
        (root, len(row), *(str(Money(round(q), currency)) for q in np.quantile(row, _QUARTERS)))
        for root, row in shown.items()
    ]
    return {
        "currency": currency,
        "price_plot": Markup(price_plot(shown, currency)) if shown else None,
        "price_quarters": quarters,
        "free": sum(amount == 0 for row in by_root.values() for amount in row),
        "other_currencies": {
            code: sum(map(len, rows.values()))
            for code, rows in sorted(facts.prices.items())
            if code != currency
        },
    }


_QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)


def _place_part(facts: Facts) -> dict[str, Any]:
    counts = Counter({name: sum(points.values()) for name, points in facts.towns.items()})
    biggest = sorted(counts, key=lambda name: (-counts[name], name))[: 3 * _MOST_TOWNS]
    centres: dict[str, Point] = {
        name: max(sorted(facts.towns[name]), key=facts.towns[name].__getitem__) for name in biggest
    }
    return {
        "map": Markup(map_plot(facts.points, centres)) if facts.points else None,
        "towns": _rows(counts, facts.live[True], most=_MOST_TOWNS),
    }


def _category_rows(facts: Facts) -> tuple[Row, ...]:
    """The roots with their second levels; the bars of both are shares of their own whole."""
    roots: Counter[str] = Counter()
    seconds: dict[str, Counter[str]] = {}
    for path, count in facts.categories.items():
        root = path[0] if path else _NO_CATEGORY
        roots[root] += count
        if len(path) > 1:
            seconds.setdefault(root, Counter())[path[1]] += count
    return tuple(
        replace(row, rows=_rows(seconds.get(row.label, {}), row.count, most=_MOST_SECONDS))
        for row in _rows(roots, facts.live[True], most=3 * _MOST_ROOTS)
    )


def _photo_part(facts: Facts) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for number in range(max(facts.photos, default=0) + 1):
        label = str(number) if number < _MOST_PHOTOS else f"{_MOST_PHOTOS}+"
        counts[label] = counts.get(label, 0) + facts.photos[number]
    sizes = {f"{width} × {height}": count for (width, height), count in facts.sizes.items()}
    if not facts.sizes:
        return {"count_plot": None, "size_plot": None, "aspect_plot": None, "sizes": ()}
    return {
        "count_plot": Markup(
            count_plot(counts, axis="photos", title="Listings by their number of photos")
        ),
        "size_plot": Markup(size_plot(facts.sizes)),
        "aspect_plot": Markup(aspect_plot(facts.sizes)),
        "sizes": _rows(sizes, sum(sizes.values()), most=_MOST_SIZES),
    }


def _word_part(facts: Facts) -> dict[str, Any]:
    clouds = []
    for name, counted in (
        ("titles", facts.title_words),
        ("descriptions", facts.description_words),
    ):
        told = {word: count for word, count in counted.items() if word not in _UNTOLD}
        rows = _rows(told, facts.live[True])[:_MOST_WORDS]
        if rows:
            picture = word_cloud({row.label: row.count for row in rows}, seed=_CLOUD_SEED)
            clouds.append((name, picture, rows[:20]))
    return {"clouds": clouds}


def _quality_part(facts: Facts) -> dict[str, Any]:
    live = facts.live[True]
    missing = {name: facts.missing[name] for name in FIELDS}
    notes = dict(sorted([*facts.flags.items(), *facts.signals.items()]))
    return {
        "missing": _rows(missing, live),
        "notes": _rows({_plain(name): count for name, count in notes.items()}, live),
    }


def _rejection_part(rejected: Sequence[Rejected]) -> dict[str, Any]:
    reasons = Counter(f"{_plain(one.reason)} ({one.kind})" for one in rejected)
    examples = [
        (one.kind, one.key, _plain(one.reason), mask(one.detail).text, _cut(mask(one.raw).text))
        for one in rejected[:_MOST_EXAMPLES]
    ]
    return {
        "reasons": _rows(reasons, len(rejected)),
        "rejected_examples": examples,
        "rejected_total": len(rejected),
    }


def _duplicate_part(
    duplicates: Sequence[Duplicate], examples: Sequence[Duplicate], facts: Facts
) -> dict[str, Any]:
    kinds = Counter(_KINDS.get(link.kind, _plain(link.kind)) for link in duplicates)
    return {
        "kinds": _rows(kinds, len(duplicates)),
        "duplicate_examples": [
            (
                link.listing,
                facts.titles.get(link.listing, ""),
                link.of,
                facts.titles.get(link.of, ""),
                _KINDS.get(link.kind, _plain(link.kind)),
                link.score,
            )
            for link in examples
        ],
    }


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _cut(text: str) -> str:
    return text if len(text) <= _RAW_LENGTH else text[: _RAW_LENGTH - 1] + "…"
