"""Events and attributes as numbers."""

import numpy as np

from marketrank.models.buyer_signs import AGES, numbered, signs


def test_values_are_numbered_and_what_is_not_known_is_zero() -> None:
    vocabulary = {"age": ["18-24", "65+"], "sex": ["f", "m"]}
    some = [{"age": "65+", "sex": "f"}, {"age": "unheard of", "shoes": "9"}, {}]
    assert numbered(some, vocabulary).tolist() == [[2, 1], [0, 0], [0, 0]]
    assert numbered([{"age": "65+"}], {}).tolist() == [[0]]
    assert numbered([], vocabulary).shape == (0, 2)


def test_signs_tell_the_kind_and_the_age() -> None:
    found = signs(np.array([[1, 0]]), np.array([[0.0, 7.0]]), 3 + AGES)
    assert found.shape == (1, 2, 5)
    assert found[0, :, :3].tolist() == [[0, 1, 0], [1, 0, 0]]
    assert found[0, :, 4].tolist() == [1, 0.5]
    assert found[0, 0, 3] < found[0, 1, 3]
