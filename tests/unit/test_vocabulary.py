"""The dictionary: lookups, and its files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from marketrank.errors import Corrupt
from marketrank.retrieval.vocabulary import Vocabulary, empty
from marketrank.retrieval.vocabulary_build import build
from small_corpus import corpus

_KNOWN = build(corpus())


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return _KNOWN


def test_counts(vocabulary: Vocabulary) -> None:
    assert vocabulary.count("oak") == 12
    assert vocabulary.count("tables") > 12  # the category's name
    assert vocabulary.count("oka") == 0
    assert vocabulary.pair_count("dining", "table") == 12
    assert vocabulary.pair_count("table", "dining") == 0
    assert vocabulary.pair_count("oka", "table") == vocabulary.pair_count("oak", "oka") == 0


def test_words_of_titles_weigh_more(vocabulary: Vocabulary) -> None:
    oak, painted = vocabulary.row("oak"), vocabulary.row("painted")
    assert vocabulary.frequency[painted] > vocabulary.frequency[oak]
    assert vocabulary.weights[oak] == 5 * vocabulary.frequency[oak]
    assert vocabulary.weights[painted] == vocabulary.frequency[painted]


@given(st.text("abtlemps", min_size=3, max_size=9), st.integers(1, 2))
def test_near_words_are_all_that_a_scan_finds(word: str, most: int) -> None:
    near = {(_KNOWN.words[row], distance) for row, distance in _KNOWN.near(word, most)}
    scanned = {(one, OSA.distance(word, one)) for one in _KNOWN.words}
    assert near == {(one, distance) for one, distance in scanned if 0 < distance <= most}


def test_saved_and_opened_it_is_the_same(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path / "words")
    opened = Vocabulary.open(tmp_path / "words")
    assert opened.words == vocabulary.words
    assert opened.phrases.texts == vocabulary.phrases.texts
    assert opened.phrases.paths == vocabulary.phrases.paths
    for name in ("frequency", "title_frequency", "pairs", "pair_counts", "compounds"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(vocabulary, name))
    for name in ("counts", "categories", "category_counts", "entries"):
        np.testing.assert_array_equal(
            getattr(opened.phrases, name), getattr(vocabulary.phrases, name)
        )


@pytest.mark.parametrize("name", ["texts.json", "numbers.npz"])
@pytest.mark.parametrize("keep", [0, 40, None])
def test_torn_files_are_named(
    vocabulary: Vocabulary, tmp_path: Path, name: str, keep: int | None
) -> None:
    folder = tmp_path / "words"
    vocabulary.save(folder)
    if keep is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:keep])
    with pytest.raises(Corrupt, match=r"words.*--rebuild"):
        Vocabulary.open(folder)


def test_columns_of_different_lengths_are_refused(vocabulary: Vocabulary, tmp_path: Path) -> None:
    vocabulary.save(tmp_path / "words")
    empty().save(tmp_path / "none")
    (tmp_path / "none" / "numbers.npz").replace(tmp_path / "words" / "numbers.npz")
    with pytest.raises(Corrupt, match="rows"):
        Vocabulary.open(tmp_path / "words")


def test_no_listings_make_an_empty_one(tmp_path: Path) -> None:
    build([]).save(tmp_path / "words")
    opened = Vocabulary.open(tmp_path / "words")
    assert opened.words == () and opened.phrases.texts == ()
    assert opened.count("oak") == 0 and opened.pair_count("oak", "table") == 0
