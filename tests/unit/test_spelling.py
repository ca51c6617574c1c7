"""Corrections of queries by the words of a small corpus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.retrieval.spelling import correct, slip
from marketrank.retrieval.vocabulary import Vocabulary, empty
from marketrank.retrieval.vocabulary_build import build
from small_corpus import corpus, listing


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return build(corpus())


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tabel lamp", "table lamp"),  # swapped
        ("dinning table", "dining table"),  # doubled
        ("dinng tables", "dining tables"),  # left out
        ("cofee table", "coffee table"),
        ("coffre table", "coffee table"),  # the key beside
        ("lether armchair", "leather armchair"),
        ("leahter armchiar", "leather armchair"),
        ("bedsidetable", "bedside table"),  # a blank missing
        ("apple i pad pro", "apple ipad pro"),  # a blank too many
        ("Tabel, brass!", "table, brass!"),  # all else stays
    ],
)
def test_slips_are_corrected(vocabulary: Vocabulary, typed: str, meant: str) -> None:
    found = correct(typed, vocabulary)
    assert (found.text, found.certain, found.original) == (meant, True, typed)
    assert found.searched == meant


@pytest.mark.parametrize(
    "typed",
    [
        "oak dining table",
        "ipad pro",
        "ps5 console",
        "ps4 console",
        "rx580",
        "bed side lamp",
        "arm chair",
        "tables lamps",  # forms of known words
        "oka",  # too short to tell
        "12345 £50",
        "xylophone",
        "",
        "  ?! ",
    ],
)
def test_what_is_right_or_unknown_stays(vocabulary: Vocabulary, typed: str) -> None:
    found = correct(typed, vocabulary)
    assert (found.text, found.changed, found.searched) == (typed, False, typed)


def test_a_word_that_a_listing_has_is_left_alone(vocabulary: Vocabulary) -> None:
    assert correct("oak tabler", vocabulary).text == "oak table"
    assert not correct("tabler", vocabulary, lambda word: word == "tabler").certain


def test_a_common_word_is_offered_another_and_not_changed(vocabulary: Vocabulary) -> None:
    found = correct("oak tabel cable", vocabulary, is_common=lambda word: word == "cable")
    assert (found.text, found.certain) == ("oak table cable", True)
    found = correct("oak cable", vocabulary, is_common=lambda word: word == "cable")
    assert (found.text, found.certain) == ("oak table", False)


def test_halves_that_a_listing_has_stay_apart() -> None:
    bombs = build(listing(n, "Bathbombs", f"Box {n}") for n in range(5))
    assert correct("bath bombs", bombs).text == "bathbombs"
    assert correct("bath bombs", bombs, lambda word: word == "bath").text == "bathbombs"
    assert not correct("bath bombs", bombs, lambda word: word in ("bath", "bombs")).changed


def test_a_name_does_not_become_a_function_word() -> None:
    texts = [f"lamp {number} from home" for number in range(50)]
    known = build([listing(n, text) for n, text in enumerate(texts)])
    assert correct("lamp frome", known).text == "lamp frome"
    assert correct("lamp homme", known).text == "lamp home"


def test_a_rare_word_beside_a_frequent_one_is_only_offered() -> None:
    rare = [listing(f"x{n}", "Lamo", f"Signed {n}") for n in range(2)]
    lamps = [listing(f"y{n}", "Brass lamp", f"Number {n}") for n in range(30)]
    vocabulary = build([*rare, *lamps])
    assert not correct("lamo", vocabulary).changed
    offered = correct("brass lamo", vocabulary)
    assert (offered.text, offered.certain, offered.searched) == ("brass lamp", False, "brass lamo")


def test_neighbouring_words_decide() -> None:
    texts = [
        *(listing(f"a{n}", "Garden chair", str(n)) for n in range(6)),
        *(listing(f"b{n}", "Wall chart", str(n)) for n in range(6)),
    ]
    vocabulary = build(texts)
    assert correct("garden chait", vocabulary).text == "garden chair"
    assert correct("wall chait", vocabulary).text == "wall chart"


def test_a_letter_left_out_at_the_end_is_no_singular() -> None:
    beds = build(listing(n, "Double mattress", str(n)) for n in range(5))
    assert correct("mattres", beds).text == "mattress"
    assert not correct("doubles", beds).changed


def test_between_equals_nothing_is_chosen() -> None:
    texts = [
        *(listing(f"a{n}", "Stone", str(n)) for n in range(6)),
        *(listing(f"b{n}", "Stove", str(n)) for n in range(6)),
    ]
    found = correct("stobe", build(texts))
    assert not found.certain and found.searched == "stobe"


def test_easy_slips_cost_less() -> None:
    assert (
        slip("table", "tabel", 1) < slip("table", "tabke", 1) + 1 == slip("table", "tabke", 1) + 1
    )
    assert slip("table", "tabke", 1) < slip("table", "tabxe", 1)
    assert slip("coffee", "cofee", 1) < slip("coffee", "cffee", 1)
    assert slip("table", "yable", 1) > slip("table", "tabke", 1)
    assert slip("armchair", "amrchiar", 2) > slip("armchair", "amrchair", 1)


def test_an_empty_vocabulary_corrects_nothing() -> None:
    assert not correct("tabel lamp", empty()).changed


@given(st.text(max_size=60))
def test_any_text_is_taken_and_digits_survive(text: str) -> None:
    found = correct(text, build(corpus()[:12]))
    assert found.original == text
    assert [c for c in found.text if c.isdigit()] == [c for c in text if c.isdigit()]


@given(st.lists(st.sampled_from(["oak", "dining", "table", "lamp", "ipad", "chairs"]), max_size=6))
def test_known_words_stay_in_any_order(words: list[str]) -> None:
    assert not correct(" ".join(words), _KNOWN).changed


_KNOWN = build(corpus())
