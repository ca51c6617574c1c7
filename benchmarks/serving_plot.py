"""The results of `serving` as a picture."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")  # no window
mpl.rcParams["svg.fonttype"] = "none"  # letters, not their outlines
mpl.rcParams["svg.hashsalt"] = "marketrank"  # the same picture for the same numbers
from matplotlib import pyplot as plt

_LIMIT_MS = 80.0


def write_plot(result: dict[str, Any], path: Path) -> None:
    """Milliseconds by rate for both servers, and what each can; or memory over time."""
    draw = _memory if "mixed" in result else _rates
    figure = draw(result)
    figure.suptitle(f"{result['n']:,} listings, {result['machine']['cores']} cores", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _rates(result: dict[str, Any]) -> Any:
    figure, (axis, bars) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(3, 1))
    sides = {
        "marketrank": result["default"]["steps"],
        "with a ranker": result["with_ranker"]["steps"],
        "plain handler": result["plain"]["steps"],
    }
    colours = ("tab:blue", "tab:green", "tab:grey")
    for (name, steps), colour in zip(sides.items(), colours, strict=True):
        rates = [one["rate"] for one in steps]
        for percentile, style in (("p50_ms", ":"), ("p99_ms", "-")):
            times = [one[percentile] for one in steps]
            label = f"{name}, {percentile[:3]}"
            axis.plot(rates, times, style, marker=".", color=colour, label=label)
    axis.axhline(_LIMIT_MS, color="tab:red", linewidth=0.8)
    axis.set(xscale="log", yscale="log", xlabel="requests a second, open loop", ylabel="ms")
    axis.legend(fontsize=7)
    turns = result["default"]["closed_loop"], result["with_ranker"]["closed_loop"]
    ours, ranked = (one["median"]["marketrank"] for one in turns)
    bars.bar(list(sides), [ours, ranked, turns[0]["median"]["plain"]], color=colours)
    bars.tick_params("x", labelrotation=20, labelsize=7)
    ratios = " and ".join(f"{one['ratio']:g}" for one in turns)
    bars.set_title(f"requests a second, × {ratios}", fontsize=9)
    return figure


def _memory(result: dict[str, Any]) -> Any:
    figure, axis = plt.subplots(figsize=(7, 3))
    memory = result["mixed"]["memory"]
    axis.plot(memory["seconds"], memory["mib"])
    axis.set(xlabel="seconds", ylabel="MiB resident", ylim=(0, None))
    return figure
