import numpy as np
import pytest

from marketrank.simulate.shopper_words import Words, stems

TITLES = ("Oak dining table", "Oak table", "Pine chairs", "Large pine table with four chairs")


def test_plurals_are_one_word_with_their_singular() -> None:
    assert stems("Two GLASS Tables, a bus") == ["two", "glass", "table", "a", "bus"]


def test_a_title_with_all_words_fits_best_and_the_shorter_of_two() -> None:
    score, share = Words.of(TITLES).match("oak tables")
    assert np.argmax(score) == 1
    assert score[1] > score[0] > score[3] > score[2] == 0
    assert share.tolist() == pytest.approx([1, 1, 0, 0.5])


def test_a_rare_word_weighs_more() -> None:
    words = Words.of(TITLES)
    assert words.weight("dining") > words.weight("table")
    assert words.weight("unheard") >= words.weight("dining")


def test_words_that_no_title_has_lower_the_share() -> None:
    assert Words.of(TITLES).match("oak unicorn")[1].tolist() == pytest.approx([0.5, 0.5, 0, 0])
    assert not Words.of(TITLES).match("")[0].any()
