"""Sources of scores, each against a plain statement of its formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.interactions import some_histories

from marketrank.buyers.recommend import ease, ials, item_knn, transitions
from marketrank.buyers.recommend.content import affinity, describe
from marketrank.buyers.recommend.histories import Histories, histories
from marketrank.buyers.recommend.item_knn import Likeness
from marketrank.buyers.recommend.popularity import Stages, trends
from marketrank.buyers.recommend.signals import best, portions, without_seen


def rows(given: Histories) -> np.ndarray:
    return np.arange(given.buyers)


def test_histories_are_in_order_and_without_repeats() -> None:
    found = histories(2, 3, np.array([1, 0, 1, 1]), np.array([2, 1, 0, 2]), np.array([5, 9, 7, 6]))
    assert found.buyer.tolist() == [0, 1, 1]
    assert found.listing.tolist() == [1, 2, 0]
    assert found.at.tolist() == [9, 5, 7]
    assert found.from_end.tolist() == [0, 1, 0]
    assert found.place.tolist() == [0, 0, 1]
    assert found.last_at.tolist() == [9, 7]


@given(st.lists(st.lists(st.integers(0, 3), min_size=12, max_size=12), min_size=1, max_size=4))
def test_best_is_a_stable_sort(scores: list[list[int]]) -> None:
    array = np.array(scores, np.float32)
    array[array == 3] = -np.inf
    found = best(array, 5)
    for row, some in zip(found, array, strict=True):
        order = [one for one in np.argsort(-some, kind="stable") if some[one] > -np.inf][:5]
        assert row.tolist() == order + [-1] * (5 - len(order))


def test_portions_are_all_rows() -> None:
    parts = list(portions(np.arange(10), 1_000_000))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert np.concatenate(parts).tolist() == list(range(10))


def test_what_was_seen_is_never_shown() -> None:
    some = some_histories()
    scores = without_seen(np.ones((some.buyers, some.listings), np.float32), some, rows(some))
    assert np.all(np.isinf(scores) == (some.matrix.toarray() > 0))


@pytest.mark.parametrize(("buyers", "listings"), [(40, 20), (20, 40)])
def test_ease_is_the_papers_formula_from_either_side(buyers: int, listings: int) -> None:
    some = some_histories(buyers=buyers, listings=listings)
    dense = some.matrix.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + 7.0 * np.eye(listings))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)
    fitted = ease.fit(some, penalty=7.0)
    assert fitted.by_buyers == (buyers < listings)
    assert fitted(rows(some))["ease"] == pytest.approx(dense @ weights, abs=1e-4)


def test_ease_leaves_the_least_popular_out_where_all_are_too_many() -> None:
    some = some_histories()
    fitted = ease.fit(some, penalty=7.0, largest=10)
    assert fitted.left_out == 20
    scores = fitted(rows(some))["ease"]
    known = np.zeros(some.listings, np.bool_)
    known[fitted.columns] = True
    assert some.popularity[known].min() >= some.popularity[~known].max()
    assert np.all(scores[:, ~known].max(axis=1) < scores[:, known].min(axis=1))


def test_item_knn_is_the_shrunken_cosine() -> None:
    some = some_histories()
    dense = some.matrix.toarray()
    together = dense.T @ dense
    size = np.sqrt(np.diag(together))
    similar = together / (np.outer(np.maximum(size, 1), np.maximum(size, 1)) + 2)
    np.fill_diagonal(similar, 0)
    length = np.sqrt(1 + dense.sum(axis=1, keepdims=True))
    found = item_knn.fit(some, Likeness(0.5, 2.0, some.listings))(rows(some))["item_knn"]
    assert found == pytest.approx(dense @ similar / length, abs=1e-5)


def test_item_knn_keeps_the_nearest_and_fades() -> None:
    some = some_histories()
    few = item_knn.fit(some, Likeness(0.5, 0.0, 3))
    assert np.diff(few.similar.tocsc().indptr).max() <= 3 + 2  # equal ones are all kept
    fading = item_knn.fit(some, Likeness(0.5, 0.0, 3), fading=0.5)
    assert fading.weights.max() == 1
    assert fading.weights.data.min() < 0.5


def test_ials_follows_its_settings_and_seed() -> None:
    some = some_histories()
    one, same, other = (
        ials.fit(some, factors=4, regularisation=1.0, weight=weight, seed=3)(rows(some))["ials"]
        for weight in (1.0, 1.0, 20.0)
    )
    assert one == pytest.approx(same, abs=1e-5)
    assert not np.allclose(one, other)


def test_transitions_lead_from_the_last_listing_on() -> None:
    walk = [0, 1, 2, 3]
    given = histories(
        5,
        5,
        np.array([buyer for buyer in range(4) for _ in walk] + [4]),
        np.array(walk * 4 + [1]),
        np.array([time for _ in range(4) for time in range(4)] + [0]),
    )
    fitted = transitions.fit(given, reach=1, fading=0.5, lift=0.0, name="next")
    assert fitted(np.array([4]))["next"][0].argmax() == 2
    assert fitted.chances[1, 2] == pytest.approx(4 / (4 + 5))
    further = transitions.fit(given, reach=2, fading=0.5, lift=0.0, name="next")
    assert further.chances[1, 3] > 0
    lifted = transitions.fit(given, reach=1, fading=0.5, lift=1.0, name="next")
    assert lifted.chances[1, 2] == pytest.approx(4 / 9 / (4 + 5))


def test_trends_fade_and_look_back_only() -> None:
    day = 86_400
    # Listing 0 is wanted early, listing 1 late; buyer 0 ends between the two.
    given = histories(
        12,
        3,
        np.arange(12),
        np.array([2, *[0] * 5, *[1] * 6]),
        np.array([50, *range(5), *range(90, 96)]) * day,
    )
    scores = trends(given)(np.array([0]))
    recent, then = scores["recent_24"][0], scores["then_24"][0]
    assert recent[1] > recent[0]
    assert then[0] > then[1] == pytest.approx(np.log(0.1), abs=1e-5)


def test_stages_tell_beginnings_from_later_events() -> None:
    # Eleven in twelve begin with listing 0, and come to listing 1 at the end; one has had neither.
    walks = [[0, 2 + one % 5, 7 + one % 5, 12 + one % 5, 17 + one % 5, 1] for one in range(11)]
    walks.append([2, 7, 12, 17, 20, 21])
    given = histories(
        12, 22, np.repeat(np.arange(12), 6), np.concatenate(walks), np.tile(np.arange(6), 12)
    )
    assert given.popularity[0] == given.popularity[1]
    scores = Stages(given)(np.array([11]))["stage"][0]
    assert scores[1] > scores[0]


def test_content_lifts_what_is_like_the_history() -> None:
    content = describe(
        ["oak table", "pine table", "red lamp", "blue lamp"],
        ["Home / Tables", "Home / Tables", "Home / Lamps", "Home / Lamps"],
    )
    assert [name for name, _ in content.levels] == ["level_2"]
    given = histories(2, 4, np.array([0, 1]), np.array([0, 2]), np.array([1, 1]))
    scores = affinity(content, given)(np.array([0]))
    assert scores["level_2_long"][0, 1] > 0 > scores["level_2_long"][0, 3]
    assert scores["words"][0, 1] > scores["words"][0, 3] == 0


def test_several_kinds_of_one_listing() -> None:
    content = describe(["", "", ""], ["Action|Comedy", "Comedy", "Drama"])
    (level,) = content.levels
    assert level[1].toarray().sum(axis=1).tolist() == [2, 1, 1]
