"""Splits keep groups together, and keep listings where they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.evaluation.splits import DEFAULT_SHARES, Split, split_by_group
from marketrank.types import ListingId

IDS = st.text(min_size=1, max_size=6).map(ListingId)
GROUPS = st.dictionaries(IDS, st.sampled_from(["a", "b", "c", "d", "e"]), max_size=40)


def parts(split: Split) -> list[tuple[ListingId, ...]]:
    return [split.train, split.validation, split.test]


def many(n: int) -> tuple[list[ListingId], dict[ListingId, str]]:
    ids = [ListingId(str(number)) for number in range(n)]
    return ids, {id: f"g{id}" for id in ids}


@given(groups=GROUPS, seed=st.integers())
def test_every_listing_is_in_one_part_and_groups_stay_whole(
    groups: dict[ListingId, str], seed: int
) -> None:
    split = split_by_group(groups, groups, seed=seed)
    assert sorted(id for part in parts(split) for id in part) == sorted(groups)
    homes = {(groups[id], number) for number, part in enumerate(parts(split)) for id in part}
    assert len(homes) == len(set(groups.values()))
    assert all(list(part) == sorted(part) for part in parts(split))


@given(groups=GROUPS, seed=st.integers(), data=st.data())
def test_leaving_listings_out_moves_no_other(
    groups: dict[ListingId, str], seed: int, data: st.DataObject
) -> None:
    kept = data.draw(st.sets(st.sampled_from(sorted(groups)))) if groups else set()
    whole = split_by_group(groups, groups, seed=seed)
    fewer = split_by_group(kept, groups, seed=seed)
    for some, all_ in zip(parts(fewer), parts(whole), strict=True):
        assert set(some) == set(all_) & kept


def test_shares_hold_over_many_groups() -> None:
    ids, groups = many(20_000)
    sizes = [len(part) / len(ids) for part in parts(split_by_group(ids, groups, seed=3))]
    assert sizes == pytest.approx(DEFAULT_SHARES, abs=0.015)
    sizes = [
        len(part) / len(ids)
        for part in parts(split_by_group(ids, groups, seed=3, shares=(0.2, 0.5, 0.3)))
    ]
    assert sizes == pytest.approx((0.2, 0.5, 0.3), abs=0.015)


def test_order_does_not_matter_but_the_seed_does() -> None:
    ids, groups = many(500)
    split = split_by_group(ids, groups, seed=1)
    assert split == split_by_group(reversed(ids), groups, seed=1)
    assert split != split_by_group(ids, groups, seed=2)


def test_a_listing_stays_where_an_earlier_version_put_it() -> None:
    ids, groups = many(40)
    split = split_by_group(ids, groups, seed=7)
    assert split.test == ("11", "19", "2", "22", "23", "27", "3", "39")


def test_a_share_of_nothing_is_empty() -> None:
    ids, groups = many(300)
    assert split_by_group(ids, groups, seed=1, shares=(1, 0, 0)).train == tuple(sorted(ids))
    assert split_by_group(ids, groups, seed=1, shares=(0.5, 0, 0.5)).validation == ()


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (1.2, -0.2, 0.0), (0.0, 0.0, 0.0)])
def test_shares_that_are_none_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(BadInput, match="shares"):
        split_by_group([], {}, seed=1, shares=shares)


def test_a_listing_without_a_group_is_refused() -> None:
    with pytest.raises(BadInput, match="'x' has no leak group"):
        split_by_group([ListingId("x")], {}, seed=1)
