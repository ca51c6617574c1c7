"""The results as one picture: milliseconds of each kind of search, by side."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("svg")  # no window
mpl.rcParams["svg.fonttype"] = "none"  # letters, not their outlines
mpl.rcParams["svg.hashsalt"] = "marketrank"  # the same picture for the same numbers
from matplotlib import pyplot as plt

from benchmarks.side import KINDS

_TITLES = {
    "text": "words",
    "vector": "vectors",
    "hybrid": "both, ranks fused",
    "filtered": "vectors under a 1 % filter",
}


def write_plot(result: dict[str, Any], path: Path) -> None:
    """Bars from the median to the 99th percentile, on a logarithmic axis; recall beside them."""
    figure, axes = plt.subplots(1, len(KINDS), figsize=(13, 3.2), sharey=True)
    names = list(result["sides"])[::-1]
    for axis, kind in zip(axes, KINDS, strict=True):
        for row, name in enumerate(names):
            found = result["sides"][name]["searches"].get(kind)
            if found is None:
                continue
            low, high = found["p50_ms"], found["p99_ms"]
            axis.plot([low, high], [row, row], color="tab:blue", linewidth=2)
            axis.plot(low, row, "o", color="tab:blue")
            axis.plot(high, row, "|", color="tab:blue", markersize=10)
            recall = found.get("recall@10")
            label = f"{low:.3g}" + (f" ms, recall {recall:.2f}" if recall is not None else " ms")
            axis.annotate(label, (low, row), (0, 6), textcoords="offset points", fontsize=7)
        axis.set_xscale("log")
        axis.set_title(_TITLES[kind], fontsize=9)
        axis.set_yticks(np.arange(len(names)), names, fontsize=8)
        axis.set_ylim(-0.5, len(names) - 0.3)
        axis.grid(axis="x", alpha=0.3)
        axis.set_xlabel("ms a search (p50 to p99)", fontsize=8)
    figure.suptitle(f"{result['n']:,} listings, vectors of width {result['dim']}", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
