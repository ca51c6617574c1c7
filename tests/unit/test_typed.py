from tests.small_engine import Titles

from marketrank.retrieval.typed import typed, typed_vectors


def test_a_few_words_of_each_title() -> None:
    titles = ["Solid oak table with six chairs", "Bike"]
    first, second = typed(titles, seed=3)
    assert 1 <= len(first.split()) <= 4
    assert set(first.split()) <= set(titles[0].split())
    assert second == "Bike"


def test_the_same_for_the_same_seed() -> None:
    titles = ["Solid oak table with six chairs"] * 20
    assert typed(titles, seed=3) == typed(titles, seed=3) != typed(titles, seed=4)


def test_nothing_is_asked_of_a_title_without_words() -> None:
    assert typed_vectors(Titles(), ["", "  "], seed=1).shape == (0, 4)
    assert typed_vectors(Titles(), ["", "Bike"], seed=1).shape == (1, 4)
