"""Words as the dictionary sees them."""

from hypothesis import given
from hypothesis import strategies as st

from marketrank.retrieval.tokens import (
    fold,
    is_model_name,
    is_small_number,
    is_word,
    segments,
    tokens,
)


def test_words_and_their_places() -> None:
    text = "Men's CAFÉ-chair, £50"
    found = list(tokens(text))
    assert [token.word for token in found] == ["mens", "cafe", "chair", "50"]
    assert [text[token.start : token.end] for token in found] == ["Men's", "CAFÉ", "chair", "50"]


@given(st.text(max_size=60))
def test_places_lie_in_the_text_in_order(text: str) -> None:
    end = 0
    for token in tokens(text):
        assert end <= token.start < token.end <= len(text)
        end = token.end


def test_segments_end_at_commas_and_stay_together_over_hyphens() -> None:
    assert list(segments("Oak table, side-board & chairs | new")) == [
        ["oak", "table"],
        ["side", "board", "chairs"],
        ["new"],
    ]


def test_addresses_and_numbers_of_people_are_no_words() -> None:
    text = "lamp ask jo.bloggs@example.com or 07700 900123 or @joblogs, www.jolamps.example/x [tel]"
    assert {word for run in segments(text) for word in run} == {"lamp", "ask", "or"}


@given(st.from_regex(r"[a-z0-9.]{1,12}@[a-z0-9]{2,12}\.(com|co\.uk)", fullmatch=True))
def test_no_part_of_an_email_address_is_left(address: str) -> None:
    assert list(segments(f"{address}")) == []


@given(st.from_regex(r"0[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3,4}", fullmatch=True))
def test_no_part_of_a_telephone_number_is_left(number: str) -> None:
    assert list(segments(number)) == []


def test_kinds() -> None:
    assert is_word("table") and not is_word("x9") and not is_word("a" * 25)
    assert is_model_name("ps5") and is_model_name("rx580") and is_model_name("dcd796n")
    assert not is_model_name("07700") and not is_model_name("a12345") and not is_model_name("4qa")
    assert is_small_number("12") and not is_small_number("123") and not is_small_number("x")


def test_fold() -> None:
    assert fold("ÉTAGÈRE") == "etagere"
