"""A ranker learns from sessions, is judged, and is promoted where it is not worse."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from made_up_sessions import NAMES, World, click
from marketrank.errors import BadInput
from marketrank.feedback.sessions import groups
from marketrank.models import promotions
from marketrank.people import InteractionKind, Session
from marketrank.pipelines.train_ranker import (
    Learned,
    Recipe,
    learn,
    policy,
    position_bias,
    promote,
)
from marketrank.ranking import ltr, session_model
from marketrank.ranking.session_features import Part

AT = datetime(2026, 3, 1, tzinfo=UTC)
WORLD = World.drawn()
HARVEST = Recipe(bias="harvest", seed=3)


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    return WORLD.sessions(1_500)


@pytest.fixture(scope="module")
def learned(sessions: list[Session]) -> Learned:
    return learn(sessions, HARVEST)


def true_ndcg(trees: str, features: tuple[str, ...] = NAMES) -> float:
    """Against the relevance of all queries."""
    columns = [NAMES.index(name) for name in features]
    judge = ltr.Trees(trees, len(features))
    discounts = 1 / np.log2(np.arange(2, 12))
    found = []
    for seen, wanted in zip(WORLD.features, WORLD.relevance, strict=True):
        order = np.argsort(-judge(seen[:, columns]))[:10]
        found.append((wanted[order] @ discounts) / (np.sort(wanted)[::-1][:10] @ discounts))
    return float(np.mean(found))


def test_it_learns_what_is_wanted_and_not_what_stood_at_the_top(
    sessions: list[Session], learned: Learned
) -> None:
    naive = learn(sessions, replace(HARVEST, bias="none"))
    assert true_ndcg(learned.model.trees) > 1.03 * true_ndcg(naive.model.trees)
    assert true_ndcg(learned.model.trees) > 0.9


def test_it_is_compared_with_what_was_shown_and_plain_orders(learned: Learned) -> None:
    systems, gaps = learned.report["systems"], learned.report["new_minus"]
    assert set(systems) == {"new", "shown", "shuffle", "unlearned", "newest", "taste"}
    assert set(gaps) == set(systems) - {"new"}
    assert gaps["shown"]["dr"]["low"] > 0
    assert gaps["shuffle"]["ndcg@10"]["low"] > 0
    assert learned.worse == []
    assert (
        learned.report["sessions"]["early"]["until"] < learned.report["sessions"]["late"]["since"]
    )
    assert learned.report["propensity"]["method"] == "harvest"


def test_it_is_published_and_takes_over(learned: Learned, tmp_path: Path) -> None:
    version, previous = promote(tmp_path, learned, at=AT)
    assert previous is None
    in_use = session_model.current(tmp_path)
    assert in_use is not None and in_use.version == version
    assert session_model.read(tmp_path, version) == learned.model
    (line,) = promotions.read(tmp_path)
    assert (line.version, line.previous) == (version, None)


def test_who_is_worse_than_the_champion_is_not_promoted(
    sessions: list[Session], learned: Learned, tmp_path: Path
) -> None:
    blind = learn(sessions, replace(HARVEST, without=(Part.TASTE,)), learned.model)
    assert "taste" not in blind.model.features
    assert any("of champion's" in told for told in blind.worse)
    with pytest.raises(BadInput, match=r"not promoted: .*champion"):
        promote(tmp_path, blind, at=AT)
    assert session_model.current(tmp_path) is None


def test_a_champion_of_the_same_kind_is_no_obstacle(
    sessions: list[Session], learned: Learned
) -> None:
    again = learn(sessions, replace(HARVEST, seed=4), learned.model)
    assert "champion" in again.report["systems"]
    assert again.worse == []


def test_few_sessions_promote_nobody() -> None:
    few = learn(WORLD.sessions(300), HARVEST)
    assert "too few to judge by" in few.worse[0]


def test_features_that_no_engine_gives_are_not_promoted(sessions: list[Session]) -> None:
    named = ("prior", "moon", *NAMES[2:])
    odd = [
        Session(replace(one.impression, names=named), one.interactions) for one in sessions[:1_000]
    ]
    assert learn(odd, HARVEST).worse[-1] == "no engine gives the features moon"


def test_what_is_hidden_falls(sessions: list[Session]) -> None:
    """Whoever sees a trader's listing hides it; nobody clicks any less."""
    random = np.random.default_rng(0)
    angry = []
    for one in sessions:
        shown = one.impression
        seen = random.random(len(shown.listings)) < WORLD.examined(shown.positions)
        rows = np.flatnonzero(seen & (shown.features[:, NAMES.index("photos")] > 1)).tolist()
        hidden = tuple(click(shown, row, InteractionKind.HIDE) for row in rows)
        angry.append(Session(shown, (*one.interactions, *hidden)))
    model = learn(angry, HARVEST).model
    (late,) = groups(angry[:1])
    (scores,) = policy(ltr.Trees(model.trees, len(NAMES)), NAMES)([late])
    many = late.impression.features[:, NAMES.index("photos")] > 1
    assert scores[many].mean() < scores[~many].mean() - 0.5


def test_equal_seeds_give_equal_models(sessions: list[Session], learned: Learned) -> None:
    assert learn(sessions, HARVEST).model == learned.model
    assert learn(sessions, replace(HARVEST, seed=9)).model.trees != learned.model.trees
    assert learn(sessions, replace(HARVEST, clip=2)).model.trees != learned.model.trees
    late = learn(sessions, replace(HARVEST, later=0.5)).report["sessions"]["late"]["n"]
    assert late == len(sessions) // 2


def test_position_bias_by_name(sessions: list[Session]) -> None:
    early = groups(sessions[:600])
    assert position_bias(early, "none", 0).examined == (1.0,) * 20
    assert position_bias(early, "power:2", 0).examined[1] == 0.25
    assert position_bias(early, "auto", 0).method == "harvest"
    still = groups(Session(replace(one.impression, query=""), one.interactions) for one in sessions)
    assert position_bias(still[:300], "auto", 0).method == "em"
    with pytest.raises(BadInput, match="known are auto, harvest, em, none, power"):
        position_bias(early, "guess", 0)
    with pytest.raises(BadInput, match=r"power:1\.0"):
        position_bias(early, "power:much", 0)
