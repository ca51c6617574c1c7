"""A confusion matrix as a picture that a person can look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_DARK = 0.5  # share of a row from which its number is written in white


def draw_confusion(
    matrix: NDArray[np.int64], names: Sequence[str], path: Path, *, title: str
) -> None:
    """Write a PNG: rows are true classes, columns predicted ones; colours are shares of the row,
    numbers are counts. `matrix` has shape (len(names), len(names))."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = 3.5 + 0.5 * len(names)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title)
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if shares[row, column] > _DARK else "black"
        count = f"{matrix[row, column]:,}"
        axes.text(column, row, count, ha="center", va="center", color=colour, fontsize=8)
    figure.savefig(path, dpi=110)
