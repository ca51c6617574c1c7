"""The plots of the data report, as SVG that takes its colours and font from the page around it.

Each is drawn for 440 units of width, so that its letters can be read on a telephone. Figures are
objects of their own: pyplot's global state is never touched.
"""

import base64
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from wordcloud import WordCloud

from marketrank.listings.report_facts import Point
from marketrank.types import Money

_WIDTH = 440
# Colours that stand for the page's own; nothing else is drawn in them.
_INK, _SOFT, _LINE, _ACCENT = "#010203", "#040506", "#070809", "#0a0b0c"
_COLOURS = {
    _INK: "var(--ink)",
    _SOFT: "var(--soft)",
    _LINE: "var(--line)",
    _ACCENT: "var(--accent)",
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # "$" in a category's name is a dollar
    "font.size": 12,
    "text.color": _INK,
    "axes.labelcolor": _SOFT,
    "axes.edgecolor": _LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _SOFT,
    "ytick.labelcolor": _SOFT,
}
_LABELS = 36  # what an axis' labels take
_TALLEST, _FLATTEST = 1.5, 0.5  # height to width of the map
_UNITS_AN_INCH = 72  # of matplotlib's SVG
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_CLOUD = (880, 460)
# Legible on the light and on the dark page.
_CLOUD_COLOURS = ("#0b8464", "#2f7fc2", "#b4622a", "#8a63b8", "#6b7f1d", "#b8476b")
_SIDES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
_ASPECTS = {"9:16": 9 / 16, "3:4": 3 / 4, "1:1": 1.0, "4:3": 4 / 3, "16:9": 16 / 9}


def price_plot(prices: Mapping[str, Sequence[int]], currency: str) -> str:
    """The distribution of positive prices (minor units) in each category, in the mapping's order,
    over one logarithmic axis. Every row has the same height; a line marks its median. The
    outermost 0.2 % at either end of all prices are drawn at the ends."""
    logs = {name: np.log10(np.asarray(row, dtype=np.float64)) for name, row in prices.items()}
    low, high = np.quantile(np.concatenate(list(logs.values())), (0.002, 0.998))
    low, high = low - 0.2, high + 0.2
    edges = np.linspace(low, high, 81)
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(39 * len(prices) + 34)
        for row, (name, values) in enumerate(logs.items()):
            base = -float(row)
            heights = _smooth(np.histogram(values.clip(low, high), edges)[0])
            tops = base + 0.6 * heights / heights.max()
            axes.fill_between(edges[:-1], base, tops, step="post", color=_ACCENT, alpha=0.5, lw=0)
            axes.axhline(base, color=_LINE, lw=0.8)
            middle = float(np.median(prices[name]))
            axes.plot([math.log10(middle)] * 2, [base, base + 0.6], color=_INK, lw=1.4)
            price = _short(Money(round(middle), currency))
            axes.text(low, base + 0.64, name, weight="bold", gid="halo")
            axes.text(high, base + 0.64, f"{price} · {len(values):,}", ha="right", color=_SOFT)
        axes.set(xlim=(low, high), ylim=(-len(prices) + 0.9, 1.05))
        _bare(axes, "y")
        decades = np.arange(math.ceil(low), math.floor(high) + 1)
        labels = [_short(Money(round(10.0**power), currency)) for power in decades]
        axes.set_xticks(decades, labels)
        axes.grid(axis="x")
        return _svg(figure, "Prices in each category on a logarithmic axis, with their medians")


