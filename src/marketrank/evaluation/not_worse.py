"""Whether a new model may take the champion's place: in no score worse by more than chance."""

import math
from collections.abc import Mapping
from typing import Any

from marketrank.errors import BadInput

SHARES = (
    "image.accuracy",
    "text.accuracy",
    "combined.accuracy",
    "similar.sibling_recall@10",
    "cross_modal.title_to_image_recall@10",
)
"""Scores that are shares of their part's `n`."""
TOLERANCE = {"price.log_r2": 0.02}
"""How much worse the other scores may be."""
COMPARED = (*SHARES, *TOLERANCE)
"""The scores that decide, as part.score. Higher is better."""
_STANDARD_ERRORS = 2  # chance alone then refuses one in 44 equally good models for a score


def not_worse(new: Mapping[str, Any], champion: Mapping[str, Any]) -> list[str]:
    """Name the scores in which `new` is worse than `champion` by more than may be chance, such as
    "image.accuracy 0.5912 < 0.6204 - 0.010". An empty list: it is not worse.

    Metrics are by part and score: {"image": {"accuracy": 0.62, …, "n": 9000}, "price": …}. Those
    in COMPARED count; one that the champion has and the new model lacks, or has as NaN, is worse,
    and one that the champion lacks is not compared. Chance is taken as 0.02 of log_r2, and of
    shares as two standard errors of the difference, √(p(1-p)/n + q(1-q)/m), as if unpaired. Models
    that are tested on the same listings err on the same ones, so for them it is generous.

    Raises BadInput for a share that is none or is without its n.
    """
    worse = []
    for name in COMPARED:
        best, found = _score(champion, name), _score(new, name)
        if best is None:
            continue
        if found is None:
            worse.append(f"{name} is missing, the champion has {best:.4f}")
            continue
        allowed = TOLERANCE.get(name)
        if allowed is None:
            variance = _variance(champion, name, best) + _variance(new, name, found)
            allowed = _STANDARD_ERRORS * math.sqrt(variance)
        if found < best - allowed:
            worse.append(f"{name} {found:.4f} < {best:.4f} - {allowed:.3f}")
    return worse


def _score(metrics: Mapping[str, Any], name: str) -> float | None:
    part, score = name.split(".")
    value = metrics.get(part, {}).get(score)
    return None if value is None or math.isnan(value) else float(value)


def _variance(metrics: Mapping[str, Any], name: str, share: float) -> float:
    """Of a share of n independent outcomes: p(1-p)/n."""
    part = name.split(".", maxsplit=1)[0]
    n = metrics[part].get("n")
    if not n or n < 0:
        raise BadInput(f"{part}.n is {n}: {name} needs it, as how many were tested")
    if not 0 <= share <= 1:
        raise BadInput(f"{name} is {share}: give a share between 0 and 1")
    return share * (1 - share) / float(n)
