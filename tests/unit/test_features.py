import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.asking import Candidates
from marketrank.ranking.features import (
    FEEDBACK,
    NAMES,
    PRIOR_WEIGHT,
    Asked,
    Floats,
    ask,
    table,
)
from marketrank.ranking.seen import NOTHING_SEEN, Seen, SeenTable, see, trigrams

words = st.sampled_from(["oak", "table", "6ft", "lamp", "a", "é"])
texts = st.lists(words, max_size=6).map(" ".join)


def stems(text: str) -> list[str]:
    return [word.rstrip("s") for word in text.lower().replace(",", " ").split()]


def query(text: str, **weights: float) -> Asked:
    return ask(text, weights or dict.fromkeys(stems(text), 1.0), stems)


def listing(title: str, category: str = "", description: str = "") -> Seen:
    return see(title, category, description, stems)


def candidates(n: int, scores: list[float] | None = None) -> Candidates:
    values = np.array(scores or [0.5] * n, np.float32)
    parts = {"text": values / 2, "vector": values}
    return Candidates(np.arange(n), values, {}, parts)


def row(asked: Asked, seen: Seen) -> dict[str, float]:
    nothing = {best: np.zeros(1, np.float32) for best in FEEDBACK}
    found: Floats = table(asked, SeenTable.of([seen]), candidates(1), nothing)
    return dict(zip(NAMES, found[0].tolist(), strict=True))


def test_names_are_distinct_and_each_is_a_column() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert row(query("oak"), listing("Oak")).keys() == set(NAMES)


def test_coverage_weighs_words_by_what_they_are_worth() -> None:
    asked = query("oak table", oak=3.0, table=1.0)
    found = row(asked, listing("Tables", "Oak things", "for the kitchen"))
    assert found["title_coverage"] == 0.25
    assert found["category_coverage"] == 0.75
    assert found["description_coverage"] == 0
    assert found["any_coverage"] == 1
    assert found["title_has_all"] == 0
    assert row(asked, listing("table of oak"))["title_has_all"] == 1


@pytest.mark.parametrize(
    ("name", "text", "title", "expected"),
    [
        ("title_focus", "oak table", "oak table with lamp", 0.5),
        ("title_run", "solid oak table", "the oak table", 2 / 3),
        ("title_run", "table oak", "oak table", 0.5),
        ("title_starts", "oak table", "oak bench", 0.5),
        ("title_starts", "oak table", "solid oak table", 0),
        ("title_ends", "oak table", "pine table", 0.5),
        ("title_ends", "oak table", "table lamp", 0),
        ("head_in_title", "oak table", "table lamp", 1),
        ("head_in_title", "oak table", "oak bench", 0),
        ("title_place", "oak table", "old solid table", 1 / 3),
        ("title_place", "oak table", "bench", 0),
        ("numbers_in_title", "6ft table 10", "table 6ft", 0.5),
        ("numbers_in_title", "oak table", "bench", 1),
        ("trigrams_in_title", "tble", "tble", 1),
        ("query_length", "big oak table", "x", 3),
    ],
)
def test_features_of_words(name: str, text: str, title: str, expected: float) -> None:
    assert row(query(text), listing(title))[name] == pytest.approx(expected)


def test_trigrams_survive_a_slip_of_the_pen() -> None:
    assert trigrams("ox") == {"  o", " ox", "ox "}
    near = row(query("wardrbe"), listing("wardrobe"))
    far = row(query("wardrbe"), listing("bicycle"))
    assert near["title_coverage"] == far["title_coverage"] == 0
    assert near["trigrams_in_title"] > 0.6
    assert far["trigrams_in_title"] == 0


def test_a_query_without_words_counts_nothing() -> None:
    found = row(ask("!!", {}, lambda _: []), listing("Oak table"))
    assert found["title_coverage"] == found["title_has_all"] == found["title_run"] == 0


def test_scores_stand_beside_how_far_below_the_best_they_are() -> None:
    similar = {best: np.array([0.1 * best, 0], np.float32) for best in FEEDBACK}
    seen = [listing("oak"), listing("pine")]
    found = table(query("oak"), SeenTable.of(seen), candidates(2, [0.8, 0.6]), similar)
    columns = {name: found[:, place].tolist() for place, name in enumerate(NAMES)}
    assert columns["fused"] == pytest.approx([0.8, 0.6])
    assert columns["vector_below_best"] == pytest.approx([0, -0.2])
    assert columns["text"] == pytest.approx([0.4, 0.3])
    first = FEEDBACK[0]
    assert columns["prior"] == pytest.approx([0.8 + PRIOR_WEIGHT * 0.1 * first, 0.6])
    assert columns[f"feedback_{FEEDBACK[1]}"] == pytest.approx([0.1 * FEEDBACK[1], 0])


def test_no_candidates_give_no_rows() -> None:
    empty = Candidates(np.empty(0, np.int64), np.empty(0, np.float32), {})
    nothing = {best: np.empty(0, np.float32) for best in FEEDBACK}
    assert table(query("oak"), SeenTable.of([]), empty, nothing).shape == (0, len(NAMES))


@given(
    st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=6),
    st.lists(words, max_size=5).map(" ".join),
)
def test_a_listing_counts_the_same_alone_and_among_others(
    listings: list[tuple[str, str, str]], text: str
) -> None:
    asked = query(text)
    seen = [NOTHING_SEEN, *(listing(*one) for one in listings)]
    n = len(seen)
    nothing = {best: np.zeros(n, np.float32) for best in FEEDBACK}
    found = table(asked, SeenTable.of(seen), candidates(n), nothing)
    alone = [list(row(asked, one).values()) for one in seen]
    assert found.tolist() == alone


def test_a_long_query_is_read_as_far_as_the_text_index_reads_it() -> None:
    assert row(query("oak " * 1_000), listing("oak"))["query_length"] == 64