def map_plot(points: Mapping[Point, int], towns: Mapping[str, Point]) -> str:
    """How many listings are where, gathered into cells, each a dot of an area in proportion to
    its listings; `towns` are labels, the most wanted first. Each end of latitude and longitude
    leaves out the outermost 0.1 %, if they lie far off."""
    places = np.repeat(np.array(list(points), dtype=np.float64), list(points.values()), axis=0)
    (south, north), (west, east) = (_extent(places[:, axis]) for axis in (0, 1))
    narrow = math.cos(math.radians((south + north) / 2))
    # Neither a strip nor a tower: the shorter side is given what the shape lacks.
    lacks_width = (north - south) / _TALLEST / narrow - (east - west)
    lacks_height = (east - west) * narrow * _FLATTEST - (north - south)
    west, east = west - max(0, lacks_width) / 2, east + max(0, lacks_width) / 2
    south, north = south - max(0, lacks_height) / 2, north + max(0, lacks_height) / 2
    shape = (north - south) / ((east - west) * narrow)
    height = 0.6 * _LABELS + (_WIDTH - _LABELS) * shape
    cell = max(north - south, (east - west) * narrow) / 140
    scaled = np.round(places * (1, narrow) / cell).astype(np.int64)
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(height)
        cells = Counter((east_, north_) for north_, east_ in scaled.tolist())
        _dots(axes, cells, (cell / narrow, cell))
        axes.set(xlim=(west, east), ylim=(south, north), aspect=1 / narrow)
        axes.xaxis.set_major_formatter(lambda degrees, _: _degrees(degrees, "EW"))
        axes.yaxis.set_major_formatter(lambda degrees, _: _degrees(degrees, "NS"))
        axes.locator_params(nbins=5)
        axes.grid()
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        for label in _apart(towns, tall=north - south, west=west, east=east):
            axes.annotate(
                label.name,
                (label.longitude, label.latitude),
                (-5 if label.left else 5, 0),
                textcoords="offset points",
                ha="right" if label.left else "left",
                va="center",
                weight="bold",
                size=11,
                gid="halo",
                annotation_clip=True,
            ).set_in_layout(False)
        return _svg(figure, "Map of the listings' places")


def count_plot(counts: Mapping[str, int], *, axis: str, title: str) -> str:
    """A column for each key, in the mapping's order, with its count on top."""
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(210)
        columns = axes.bar(
            list(counts), list(counts.values()), color=_ACCENT, alpha=0.75, width=0.7
        )
        axes.bar_label(columns, [f"{count:,}" for count in counts.values()], padding=2, size=11)
        axes.set_xlabel(axis)
        axes.margins(y=0.12)
        axes.tick_params(length=0)
        _bare(axes, "y")
        return _svg(figure, title)


def size_plot(sizes: Mapping[tuple[int, int], int]) -> str:
    """Photos by width and height in pixels, both logarithmic; dots as on the map."""
    logs = np.log10([side for size in sizes for side in size])
    low, high = logs.min() - 0.15, logs.max() + 0.15
    cell = (high - low) / 80
    cells: Counter[tuple[int, int]] = Counter()
    for (width, height), count in sizes.items():
        cells[round(math.log10(width) / cell), round(math.log10(height) / cell)] += count
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(330)
        axes.axline((low, low), slope=1, color=_LINE, lw=1)
        _dots(axes, cells, (cell, cell))
        axes.set(xlim=(low, high), ylim=(low, high), aspect=1, xlabel="width", ylabel="height")
        ticks = [side for side in _SIDES if low <= math.log10(side) <= high] or [
            round(10 ** float(np.mean(logs)))
        ]
        for side in (axes.xaxis, axes.yaxis):
            side.set_ticks(np.log10(ticks).tolist(), [f"{tick:,}" for tick in ticks])
        axes.grid()
        return _svg(figure, "Widths and heights of photos in pixels, on logarithmic axes")


def aspect_plot(sizes: Mapping[tuple[int, int], int]) -> str:
    """How many photos have which width : height, on a logarithmic axis from 1:3 to 3:1."""
    aspects = np.log([width / height for width, height in sizes])
    most = math.log(3)
    with mpl.rc_context(_STYLE):
        figure, axes = _figure(210)
        axes.hist(
            aspects.clip(-most, most),
            bins=np.linspace(-most, most, 42).tolist(),
            weights=list(sizes.values()),
            color=_ACCENT,
            alpha=0.75,
            rwidth=0.9,
        )
        axes.set_xticks([math.log(aspect) for aspect in _ASPECTS.values()], list(_ASPECTS))
        axes.set(xlim=(-most, most), xlabel="width : height")
        axes.locator_params(axis="y", nbins=4, integer=True)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="y")
        return _svg(figure, "Width to height of photos")


