"""The behaviour of ports.TextIndex, and of the writer that feeds it."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketrank.asking import Hits
from marketrank.retrieval.synonyms import Synonyms
from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.retrieval.text_index import reader as module
from marketrank.types import ListingKey, Mask, Seq
from small_text import found_keys, reader_of_three, writing

_MATERIALS = ["oak", "pine", "steel", "glass", "velvet", "rattan", "marble", "wicker"]
_THINGS = ["table", "chair", "lamp", "mirror", "shelf", "bench", "stool", "desk"]
_N = 600
_NEVER = 1e9  # to look up a key is never cheaper than to fetch hits


def _fill(writer: TextWriter) -> None:
    """Titles of two words; every listing says "sale"; keys run against the order of writing."""
    rng = np.random.default_rng(0)
    for key in reversed(range(_N)):
        material, thing, other = (rng.choice(w) for w in (_MATERIALS, _THINGS, _MATERIALS))
        extra = " ".join(["good"] * int(rng.integers(0, 12)))
        writer.upsert(
            ListingKey(key), f"{material} {thing}", "Furniture", f"{other} for sale {extra}"
        )
        if key % 97 == 0:
            writer.commit(Seq(_N - key))  # several segments
    writer.commit(Seq(_N))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> TextReader:
    folder = tmp_path_factory.mktemp("text")
    writer = TextWriter(folder)
    _fill(writer)
    writer.close()
    return TextReader(folder)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[TextWriter]:
    with writing(tmp_path) as writer:
        yield writer


@pytest.fixture
def reader(writer: TextWriter, tmp_path: Path) -> TextReader:
    return reader_of_three(writer, tmp_path)


def _filtered(hits: Hits, k: int, allowed: Mask) -> Hits:
    rows = [key < len(allowed) and bool(allowed[key]) for key in hits.keys.tolist()]
    return Hits(hits.keys[rows][:k], hits.scores[rows][:k])


def test_a_size_is_found_however_it_is_written(writer: TextWriter, tmp_path: Path) -> None:
    titles = ["Table 6ft", "Table 6 foot", "Table 6'", "Table 6 seater, 4 foot", "Tv 32 inch"]
    for key, title in enumerate(titles):
        writer.upsert(ListingKey(key), title, "", "")
    writer.commit(Seq(5))
    index = TextReader(tmp_path)
    for query in ("6ft", "6 foot", "6 feet", "6-foot", "6'"):
        assert sorted(found_keys(index, query)) == [0, 1, 2], query
    assert found_keys(index, '32"') == [4]
    assert found_keys(index, "foot")  # the words that were written are found as well


def test_hits_are_sorted_with_ties_by_key(index: TextReader) -> None:
    hits = index.search("oak table sale", 10_000)
    assert hits.keys.dtype == np.int64
    assert hits.scores.dtype == np.float32
    assert len(hits.keys) == _N == len(set(hits.keys.tolist()))
    assert len(np.unique(hits.scores)) < _N  # there are ties to judge
    assert np.array_equal(np.lexsort((hits.keys, -hits.scores)), np.arange(_N))


@pytest.mark.parametrize("text", ["oak table", "sale", "velvet", "furniture", "oak tabel glas"])
@pytest.mark.parametrize("k", [1, 7, 60, 10_000])
def test_k_is_a_cut_of_the_whole_answer(index: TextReader, text: str, k: int) -> None:
    whole, cut = index.search(text, 10_000), index.search(text, k)
    assert cut.keys.tolist() == whole.keys[:k].tolist()
    assert cut.scores.tolist() == whole.scores[:k].tolist()


@pytest.mark.parametrize("share", [None, 0.3, 0.0])
def test_an_answer_says_whether_it_is_whole(index: TextReader, share: float | None) -> None:
    allowed = None if share is None else np.random.default_rng(1).random(_N) < share
    n = len(index.search("velvet", 10_000, allowed).keys)
    assert n > 1 or share == 0
    assert index.search("velvet", n + 1, allowed).whole
    assert index.search("velvt nosuchword", 10_000, allowed).whole
    if n:
        assert not index.search("velvet", n - 1, allowed).whole
    assert not index.search("velvet", 0, allowed).whole


@pytest.mark.parametrize("hits_per_key", [_NEVER, 0])  # both ways of filtering
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    text=st.lists(st.sampled_from(_MATERIALS + _THINGS + ["sale", "good"]), max_size=3),
    k=st.integers(1, 40),
    share=st.sampled_from([0.0, 0.005, 0.05, 0.5, 1.0]),
    length=st.integers(0, _N + 50),
    seed=st.integers(0, 1_000),
)
def test_a_mask_is_exact(
    index: TextReader,
    monkeypatch: pytest.MonkeyPatch,
    hits_per_key: float,
    text: list[str],
    k: int,
    share: float,
    length: int,
    seed: int,
) -> None:
    monkeypatch.setattr(module, "_HITS_PER_KEY", hits_per_key)
    allowed = np.random.default_rng(seed).random(length) < share
    got = index.search(" ".join(text), k, allowed)
    expected = _filtered(index.search(" ".join(text), 10_000), k, allowed)
    assert got.keys.tolist() == expected.keys.tolist()
    assert got.scores == pytest.approx(expected.scores, rel=1e-5)


@pytest.mark.parametrize("worst", [3, 60, 300])
def test_a_mask_of_the_worst_hits_is_exact(
    index: TextReader, monkeypatch: pytest.MonkeyPatch, worst: int
) -> None:
    monkeypatch.setattr(module, "_HITS_PER_KEY", _NEVER)
    whole = index.search("oak table sale", 10_000)
    allowed = np.zeros(_N, np.bool_)
    allowed[whole.keys[-worst:]] = True
    allowed[whole.keys[5]] = True
    expected = _filtered(whole, 30, allowed).keys.tolist()
    assert found_keys(index, "oak table sale", 30, allowed) == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80) | st.text(alphabet='+-&|!(){}[]^"~*?:\\/ aAND oOR tTO', max_size=60))
def test_any_text_is_a_query(index: TextReader, text: str) -> None:
    hits = index.search(text, 5)
    assert len(hits.keys) == len(hits.scores) <= 5


@pytest.mark.parametrize(
    "text", ["", "   ", "🙂", '"()[]', "\x00", "\ud83d", "-", "a" * 100, "zzz qqq"]
)
def test_text_without_a_known_word_has_no_hits(index: TextReader, text: str) -> None:
    assert found_keys(index, text) == []


@pytest.mark.parametrize(
    "text", ["title:oak", "oak AND NOT sale", '"oak', "oak*", "+oak -sale", "oak\ud83d", "(oak^9"]
)
def test_operators_are_only_punctuation_and_words(reader: TextReader, text: str) -> None:
    assert found_keys(reader, text) == [10, 12]


def test_a_very_long_text_is_answered_quickly(index: TextReader) -> None:
    unknown = (f"qq{''.join(letters)}" for letters in product("abcdefghij", repeat=4))
    start = perf_counter()
    assert index.search("oak " + " ".join(unknown), 5).keys.size == 5
    assert perf_counter() - start < 2


def test_nothing_is_asked_for(index: TextReader) -> None:
    assert found_keys(index, "oak", 0) == []
    assert found_keys(index, "oak", 5, np.zeros(0, np.bool_)) == []


@pytest.mark.parametrize(
    "text", ["tables", "TABLE", "tabled", "Tâble", "table's", "oak-table", "oak/table"]
)
def test_forms_of_a_word_are_one(reader: TextReader, text: str) -> None:
    assert found_keys(reader, text) == [10, 12]


def test_accents_do_not_matter(reader: TextReader) -> None:
    assert found_keys(reader, "cafe") == found_keys(reader, "café") == [11]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gardne", [11, 10, 12]),  # two letters swapped
        ("furnitre", [12]),
        ("Gaarden chairr", [11, 10, 12]),
        ("oka", []),  # too short to guess
        ("chxxr", []),  # two off
        ("xchair", [11]),
        ("soled", [10]),  # "sole" as a stem, two off
    ],
)
def test_one_slip_in_a_long_word_is_forgiven(
    reader: TextReader, text: str, expected: list[int]
) -> None:
    found = found_keys(reader, text)
    assert sorted(found) == sorted(expected)
    assert found[:1] == expected[:1]


def test_a_known_word_is_not_guessed_at(writer: TextWriter, tmp_path: Path) -> None:
    for key, title in enumerate(["brown sofa", "crown", "grown"]):
        writer.upsert(ListingKey(key), title, "", "")
    writer.commit(Seq(3))
    assert found_keys(TextReader(tmp_path), "brown") == [0]


def test_fields_count_by_their_boosts(writer: TextWriter, tmp_path: Path) -> None:
    filler = ["plain thing", "plain thing", "plain thing"]
    for key, place in enumerate((2, 1, 0)):  # the description first
        fields = list(filler)
        fields[place] = "plain lantern"
        writer.upsert(ListingKey(key), *fields)
    writer.commit(Seq(3))
    assert found_keys(TextReader(tmp_path), "lantern") == [2, 1, 0]


def test_two_words_beat_one_in_two_fields(writer: TextWriter, tmp_path: Path) -> None:
    writer.upsert(ListingKey(0), "oak thing", "a thing", "oak thing")
    writer.upsert(ListingKey(1), "a thing", "table thing", "oak thing")
    for key in range(2, 32):  # so that each word is equally rare in each field
        fields = ["a thing", "a thing", "a thing"]
        fields[key % 3] = ["oak thing", "table thing", "oak thing"][key % 3]
        writer.upsert(ListingKey(key), *fields)
    writer.commit(Seq(3))
    assert found_keys(TextReader(tmp_path), "oak table", 2) == [1, 0]


# --- weights -----------------------------------------------------------------------------


def test_weights_are_what_each_word_can_add(index: TextReader) -> None:
    found = index.weights("oak tables")
    assert list(found) == ["oak", "tabl"]
    for stem, weight in found.items():
        assert weight == pytest.approx(float(index.search(stem, 1).scores[0]))
    assert index.search("oak table", 1).scores[0] <= sum(found.values()) + 1e-4


def test_a_word_that_nothing_is_near_weighs_as_a_rare_one_would(index: TextReader) -> None:
    assert index.weights("xylophone") == {"xylophon": module._UNKNOWN_SCORE}
    assert index.weights("oak oak ?!") == index.weights("oak")
    assert index.weights("") == {}


def test_weights_follow_what_is_written(writer: TextWriter, tmp_path: Path) -> None:
    _fill(writer)
    reader = TextReader(tmp_path)
    before = reader.weights("oak zither")
    assert before["zither"] == module._UNKNOWN_SCORE
    assert reader.weights("oak zither") == before
    for n in range(100, 140):
        writer.upsert(ListingKey(n), "oak zither", "", "")
    writer.commit(Seq(99))
    reader.reload()
    after = reader.weights("oak zither")
    assert after["oak"] < before["oak"]  # it has become common
    # By the same commit's segments: tantivy may merge them at any moment, which drops replaced
    # listings from the counts, so that a reader opened later may weigh a little differently.
    best = {stem: float(reader.search(stem, 1).scores[0]) for stem in after}
    assert after == pytest.approx(best)
    assert after["zither"] != before["zither"]


def test_what_was_asked_before_is_asked_anew_of_what_is_written(
    writer: TextWriter, reader: TextReader
) -> None:
    assert found_keys(reader, "chaer") == [11]  # a chair, by a slip
    writer.upsert(ListingKey(13), "Chaer", "Home & Garden", "")
    writer.commit(Seq(4))
    reader.reload()
    assert found_keys(reader, "chaer") == [13]
    for n in range(module._QUERIES_KEPT + 1):
        found_keys(reader, f"oak {n}")
    assert found_keys(reader, "chaer") == [13]
    assert found_keys(reader, "settee") == []
    reader.use_synonyms(Synonyms(((("settee",), ("chair",)),)))
    assert found_keys(reader, "settee") == [11]


def test_stems_are_those_that_are_compared(index: TextReader) -> None:
    assert index.stems("Oak TABLES, café\ud800") == ["oak", "tabl", "cafe"]


def test_an_empty_folder_weighs_nothing(tmp_path: Path) -> None:
    assert TextReader(tmp_path).weights("oak") == {}
