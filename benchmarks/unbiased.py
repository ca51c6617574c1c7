"""Whether weighing clicks against position bias finds what buyers want, in simulated shops where it
is known: NDCG@10 against the true relevance, by what is assumed of position bias.

    python benchmarks/unbiased.py --seeds 1 2 3 --out benchmarks/results/unbiased.json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from marketrank.feedback import propensity
from marketrank.feedback.propensity import Propensity
from marketrank.feedback.sessions import Group, groups, split_by_time
from marketrank.pipelines.train_ranker import Recipe, fit, position_bias
from marketrank.ranking import ltr
from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_parameters import ClickModel, ShopperParameters
from marketrank.simulate.shopper_sessions import simulate_sessions
from marketrank.simulate.shopper_stock import draw_stock
from marketrank.simulate.shoppers import draw_shoppers

Doubles = NDArray[np.float64]
NAIVE, HARVEST, SHOWN, SHUFFLE = "naive", "harvest", "shown", "shuffle"
ASSUMED = {"known": 1.0, "known x 1/2": 0.5, "known x 2": 2.0}
"""Examination exponents that are assumed, as multiples of the true one."""
_AT = datetime(2026, 2, 21, 12, tzinfo=UTC)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run, print and write; returns what was written."""
    options = _options(arguments)
    result: dict[str, Any] = {
        "sessions": options.sessions,
        "listings": options.listings,
        "seeds": options.seeds,
    }
    for model in ClickModel:
        runs = [one_run(model, seed, options) for seed in options.seeds]
        result[model.value] = summary(runs)
        for name, found in result[model.value].items():
            low, high = found["gain_ci95"]
            gain = f"{found['gain']:+.1%} [{low:+.1%}, {high:+.1%}]"
            print(f"{model.value:9} {name:12} {found['ndcg@10']:.4f} against naive {gain}")
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        write_plot(result, options.out.with_suffix(".svg"))
    return result


def one_run(model: ClickModel, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """NDCG@10 by system, in a market of its own."""
    start = perf_counter()
    log = simulated(model, seed, options.sessions, options.listings, options.buyers)
    early, late = split_by_time(groups(log.sessions()), 0.3)
    rows = np.arange(len(log))[-len(late) :]
    relevance = log.relevance[rows].astype(np.float64)
    biases = _biases(early, log, seed)
    found: dict[str, Any] = {
        name: ndcg(scores(early, late, bias, seed), relevance) for name, bias in biases.items()
    }
    shown = np.stack([-np.where(one.shown, one.impression.positions, 99) for one in late])
    found[SHOWN] = ndcg(shown.astype(np.float64), relevance)
    found[SHUFFLE] = ndcg(np.random.default_rng(seed).random(relevance.shape), relevance)
    found["examined"] = biases[HARVEST].examined
    told = ", ".join(f"{name} {found[name]:.4f}" for name in (*biases, SHOWN, SHUFFLE))
    print(f"{model.value} {seed}: {told} in {perf_counter() - start:.0f} s", file=sys.stderr)
    return found


def simulated(
    model: ClickModel, seed: int, sessions: int, listings: int, buyers: int
) -> SimulatedLog:
    """The simulator's own parameters, but for its size and the click model."""
    params = replace(
        ShopperParameters(), sessions=sessions, buyers=buyers, click_model=ClickModel(model)
    )
    stock = draw_stock(listings=listings, seed=seed, at=_AT)
    return simulate_sessions(stock, draw_shoppers(stock, params, seed=seed), params, seed=seed)


def scores(early: Sequence[Group], late: Sequence[Group], bias: Propensity, seed: int) -> Doubles:
    """Of later candidates, (requests, candidates), by trees fitted to earlier ones."""
    names = early[0].impression.names
    trees = ltr.Trees(fit(early, names, bias, Recipe(seed=seed)), len(names))
    flat = trees(np.concatenate([one.impression.features for one in late]))
    return flat.reshape(len(late), -1).astype(np.float64)


def ndcg(score: Doubles, relevance: Doubles, k: int = 10) -> float:
    """Mean over requests, linear gain; ties by the column."""
    discounts = 1 / np.log2(np.arange(2, k + 2))
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]
    reached = np.take_along_axis(relevance, order, axis=1) @ discounts
    ideal = -np.sort(-relevance, axis=1)[:, :k] @ discounts
    return float((reached / ideal).mean())


def _biases(early: Sequence[Group], log: SimulatedLog, seed: int) -> dict[str, Propensity]:
    params = log.truth.params
    assumed = {
        name: propensity.power(params.eta * factor, params.shown)
        for name, factor in ASSUMED.items()
    }
    return {
        NAIVE: propensity.power(0.0, params.shown),
        HARVEST: position_bias(early, HARVEST, seed),
        **assumed,
    }


def summary(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By system, means over seeds; the gain over the naive one with its interval by Student's t
    over seeds, which are markets of their own."""
    naive = np.array([run[NAIVE] for run in runs])
    found = {}
    for name in (NAIVE, *ASSUMED, HARVEST, SHOWN, SHUFFLE):
        values = np.array([run[name] for run in runs])
        gains = values / naive - 1
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
        half = _student(len(gains)) * error
        found[name] = {
            "ndcg@10": float(values.mean()),
            "by_seed": [round(float(value), 4) for value in values],
            "gain": float(gains.mean()),
            "gain_ci95": [float(gains.mean() - half), float(gains.mean() + half)],
        }
    found[HARVEST]["examined"] = [
        round(float(p), 3) for p in np.mean([run["examined"] for run in runs], axis=0)
    ]
    return found


def _student(n: int) -> float:
    """The 97.5 % point of t with n - 1 degrees of freedom."""
    table = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}
    return table.get(n, 2.262 if n <= 10 else 2.0)


def write_plot(result: dict[str, Any], path: Path) -> None:
    """Bars of NDCG@10 by system and click model, a dot for each seed."""
    import matplotlib as mpl

    mpl.use("svg")  # no window
    mpl.rcParams["svg.fonttype"] = "none"
    mpl.rcParams["svg.hashsalt"] = "marketrank"
    from matplotlib import pyplot as plt

    models = [model.value for model in ClickModel]
    figure, axes = plt.subplots(1, len(models), figsize=(10, 3.4), sharey=True)
    for axis, model in zip(axes, models, strict=True):
        names = list(result[model])
        for place, name in enumerate(names):
            found = result[model][name]
            colour = {NAIVE: "tab:orange", SHOWN: "0.7", SHUFFLE: "0.7"}.get(name, "tab:blue")
            axis.bar(place, found["ndcg@10"], color=colour, alpha=0.6)
            axis.plot([place] * len(found["by_seed"]), found["by_seed"], "k.", markersize=4)
        axis.axhline(1.05 * result[model][NAIVE]["ndcg@10"], color="tab:orange", ls="--", lw=1)
        axis.set_xticks(range(len(names)), names, rotation=30, ha="right", fontsize=8)
        axis.set_title(f"clicks by {model}; dashed: naive + 5 %", fontsize=9)
    axes[0].set_ylabel("NDCG@10 against true relevance", fontsize=8)
    axes[0].set_ylim(0.3, None)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sessions", type=int, default=20_000)
    parser.add_argument("--listings", type=int, default=5_000)
    parser.add_argument("--buyers", type=int, default=2_000)
    parser.add_argument("--out", type=Path, help="JSON; a plot lies beside it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
