"""Dots with intervals, as SVG that takes its colours and font from the page around it.

Drawn for 440 units of width, so that letters can be read on a telephone: a row's name stands above
its line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from marketrank.buyers.audit_values import Interval

_WIDTH, _MARGIN = 440.0, 14.0
_ROW, _HEAD, _FOOT = 44.0, 8.0, 40.0


@dataclass(frozen=True, slots=True)
class Dot:
    """A row: `beside` is a second value, drawn as a ring, which the interval is compared with."""

    label: str
    interval: Interval
    text: str
    beside: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """An upright line: where chance or a limit is."""

    at: float
    label: str


def dot_plot(
    dots: Sequence[Dot],
    *,
    title: str,
    low: float,
    high: float,
    ticks: Sequence[tuple[float, str]],
    marks: Sequence[Mark] = (),
) -> str:
    """The rows from the top over an axis from `low` to `high`, to which values are cut. `title` is
    for those who do not see it."""
    height = _HEAD + _ROW * len(dots) + _FOOT
    bottom = height - _FOOT

    def x(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return _MARGIN + share * (_WIDTH - 2 * _MARGIN)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH:g} {height:g}" role="img" aria-label="{escape(title)}">',
        *(_tick(x(at), bottom, label) for at, label in ticks),
        *(_mark(x(one.at), bottom, one.label) for one in marks),
        *(_row(dot, _HEAD + _ROW * place, x) for place, dot in enumerate(dots)),
        "</svg>",
    ]
    return "".join(parts)


def _tick(x: float, bottom: float, label: str) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_HEAD:g}" y2="{bottom:g}" class="grid"/>'
        f'<text x="{x:.1f}" y="{bottom + 17:g}" class="tick{_side(x)}">{escape(label)}</text>'
    )


def _side(x: float) -> str:
    """So that no label leaves the picture."""
    if x <= _MARGIN:
        return " left"
    return " right" if x >= _WIDTH - _MARGIN else ""


def _mark(x: float, bottom: float, label: str) -> str:
    side = "end" if x > _WIDTH / 2 else "start"
    nudge = -4 if side == "end" else 4
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_HEAD:g}" y2="{bottom + 4:g}" class="mark"/>'
        f'<text x="{x + nudge:.1f}" y="{bottom + 35:g}" class="mark-label {side}">'
        f"{escape(label)}</text>"
    )


def _row(dot: Dot, top: float, x: Callable[[float], float]) -> str:
    middle = top + 29
    low, high = x(dot.interval.low), x(dot.interval.high)
    ring = ""
    if dot.beside is not None:
        ring = f'<circle cx="{x(dot.beside):.1f}" cy="{middle:g}" r="5" class="ring"/>'
    return (
        f'<text x="{_MARGIN:g}" y="{top + 16:g}" class="name">{escape(dot.label)}</text>'
        f'<text x="{_WIDTH - _MARGIN:g}" y="{top + 16:g}" class="figure">{escape(dot.text)}</text>'
        f'<line x1="{low:.1f}" x2="{max(high, low + 1):.1f}" y1="{middle:g}" y2="{middle:g}" '
        f'class="whisker"/>{ring}'
        f'<circle cx="{x(dot.interval.value):.1f}" cy="{middle:g}" r="5" class="dot"/>'
    )
