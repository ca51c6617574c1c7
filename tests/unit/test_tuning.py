"""Settings reach the engine."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from marketrank.asking import Request
from marketrank.config import Settings
from marketrank.retrieval.catalogue import Catalogue
from marketrank.retrieval.follow import View
from marketrank.tuning import Tuning, from_settings
from marketrank.types import Attributes, ListingId, ListingKey, ReleaseId, RequestId, Seq

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def values(tuning: Tuning) -> dict[str, float]:
    refine, similar, rules = tuning.refine, tuning.similar, tuning.rerank
    return {
        "refine_share": refine.share,
        "refine_depth": refine.depth,
        "similar_category": similar.category,
        "similar_price": similar.price,
        "similar_same": similar.same,
        "rerank_window": rules.window,
        "diversity": rules.diversity,
        "seller_cap": rules.seller_cap,
        "half_life_days": rules.half_life_days,
        "freshness_floor": rules.freshness_floor,
        "collapse_repeats": rules.collapse_repeats,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("refine_share", 0.7),
        ("refine_depth", 7),
        ("similar_category", 0.7),
        ("similar_price", 0.7),
        ("similar_same", 0.7),
        ("rerank_window", 7),
        ("diversity", 0.7),
        ("seller_cap", 7),
        ("half_life_days", 7.0),
        ("freshness_floor", 0.7),
        ("collapse_repeats", False),
    ],
)
def test_each_setting_sets_its_own_value(tmp_path: Path, name: str, value: float) -> None:
    before = values(from_settings(Settings(home=tmp_path)))
    after = values(from_settings(Settings(home=tmp_path, **{name: value})))  # type: ignore[arg-type]
    assert before[name] != value
    assert after == before | {name: value}


def test_the_feed_fades_by_the_half_life(tmp_path: Path) -> None:
    catalogue = Catalogue()
    catalogue.apply(
        [
            Attributes(
                ListingKey(0), ListingId("a"), Seq(1), True, (), None, None, None,
                NOW - timedelta(days=8),
            )
        ]
    )  # fmt: skip
    view = View(ReleaseId("r"), None, catalogue.snapshot(), None, None)  # type: ignore[arg-type]
    feed = from_settings(Settings(home=tmp_path, half_life_days=4)).feed
    hits = feed["fresh"](view, Request(RequestId("r"), NOW), 5, np.ones(1, np.bool_))
    assert hits.scores.tolist() == [0.25]
