"""NDCG, exposure and inference by group, and what the limits make of them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from made_up_world import World
from marketrank.buyers.audit_exposure import exposed, exposure_by_group
from marketrank.buyers.audit_groups import group
from marketrank.buyers.audit_inference import done_by, inferred, shown_to
from marketrank.buyers.audit_judgement import unjudged, verdict
from marketrank.buyers.audit_ndcg import quality_by_group
from marketrank.buyers.audit_table import AuditTable, Fact
from marketrank.buyers.audit_values import Interval, around, ratio
from marketrank.buyers.fairness import Audit, Limits, audit
from marketrank.buyers.sensitive import SensitiveCategories

Doubles = NDArray[np.float64]
EXAMINED = 1 / np.arange(1, 11)


def clicked(
    table: AuditTable, *, seed: int, spoilt: float = 0.0, examined: Doubles = EXAMINED
) -> AuditTable:
    """Each listing is wanted with a chance of its own and looked at by `examined`. Of buyers on the
    left a share `spoilt` of lists stands upside down: the wanted ones at the end."""
    random = np.random.default_rng(seed)
    wanted = random.beta(1, 4, len(table.listings))[table.row_listing]
    left = np.array([side == "left" for side in table.attributes["side"]])
    upside_down = (random.random(len(table.session_buyer)) < spoilt) & left[table.session_buyer]
    order = np.where(upside_down[table.row_session], wanted, -wanted)
    sorted_ = np.lexsort((order, table.row_session))
    position = np.empty(len(order), np.int64)
    position[sorted_] = np.tile(np.arange(10), len(table.session_buyer))
    gain = (random.random(len(order)) < wanted * examined[position]).astype(np.float64)
    return replace(table, position=position, logged=position, gain=gain)


def test_ndcg_is_what_stands_where() -> None:
    """One session of three listings: the wanted one stands third, so 1 / log2(4) of the ideal."""
    table = World(1, buyers=2, listings=4, sessions=2).table(depth=3)
    table = replace(
        table,
        attributes={"side": ("left", "right")},
        session_buyer=np.array([0, 1]),
        gain=np.array([0, 0, 5.0, 1.0, 0, 0]),
    )
    groups = group("side", table.attributes["side"], least=1)
    assert quality_by_group(table, groups, examined=None, depth=10) == {}  # too few to be sure of
    doubled = replace(
        table,
        attributes={"side": ("left", "right") * 2},
        n_buyers=4,
        session_buyer=np.arange(4),
        session_stratum=np.zeros(4, np.int64),
        session_at=np.zeros(4, np.int64),
        session_feed=np.ones(4, np.bool_),
        row_session=np.repeat(np.arange(4), 3),
        row_listing=np.tile(table.row_listing, 2),
        position=np.tile(table.position, 2),
        logged=np.tile(table.logged, 2),
        gain=np.tile(table.gain, 2),
    )
    groups = group("side", doubled.attributes["side"], least=1)
    found = quality_by_group(doubled, groups, examined=None, depth=10)
    assert found["left"].ndcg.value == pytest.approx(0.5)
    assert found["right"].ndcg.value == pytest.approx(1.0)
    assert found["left"].gap.value == pytest.approx(-0.5)
    cut = quality_by_group(doubled, groups, examined=None, depth=2)
    assert cut["left"].ndcg.value == 0


def test_a_group_with_worse_lists_is_found_and_chance_is_not() -> None:
    gaps = {spoilt: [] for spoilt in (0.0, 1.0)}  # type: ignore[var-annotated]
    for spoilt, found in gaps.items():
        for seed in range(20):
            table = clicked(World(seed, sessions=1_500).table(), seed=seed, spoilt=spoilt)
            groups = group("side", table.attributes["side"], least=20)
            found.append(quality_by_group(table, groups, examined=EXAMINED, depth=10)["left"].gap)
    assert all(gap.high < -0.1 for gap in gaps[1.0])
    held = np.mean([gap.low <= 0 <= gap.high for gap in gaps[0.0]])
    assert held >= 0.85


def test_de_biasing_undoes_what_positions_hide() -> None:
    """Clicks at the top of a list are many because it is the top, so that NDCG of the clicks
    flatters. De-biased it comes nearer to what it would be had all been looked at."""
    table = clicked(World(1, sessions=3_000).table(), seed=1, spoilt=1.0)
    groups = group("side", table.attributes["side"], least=20)
    biased = quality_by_group(table, groups, examined=None, depth=10)["left"].ndcg.value
    found = quality_by_group(table, groups, examined=EXAMINED, depth=10)["left"].ndcg.value
    true = clicked(World(1, sessions=3_000).table(), seed=1, spoilt=1.0, examined=np.ones(10))
    target = quality_by_group(true, groups, examined=None, depth=10)["left"].ndcg.value
    assert found == pytest.approx(target, abs=0.02)
    assert biased > target + 0.05


def test_exposure_counts_places_and_every_buyer_alike() -> None:
    table = World(1, buyers=4, listings=2, sessions=3).table(depth=2)
    table = replace(
        table,
        facts=(Fact(("Jobs",), "trade"), Fact(("Garden",))),
        session_buyer=np.array([0, 0, 1]),
        row_listing=np.array([0, 1, 0, 1, 1, 0]),
        attributes={"side": ("left", "right", None, "left")},
    )
    found = exposed(table, [fact.category[0] for fact in table.facts], examined=None)
    second = 1 / np.log2(3)
    assert found.labels == ("Garden", "Jobs")
    assert found.shares[0].tolist() == pytest.approx([second / (1 + second), 1 / (1 + second)])
    assert found.shares[1].tolist() == pytest.approx([1 / (1 + second), second / (1 + second)])
    assert found.shares[2:].sum() == 0  # were shown nothing
    assert found.overall() == pytest.approx({"Garden": 0.5, "Jobs": 0.5})
    groups = group("side", table.attributes["side"], least=1)
    by_group = exposure_by_group(found, groups, seed=1)
    apart = (1 - second) / (1 + second)
    assert by_group["left"].distance.value == pytest.approx(apart)
    known = exposed(table, ["", "x"], examined=np.array([1.0, 0.25]))
    assert known.labels == ("(none)", "x")
    assert known.shares[0].tolist() == pytest.approx([0.8, 0.2])


def test_exposure_beyond_chance_is_told_from_chance() -> None:
    def distance(world: World) -> bool:
        table = world.table()
        labels = ["odd" if n % 2 else "even" for n in range(world.listings)]
        groups = group("side", table.attributes["side"], least=20)
        found = exposure_by_group(exposed(table, labels, examined=None), groups, seed=1)
        return found["left"].distance.beyond_chance

    assert distance(World(1, share=1.0, steer=0.5))
    assert sum(distance(World(seed, sessions=600)) for seed in range(20)) <= 4


def shown_with_vectors(world: World) -> tuple[AuditTable, np.ndarray]:  # type: ignore[type-arg]
    table = world.table()
    odd = np.arange(world.listings) % 2
    vectors = np.random.default_rng(1).normal(0, 0.3, (world.listings, 8)).astype(np.float32)
    vectors[:, 0] += odd
    return table, vectors


def test_a_steered_feed_gives_the_group_away_and_a_blind_one_does_not() -> None:
    for world, low, high in (
        (World(1, share=1.0, steer=0.7), 0.9, 1.0),
        (World(1), 0.35, 0.65),
    ):
        table, vectors = shown_with_vectors(world)
        groups = group("side", table.attributes["side"], least=20)
        features, who = shown_to(table, vectors, feed_only=True)
        found = inferred(features, who, groups, seed=1)
        assert set(found) == {"left", "right"}
        assert low <= found["left"].auc.value <= high
        assert low - 0.1 <= found["left"].accuracy.value <= high
        assert found["left"].auc.low <= found["left"].auc.value <= found["left"].auc.high


def test_inference_from_nothing_is_chance() -> None:
    """Intervals of AUC hold 0.5 about as often as they say."""
    held = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        groups = group("side", [("a", "b")[n] for n in random.integers(0, 2, 150)], least=20)
        found = inferred(random.normal(size=(150, 6)), np.ones(150, np.bool_), groups, seed=seed)
        held.append(found["a"].auc.low <= 0.5 <= found["a"].auc.high)
    assert np.mean(held) >= 0.8


def test_feeds_alone_are_looked_at_where_asked() -> None:
    table = replace(World(1).table(), session_feed=np.zeros(2_000, np.bool_))
    assert not shown_to(table, feed_only=True)[1].any()
    assert shown_to(table, feed_only=False)[1].any()
    assert not done_by(table)[1].any()


def audited(world: World, limits: Limits) -> Audit:
    return audit(world.table(), categories=SensitiveCategories(), limits=limits, seed=1)


def test_steering_in_sensitive_categories_blocks() -> None:
    limits = Limits()
    steered = audited(World(1, share=0.5, steer=1.0), limits)
    assert len(verdict(steered, limits)) == 1
    assert "side: 0.0% of 60 sensitive listings" in verdict(steered, limits)[0]
    assert steered.sensitive == {"Jobs": (60, "job")}
    assert verdict(steered, replace(limits, reach_share=0.0)) == []
    wide = replace(limits, reach_variance=0.6)
    assert verdict(audited(World(1, share=0.5, steer=1.0), wide), wide) == []


def test_a_blind_feed_passes() -> None:
    limits = Limits()
    for seed in range(3):
        found = audited(World(seed, share=0.5), limits)
        assert verdict(found, limits) == []
        assert unjudged(found) == []


def test_steering_elsewhere_does_not_block_but_is_shown() -> None:
    limits = Limits()
    table = World(1, share=0.5, steer=1.0).table()
    table = replace(table, facts=tuple(Fact(("Garden",)) for _ in table.facts))
    found = audit(table, categories=SensitiveCategories(), limits=limits, seed=1)
    assert verdict(found, limits) == []
    assert "reach is not judged" in unjudged(found)[0]
    assert found.attributes[0].reach["all"].within.value < 0.7


def test_a_worse_list_for_a_group_blocks() -> None:
    limits = Limits()
    table = clicked(World(1, sessions=3_000).table(), seed=1, spoilt=1.0)
    found = audit(table, categories=SensitiveCategories(), limits=limits, seed=1, examined=EXAMINED)
    assert found.debiased
    assert [reason for reason in verdict(found, limits) if "side left: NDCG" in reason]
    assert not [
        one for one in verdict(found, replace(limits, ndcg_gap=0.9)) if "side left: NDCG" in one
    ]


def test_groups_too_small_are_not_shown_nor_judged() -> None:
    limits = Limits(min_buyers=250)
    found = audited(World(1, share=0.5, steer=1.0), limits)
    assert found.attributes[0].groups == ()
    assert found.attributes[0].pooled_buyers == 300
    assert verdict(found, limits) == []
    assert "nothing is judged" in unjudged(found)[0]


def test_an_empty_table_is_no_error() -> None:
    table = World(1, buyers=1, listings=12, sessions=1).table()
    found = audit(table, categories=SensitiveCategories(), limits=Limits(), seed=1)
    assert (found.buyers, found.sessions) == (1, 1)


def test_a_ratio_is_as_sure_as_its_clusters() -> None:
    assert ratio(np.array([1.0]), np.array([2.0])) is None
    assert ratio(np.zeros(3), np.zeros(3)) is None
    found = ratio(np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 2.0]))
    assert found == Interval(0.5, 0.5, 0.5)
    assert around(0.5, 1.0, 0.0, 1.0) == Interval(0.5, 0.0, 1.0)
