"""Lines over epochs, as SVG that takes its colours and font from the page around it.

The policy of the pages allows no styles in the markup: colours come by class. Lines differ in
dashes too, for those who do not tell colours apart, and each is named at its end.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from markupsafe import Markup

_WIDTH, _HEIGHT = 560.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 150.0, 14.0, 34.0
_LINE = 16.0
"""Between names at the ends of lines, at least."""
_CLASSES = 4
"""Lines that look different; more repeat."""
_TICKS = 4


def line_chart(
    series: Mapping[str, Sequence[float]], *, title: str, best: int | None = None
) -> Markup | None:
    """Each series from epoch 1; NaN leaves a gap. `best` is marked. `title` is for those who do
    not see it. None where no series has a number."""
    points = {
        name: [(n, value) for n, value in enumerate(values, start=1) if math.isfinite(value)]
        for name, values in series.items()
    }
    points = {name: some for name, some in points.items() if some}
    if not points:
        return None
    values = [value for some in points.values() for _, value in some]
    epochs = max(len(some) for some in series.values())
    frame = _Frame(epochs, *_room(min(values), max(values)))
    parts = [
        f'<svg class="plot lines" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
        f'aria-label="{escape(title)}">',
        *(frame.level(value) for value in _levels(frame.low, frame.high)),
        *(frame.epoch(n) for n in sorted({1, epochs})),
        frame.best(best) if best is not None else "",
        *(frame.line(some, number % _CLASSES) for number, some in enumerate(points.values())),
        *frame.names(points),
        "</svg>",
    ]
    return Markup("".join(parts))


def share_bar(share: float) -> Markup:
    """A bar beside a number that says the same."""
    width = 100 * min(max(share, 0.0), 1.0)
    return Markup(
        '<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
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


class _Frame:
    """From epochs and values to the places of a drawing."""

    def __init__(self, epochs: int, low: float, high: float) -> None:
        self.epochs, self.low, self.high = epochs, low, high
        self.bottom, self.right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT

    def x(self, epoch: int) -> float:
        share = (epoch - 1) / (self.epochs - 1) if self.epochs > 1 else 0.5
        return _LEFT + share * (self.right - _LEFT)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - _TOP)

    def level(self, value: float) -> str:
        y = self.y(value)
        return (
            f'<line x1="{_LEFT:g}" x2="{self.right:g}" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>'
            f'<text x="{_LEFT - 7:g}" y="{y + 4:.1f}" class="tick end">{value:.3g}</text>'
        )

    def epoch(self, n: int) -> str:
        return (
            f'<text x="{self.x(n):.1f}" y="{self.bottom + 22:g}" class="tick">'
            f"{'epoch ' if n == 1 else ''}{n}</text>"
        )

    def best(self, n: int) -> str:
        x = self.x(n)
        return (
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP:g}" y2="{self.bottom:g}" class="best"/>'
            f'<text x="{x:.1f}" y="{_TOP - 3:g}" class="tick">kept</text>'
        )

    def line(self, points: Sequence[tuple[int, float]], look: int) -> str:
        runs: list[list[tuple[int, float]]] = [[points[0]]]
        for before, after in pairwise(points):
            if after[0] == before[0] + 1:
                runs[-1].append(after)
            else:
                runs.append([after])
        return "".join(self._run(run, look) for run in runs)

    def _run(self, run: Sequence[tuple[int, float]], look: int) -> str:
        if len(run) == 1:  # a line of one point cannot be seen
            ((n, value),) = run
            return (
                f'<circle cx="{self.x(n):.1f}" cy="{self.y(value):.1f}" r="3.5" class="s{look}"/>'
            )
        path = " ".join(f"{self.x(n):.1f},{self.y(value):.1f}" for n, value in run)
        return f'<polyline points="{path}" class="s{look}"/>'

    def names(self, points: Mapping[str, Sequence[tuple[int, float]]]) -> list[str]:
        """At the ends of the lines, moved apart where they would cover each other."""
        ends = sorted(
            (self.y(some[-1][1]), number % _CLASSES, name, some[-1])
            for number, (name, some) in enumerate(points.items())
        )
        found, lowest = [], -math.inf
        for y, look, name, (_, value) in ends:
            lowest = max(y, lowest + _LINE)
            found.append(
                f'<text x="{self.right + 9:g}" y="{lowest + 4:.1f}" class="end-name t{look}">'
                f"{escape(name)} {value:.3g}</text>"
            )
        return found
