"""What a ranker of sessions may read."""

from marketrank.pipelines.train_ranker import _features
from marketrank.ranking.session_features import NAMES, Part


def test_without_demographics_there_are_no_distances_that_may_be_from_home() -> None:
    kept = _features(NAMES, [Part.DEMOGRAPHICS])
    assert not {"distance_log", "home_distance_log", "tower"} & set(kept)
    assert "distance_log" in _features(NAMES, [Part.TASTE])
