"""Lines over epochs, as SVG that takes its colours and font from the page around it.

The policy of the pages allows no styles in the markup: colours come by class. Lines differ in
dashes too, for those who do not tell colours apart. Drawn for 440 units of width, so that letters
can be read on a telephone.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from markupsafe import Markup

_WIDTH, _HEIGHT = 440.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 16.0, 18.0, 30.0
_ROW = 21.0
"""Of the names below the lines."""
LOOKS = 4
"""Lines that look different; more repeat."""
_TICKS = 4
_Points = Sequence[tuple[int, float]]


def line_chart(
    series: Mapping[str, Sequence[float]], *, title: str, best: int | None = None
) -> Markup | None:
    """Each series from epoch 1; NaN leaves a gap. `best` is marked. `title` is for those who do
    not see it. None where no series has a number."""
    numbered = {
        name: [(n, value) for n, value in enumerate(values, start=1) if math.isfinite(value)]
        for name, values in series.items()
    }
    lines = [(name, points) for name, points in numbered.items() if points]
    if not lines:
        return None
    values = [value for _, points in lines for _, value in points]
    epochs = max(len(some) for some in series.values())
    frame = _Frame(epochs, *_room(min(values), max(values)))
    height = _HEIGHT + _ROW * len(lines)
    parts = [
        f'<svg class="lines" viewBox="0 0 {_WIDTH:g} {height:g}" role="img" '
        f'aria-label="{escape(title)}">',
        *(frame.level(value) for value in _levels(frame.low, frame.high)),
        *(frame.epoch(n) for n in sorted({1, epochs})),
        frame.kept(best) if best is not None else "",
        *(frame.line(points, place % LOOKS) for place, (_, points) in enumerate(lines)),
        *(_name(name, points[-1][1], place) for place, (name, points) in enumerate(lines)),
        "</svg>",
    ]
    return Markup("".join(parts))


def share_bar(share: float) -> Markup:
    """A bar below a number that says the same."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(
        '<svg class="op-share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect width="{width:.1f}" height="8"/></svg>'
    )


def _room(low: float, high: float) -> tuple[float, float]:
    """Ends of an axis with a little air; of one value alone with some around it."""
    air = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    return low - air, high + air


def _levels(low: float, high: float) -> list[float]:
    """Round values between two ends."""
    step = 10 ** math.floor(math.log10((high - low) / _TICKS))
    step *= next(size for size in (1, 2, 5, 10) if (high - low) / (step * size) <= _TICKS + 1)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _name(name: str, last: float, place: int) -> str:
    """A row below the lines: how one looks, what it is and where it ended."""
    y, look = _HEIGHT + _ROW * place + 8, place % LOOKS
    return (
        f'<polyline points="{_LEFT:g},{y - 4:g} {_LEFT + 30:g},{y - 4:g}" class="s{look}"/>'
        f'<text x="{_LEFT + 40:g}" y="{y:g}" class="t{look}">{escape(name)}: {last:.4g}</text>'
    )


class _Frame:
    """From epochs and values to the places of a drawing."""

    def __init__(self, epochs: int, low: float, high: float) -> None:
        self.low, self.high = low, high
        self._epochs = epochs
        self._bottom, self._right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT

    def _x(self, epoch: int) -> float:
        share = (epoch - 1) / (self._epochs - 1) if self._epochs > 1 else 0.5
        return _LEFT + share * (self._right - _LEFT)

    def _y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._bottom - share * (self._bottom - _TOP)

    def level(self, value: float) -> str:
        y = self._y(value)
        return (
            f'<line x1="{_LEFT:g}" x2="{self._right:g}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>'
            f'<text x="{_LEFT - 7:g}" y="{y + 4:.1f}" class="tick end">{value:.3g}</text>'
        )

    def epoch(self, n: int) -> str:
        text = f"epoch {n}" if n == 1 else str(n)
        return f'<text x="{self._x(n):.1f}" y="{self._bottom + 18:g}" class="tick">{text}</text>'

    def kept(self, n: int) -> str:
        x = self._x(n)
        return (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP:g}" y2="{self._bottom:g}" class="kept"/>'
            f'<text x="{x:.1f}" y="{_TOP - 5:g}" class="tick">kept</text>'
        )

    def line(self, points: _Points, look: int) -> str:
        runs: list[list[tuple[int, float]]] = [[points[0]]]
        for before, after in pairwise(points):
            if after[0] == before[0] + 1:
                runs[-1].append(after)
            else:
                runs.append([after])
        return "".join(self._run(run, look) for run in runs)

    def _run(self, run: _Points, look: int) -> str:
        places = [f"{self._x(n):.1f},{self._y(value):.1f}" for n, value in run]
        if len(places) == 1:  # a line of one point cannot be seen
            x, _, y = places[0].partition(",")
            return f'<circle cx="{x}" cy="{y}" r="3.5" class="s{look}"/>'
        return f'<polyline points="{" ".join(places)}" class="s{look}"/>'
