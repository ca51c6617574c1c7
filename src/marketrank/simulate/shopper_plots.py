"""A page to look at: the simulated market in six plots."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marketrank.simulate.shopper_clicks import KINDS
from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_tastes import groups
from marketrank.simulate.shoppers import DAY


def draw_overview(path: Path, log: SimulatedLog) -> None:
    """Write a PNG: clicks and examination by position, relevance by position, events by day, what
    is on sale by day, what age groups want, how much each buyer did."""
    figure = Figure(figsize=(15, 9), layout="constrained")
    plots = figure.subplots(2, 3).ravel()
    for draw, axes in zip(
        (_clicks, _relevance, _events, _on_sale, _tastes, _history), plots, strict=True
    ):
        draw(axes, log)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"{len(log):,} requests of {len(log.truth.shoppers):,} buyers, "
        f"{len(log.truth.stock):,} listings, {len(log.events):,} events"
    )
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _clicks(axes: Axes, log: SimulatedLog) -> None:
    shown = log.truth.params.shown
    ranks = np.arange(shown) + 1
    for surface, rows in (("search", log.wants.search), ("feed", ~log.wants.search)):
        if rows.any():
            axes.plot(ranks, log.clicked[rows][:, :shown].mean(axis=0), label=f"clicked, {surface}")
    axes.plot(ranks, log.examination.mean(axis=0), "k:", label="looked at (truth)")
    axes.set(title="Clicks fall with the position", xlabel="position", yscale="log")
    axes.legend()


def _relevance(axes: Axes, log: SimulatedLog) -> None:
    shown = log.truth.params.shown
    ideal = -np.sort(-log.relevance[:, :shown], axis=1)
    axes.plot(np.arange(shown) + 1, log.relevance[:, :shown].mean(axis=0), label="as logged")
    axes.plot(np.arange(shown) + 1, ideal.mean(axis=0), label="best order")
    axes.set(title="True relevance by position", xlabel="position")
    axes.legend()


def _events(axes: Axes, log: SimulatedLog) -> None:
    day = ((log.events.at - log.truth.shoppers.start) // DAY).astype(int)
    for place, kind in enumerate(KINDS):
        axes.plot(np.bincount(day[log.events.kind == place]), label=str(kind))
    axes.set(title="Events by day", xlabel="day", yscale="log")
    axes.set_ylim(top=axes.get_ylim()[1] * 4)
    axes.legend(ncols=3, loc="upper center")


def _on_sale(axes: Axes, log: SimulatedLog) -> None:
    stock, shoppers, params = log.truth.stock, log.truth.shoppers, log.truth.params
    moments = shoppers.start + np.arange(params.days + 1) * DAY
    live = [int(((stock.created <= now) & (log.gone > now)).sum()) for now in moments]
    there = [int((shoppers.joined <= now).sum()) for now in moments]
    axes.plot(live, label="listings on sale")
    axes.plot(there, label="buyers who joined")
    axes.set(title="New listings and new buyers all the time", xlabel="day", ylim=(0, None))
    axes.legend()


def _tastes(axes: Axes, log: SimulatedLog) -> None:
    """How much more or less than everybody each age group comes for a root category."""
    kinds, shoppers = log.truth.stock.kinds, log.truth.shoppers
    ages = groups()["age"]
    counts = np.zeros((len(ages), int(kinds.root.max()) + 1))
    np.add.at(counts, (shoppers.members["age"][log.buyers], kinds.root[log.wants.kind]), 1)
    shares = (counts + 1) / (counts + 1).sum(axis=1, keepdims=True)
    lift = np.log2(shares / ((counts + 1).sum(axis=0) / (counts + 1).sum()))
    axes.imshow(lift, cmap="RdBu_r", vmin=-2, vmax=2, aspect="auto")
    axes.set_yticks(range(len(ages)), [one.name for one in ages])
    names = sorted(set(kinds.roots))
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=7)
    axes.set(title="What age groups come for (log2 of the lift)")


def _history(axes: Axes, log: SimulatedLog) -> None:
    counts = np.bincount(log.events.buyer, minlength=len(log.truth.shoppers))
    edges = np.array([0, 1, 3, 10, 30, 100, max(1000, int(counts.max()) + 1)])
    names = ["0", "1-2", "3-9", "10-29", "30-99", "100+"]
    axes.bar(names, np.histogram(counts, edges)[0])
    axes.set(title="Events of each buyer", xlabel="events", ylabel="buyers")
