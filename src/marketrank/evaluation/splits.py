"""Splits into training, validation and test data by leak group, so that no label leaks."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketrank.errors import BadInput
from marketrank.types import ListingId

Shares = tuple[float, float, float]
"""Of groups in training, validation and test; they add up to 1."""
DEFAULT_SHARES: Shares = (0.7, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Split:
    """Which listing is for what; each part is sorted by id, and every listing is in one."""

    train: tuple[ListingId, ...]
    validation: tuple[ListingId, ...]
    test: tuple[ListingId, ...]


def split_by_group(
    ids: Iterable[ListingId],
    groups: Mapping[ListingId, str],
    *,
    seed: int,
    shares: Shares = DEFAULT_SHARES,
) -> Split:
    """Deal listings out, whole groups at a time.

    Where a group goes is decided by a hash of the seed and its name alone: the order of `ids` does
    not matter, and listings that are added, or left out, never move another one. (Only a listing
    that joins a group and gives it its name can move that group: `listings.dedupe.leak_groups`
    names groups by their earliest member.) So shares are of groups, and hold on average.

    Raises BadInput for shares that are no shares and for a listing without a group.
    """
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise BadInput(f"shares {shares} must be 0 or more and add up to 1, such as 0.7, 0.1, 0.2")
    parts: tuple[list[ListingId], ...] = ([], [], [])
    for id in sorted(set(ids)):
        if id not in groups:
            raise BadInput(f"listing {id!r} has no leak group; compute groups over all listings")
        point = _point(seed, groups[id])
        parts[(point >= shares[0]) + (point >= shares[0] + shares[1])].append(id)
    return Split(*(tuple(part) for part in parts))


def _point(seed: int, group: str) -> float:
    """A number in [0, 1), as if drawn at random."""
    digest = hashlib.blake2b(f"{seed}\0{group}".encode(), digest_size=8).digest()
    # A float holds 53 bits; with all 64 the quotient could round up to 1.
    return (int.from_bytes(digest) >> 11) / 2**53