def word_cloud(counts: Mapping[str, int], *, seed: int) -> str:
    """The words, sized by their counts, as the address (data:) of a PNG without background."""
    cloud = WordCloud(
        font_path=str(Path(mpl.get_data_path(), "fonts/ttf/DejaVuSans.ttf")),
        width=_CLOUD[0],
        height=_CLOUD[1],
        mode="RGBA",
        background_color=None,
        max_font_size=110,
        min_font_size=18,
        relative_scaling=0.4,
        prefer_horizontal=1.0,
        margin=6,
        random_state=seed,
        color_func=lambda word, **_: _CLOUD_COLOURS[len(word) % len(_CLOUD_COLOURS)],
    ).generate_from_frequencies(dict(counts))
    png = BytesIO()
    # 64 colours: a fifth of the bytes.
    cloud.to_image().quantize(64, method=Image.Quantize.FASTOCTREE).save(png, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


def _figure(height: float) -> tuple[Figure, Axes]:
    size = (_WIDTH / _UNITS_AN_INCH, height / _UNITS_AN_INCH)
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def _bare(axes: Axes, axis: str) -> None:
    """Without the line and the marks of one axis, or (y) without all of it."""
    axes.tick_params(length=0)
    if axis == "y":
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)


def _smooth(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """By a Gaussian of one bin."""
    kernel = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="same")


def _short(money: Money) -> str:
    return str(money).replace(",000,000", "m").replace(",000", "k")


def _extent(degrees: NDArray[np.float64]) -> Point:
    """The range to show: of all, unless the outermost 0.1 % lie far off."""
    low, high = np.quantile(degrees, (0.001, 0.999))
    margin = max(0.25, 0.15 * (high - low))
    return max(low - margin, degrees.min() - 0.25), min(high + margin, degrees.max() + 0.25)


@dataclass(frozen=True, slots=True)
class _Label:
    """A town's name beside its dot, on the `left` of it where the map ends on the right."""

    name: str
    latitude: float
    longitude: float
    left: bool
    ends: Point


def _apart(
    towns: Mapping[str, Point], *, tall: float, west: float, east: float
) -> Iterator[_Label]:
    """Those labels that do not run into one another; an earlier one wins."""
    taken: list[_Label] = []
    for name, (latitude, longitude) in towns.items():
        reach = (east - west) * (0.03 + 0.0165 * len(name))
        left = longitude + reach > east
        ends = (longitude - reach, longitude) if left else (longitude, longitude + reach)
        label = _Label(name, latitude, longitude, left, ends)
        if all(
            abs(latitude - other.latitude) > 0.035 * tall
            or ends[0] > other.ends[1]
            or ends[1] < other.ends[0]
            for other in taken
        ):
            taken.append(label)
            yield label


def _degrees(value: float, ends: str) -> str:
    end = "" if value == 0 else ends[0 if value > 0 else 1]
    return f"{abs(value):g}°{end}"


def _dots(axes: Axes, cells: Mapping[tuple[int, int], int], cell: Point) -> None:
    """A dot at each cell, of an area in proportion to its count, the big ones below. Counts are
    rounded down to powers of two: dots of one size are written once."""
    most = max(cells.values())
    by_size: dict[int, list[tuple[int, int]]] = {}
    for at, count in cells.items():
        by_size.setdefault(count.bit_length(), []).append(at)
    for bits, places in sorted(by_size.items(), reverse=True):
        across = max(2.0, 24 * math.sqrt(2 ** (bits - 1) / most))
        x, y = np.array(sorted(places)).T
        axes.plot(x * cell[0], y * cell[1], "o", markersize=across, color=_ACCENT, alpha=0.5,
                  markeredgewidth=0)  # fmt: skip


def _svg(figure: Figure, title: str) -> str:
    """The figure as an element for a page: with the page's colours and font, a title for those
    who do not see it, and ids that no other figure has."""
    out = StringIO()
    salt = hashlib.sha256(title.encode()).hexdigest()[:8]
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(out, format="svg", transparent=True, metadata=_NO_METADATA)
    drawn = out.getvalue()
    size = re.search(r'viewBox="([^"]+)"', drawn)
    body = drawn[drawn.index("</style>") :].split("</defs>", 1)[1]
    body = re.sub(r"font-family: [^;\"]+;?", "", body)
    body = re.sub(r'<g id="halo">', '<g class="halo">', body)
    body = re.sub(r'<g id="[^"]+">', "<g>", body)
    body = re.sub(r'(id="|"#|\(#)', rf"\g<1>{salt}", body)
    for stand_in, colour in _COLOURS.items():
        body = body.replace(stand_in, colour)
    view = size[1] if size else ""
    opening = f'<svg viewBox="{view}" role="img" aria-label="{escape(title)}">'
    return f"{opening}{body}"
