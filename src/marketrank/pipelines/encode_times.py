"""How long encoders take, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from marketrank.ports import Encoder
from marketrank.types import Listing

Clock = Callable[[], float]
ROUNDS = 30


@dataclass(frozen=True, slots=True)
class EncodeTimes:
    """Median times of one listing with its photos and of one query (ms), and the median of the
    ratios new / other of the same work done one after the other; None without another."""

    listing_ms: float
    query_ms: float
    listing_ratio: float | None = None
    query_ratio: float | None = None


def time_encoders(
    new: Encoder,
    other: Encoder | None,
    listings: Sequence[Listing],
    photos: Sequence[Sequence[bytes]],
    *,
    clock: Clock,
) -> EncodeTimes:
    """Both encode the same listings and titles, one at a time, taking turns in who begins: what
    slows the machine down meanwhile slows both, and the median ratio is left alone by it. The
    first listing warms both up and does not count. Seconds by `clock`."""
    encoders = [new] if other is None else [new, other]
    taken = [row % len(listings) for row in range(ROUNDS + 1)]
    listing_times, query_times = [], []
    for turn, row in enumerate(taken):
        order = list(enumerate(encoders))[:: 1 if turn % 2 else -1]
        one, seen = listings[row], photos[row]
        took = [[0.0, 0.0] for _ in encoders]
        for which, encoder in order:
            start = clock()
            encoder.encode_listings([one.text], [seen])
            middle = clock()
            encoder.encode_query(one.title, None)
            took[which] = [middle - start, clock() - middle]
        if turn:
            listing_times.append([times[0] for times in took])
            query_times.append([times[1] for times in took])
    return EncodeTimes(
        1e3 * median(times[0] for times in listing_times),
        1e3 * median(times[0] for times in query_times),
        _ratio(listing_times),
        _ratio(query_times),
    )


def _ratio(times: Sequence[Sequence[float]]) -> float | None:
    ratios = [each[0] / each[1] for each in times if len(each) > 1 and each[1] > 0]
    return median(ratios) if ratios else None
