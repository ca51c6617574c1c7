from dataclasses import replace

import numpy as np
import pytest

from marketrank.people import Purpose
from marketrank.simulate.shopper_stock import all_kinds
from marketrank.simulate.shopper_tastes import groups, mutual_information
from marketrank.simulate.shoppers import DAY, draw_shoppers, hours_of_day, share_of_day
from small_shoppers import PARAMS, small_shoppers, small_stock


def test_the_same_seed_gives_the_same_people_and_another_gives_others() -> None:
    again = draw_shoppers(small_stock(), PARAMS, seed=3)
    other = draw_shoppers(small_stock(), PARAMS, seed=4)
    assert again.ids == small_shoppers().ids != other.ids
    assert np.array_equal(again.tastes.logits, small_shoppers().tastes.logits)
    assert np.array_equal(again.joined, small_shoppers().joined)


def test_groups_are_as_frequent_as_the_table_says() -> None:
    for name, every in groups().items():
        assert sum(one.share for one in every) == pytest.approx(1)
        counts = np.bincount(small_shoppers().members[name], minlength=len(every))
        assert counts / PARAMS.buyers == pytest.approx([one.share for one in every], abs=0.07)


def test_the_table_of_groups_names_roots_that_there_are() -> None:
    named = {root for every in groups().values() for one in every for root in one.tilts}
    assert named <= set(all_kinds().roots)


def test_who_keeps_their_demographics_is_known_by_nothing() -> None:
    buyers = small_shoppers().buyers(small_stock())
    assert len({one.id for one in buyers}) == PARAMS.buyers
    for one in buyers:
        told = one.allows(Purpose.DEMOGRAPHICS)
        assert bool(one.attributes) == told == (one.place is not None)
        assert one.allows(Purpose.HISTORY)
    share = np.mean([one.allows(Purpose.DEMOGRAPHICS) for one in buyers])
    assert share == pytest.approx(PARAMS.demographics_share, abs=0.07)


def test_new_buyers_come_on_all_days() -> None:
    days = (small_shoppers().joined - small_shoppers().start) / DAY
    late = days[days > 0]
    assert len(late) / PARAMS.buyers == pytest.approx(PARAMS.new_share, abs=0.08)
    assert (np.histogram(late, 4, (0, PARAMS.days))[0] > len(late) / 8).all()


@pytest.mark.parametrize("attribute", ["age", "household", "sex"])
def test_tastes_depend_on_demographics(attribute: str) -> None:
    """What people want tells of their group, by more than chance: beside shuffled groups."""
    shoppers, kinds = small_shoppers(), small_stock().kinds
    rng = np.random.default_rng(0)
    gumbel = rng.gumbel(size=(30, *shoppers.tastes.logits.shape))
    wanted = np.argmax(shoppers.tastes.logits + gumbel, axis=2)
    members = np.tile(shoppers.members[attribute], (30, 1))
    found = mutual_information(members.ravel(), kinds.root[wanted].ravel())
    shuffled = [
        mutual_information(
            np.tile(rng.permutation(shoppers.members[attribute]), (30, 1)).ravel(),
            kinds.root[wanted].ravel(),
        )
        for _ in range(20)
    ]
    assert found > max(shuffled)


def test_without_any_effect_of_groups_tastes_tell_nothing_of_them() -> None:
    """The control of the test above: one of three may lie above shuffled groups, once in a way."""
    none = replace(PARAMS, taste_tilt=0, taste_by_group=0)
    shoppers = draw_shoppers(small_stock(), none, seed=3)
    favourite = small_stock().kinds.root[np.argmax(shoppers.tastes.liking, axis=1)]
    rng = np.random.default_rng(0)
    above = 0
    for members in shoppers.members.values():
        shuffled = [mutual_information(rng.permutation(members), favourite) for _ in range(20)]
        above += mutual_information(members, favourite) > max(shuffled)
    assert above < 2


def test_visits_fall_into_the_evening() -> None:
    assert share_of_day(0, 24) == pytest.approx(1)
    assert share_of_day(18, 21) > 3 * share_of_day(3, 6)
    hours = hours_of_day(500, 18, 21, np.random.default_rng(0))
    assert ((hours >= 18) & (hours < 21)).all() and (np.diff(hours) >= 0).all()
