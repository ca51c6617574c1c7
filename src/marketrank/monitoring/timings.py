"""What the metrics of Prometheus say, for people who look at a page instead."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from marketrank.monitoring.metrics import Sample

_SUFFIX = "_bucket"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, in milliseconds. Quantiles are read from buckets, so they are as
    coarse as these."""

    name: str
    count: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


def timings(samples: Iterable[Sample], histogram: str, label: str) -> list[Timing]:
    """A histogram of seconds by one of its labels, all others added up; the slowest first."""
    buckets: defaultdict[str, defaultdict[float, float]] = defaultdict(lambda: defaultdict(float))
    sums: defaultdict[str, float] = defaultdict(float)
    for one in samples:
        name = one.labels.get(label, "")
        if one.name == histogram + _SUFFIX:
            buckets[name][float(one.labels["le"])] += one.value
        elif one.name == histogram + "_sum":
            sums[name] += one.value
    found = []
    for name, counts in buckets.items():
        steps = sorted(counts.items())
        count = int(steps[-1][1])
        if count:
            p50, p95, p99 = (1000 * quantile(steps, share) for share in (0.5, 0.95, 0.99))
            found.append(Timing(name, count, 1000 * sums[name] / count, p50, p95, p99))
    return sorted(found, key=lambda one: (-one.p95_ms, one.name))


def quantile(steps: Sequence[tuple[float, float]], share: float) -> float:
    """Of cumulative counts by upper bound, ascending, the last bound infinite: within a bucket
    values are taken to lie evenly, and beyond the last finite bound to be that bound, as
    Prometheus' histogram_quantile does. Raises ValueError for no counts."""
    total = steps[-1][1]
    if total <= 0:
        raise ValueError("there is nothing to take a quantile of")
    wanted, below, start = share * total, 0.0, 0.0
    for bound, count in steps:
        if count >= wanted:
            if bound == float("inf"):
                return start
            inside = count - below
            return start + (bound - start) * ((wanted - below) / inside if inside else 1.0)
        below, start = count, bound
    return start


def total(samples: Iterable[Sample], name: str, labels: Mapping[str, str] | None = None) -> float:
    """The sum of all samples of a name whose labels include these; 0 for none."""
    wanted = (labels or {}).items()
    return sum(one.value for one in samples if one.name == name and wanted <= one.labels.items())


def by_label(samples: Iterable[Sample], name: str, label: str) -> dict[str, float]:
    """The samples of a name by one of its labels."""
    return {one.labels.get(label, ""): one.value for one in samples if one.name == name}
