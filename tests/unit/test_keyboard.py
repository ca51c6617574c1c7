"""Keys that touch."""

from string import ascii_lowercase

from marketrank.retrieval.keyboard import NEIGHBOURS, beside


def test_neighbours() -> None:
    assert set(NEIGHBOURS["g"]) >= set("fhtyvb")
    assert beside("o", "p") and not beside("o", "q") and not beside("a", "a")
    assert not beside("1", "2")


def test_touching_goes_both_ways() -> None:
    assert set(NEIGHBOURS) == set(ascii_lowercase)
    for key, others in NEIGHBOURS.items():
        assert all(beside(other, key) for other in others)
