"""What goes into the dictionary, and what must not."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.retrieval.vocabulary_build import build
from small_corpus import corpus, listing


def test_a_word_of_one_listing_stays_out() -> None:
    words = build([*corpus(), listing("x", "Oak table of Marmaduke")]).words
    assert "oak" in words and "marmaduke" not in words


def test_a_text_put_in_twice_is_one_source() -> None:
    twice = [listing(n, "Marmaduke lamp", "By the pond.") for n in ("x", "y", "z")]
    vocabulary = build([*corpus(), *twice])
    assert "marmaduke" not in vocabulary.words
    assert not any("marmaduke" in text for text in vocabulary.phrases.texts)


def test_words_that_one_source_puts_side_by_side_are_no_pair() -> None:
    twice = [listing(n, "Oak lamp", "By the pond.") for n in ("x", "y", "z")]
    assert build([*corpus(), *twice]).pair_count("oak", "lamp") == 0
    assert build([*corpus(), *twice, listing("w", "Oak lamp")]).pair_count("oak", "lamp") == 4


def test_what_one_seller_says_of_everything_stays_out() -> None:
    lamps = ["Brass lamp", "Steel lamp", "Glass lamp", "Wood lamp"]
    one = [listing(n, f"{lamp} Marmaduke", seller="m") for n, lamp in enumerate(lamps)]
    several = [listing(n, f"{lamp} Marmaduke", seller=str(n)) for n, lamp in enumerate(lamps)]
    assert "marmaduke" not in build(one).words
    assert "marmaduke" in build(several).words


def test_numbers_and_addresses_stay_out() -> None:
    texts = [
        listing(n, f"Lamp {n} call 07700 900123", f"jo.bloggs@example.com 12345 {n} 1080p rx580")
        for n in range(9)
    ]
    words = build(texts).words
    assert set(words) == {"lamp", "call", "rx580"}


def test_words_written_as_one_and_as_two_are_known() -> None:
    vocabulary = build(corpus())
    found = {tuple(vocabulary.words[row] for row in rows) for rows in vocabulary.compounds.tolist()}
    assert found == {("arm", "chair", "armchair"), ("bed", "side", "bedside")}


def test_function_words_and_sizes_make_no_compounds() -> None:
    texts = [listing(n, f"Top x l in to {n}", f"xl into {'abcd'[n]}") for n in range(4)]
    assert len(build(texts).compounds) == 0


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_listings_does_not_matter(seed: int) -> None:
    shuffled = corpus()
    random.Random(seed).shuffle(shuffled)
    one, other = build(corpus()), build(shuffled)
    assert one.words == other.words and one.phrases.texts == other.phrases.texts
    np.testing.assert_array_equal(one.frequency, other.frequency)
    np.testing.assert_array_equal(one.pairs, other.pairs)
    np.testing.assert_array_equal(one.pair_counts, other.pair_counts)
    np.testing.assert_array_equal(one.phrases.category_counts, other.phrases.category_counts)
