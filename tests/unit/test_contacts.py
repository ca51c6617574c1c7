"""Contact details are masked, and what only looks like them is not."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.listings.contacts import Masked, mask, mask_raw

# Numbers from the ranges that Ofcom keeps for examples and films.


@pytest.mark.parametrize(
    "text",
    [
        "07700900123",
        "07700 900123",
        "07700-900-123",
        "07700.900.123",
        "07700/900/123",
        "07700_900123",
        "(07700) 900123",
        "0 7 7 0 0 9 0 0 1 2 3",
        "0-7-7-0-0-9-0-0-1-2-3",
        "O77OO 9OO123",
        "07700 9oo123",
        "０７７００ ９００１２３",
        "0️⃣7️⃣7️⃣0️⃣0️⃣9️⃣0️⃣0️⃣1️⃣2️⃣3️⃣",
        "zero seven seven zero zero nine zero zero one two three",
        "+44 7700 900123",
        "+44 (0)7700 900123",
        "0044 7700 900123",
        "447700900123",
        "020 7946 0123",
        "01632 960123",
        "0114 496 0999",
        "(020) 7946 0123",
        "016977 2345",
        "+1 202-555-0143",
    ],
)
def test_phone_numbers(text: str) -> None:
    assert mask(text) == Masked("[tel]", ("phone",))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Tel.07700900123Thanks", "Tel.[tel] Thanks"),
        ("call 7700 900123 now", "call [tel] now"),
        ("call 07 70 09 00 12 3", "call [tel]"),
        ("ring (07700) 900123400x195cm", "ring [tel] 400x195cm"),
        ("0114 496099907700900123", "[tel] [tel]"),
        ("07700 900123 / 07700 900456", "[tel] / [tel]"),
        ("Thanks\n07 70 09 00 12 3\nBye", "Thanks\n[tel]\nBye"),
        ("call 01632 000000", "call [tel]"),
        ("see 016977 2345 there", "see [tel] there"),
        ("wa.me/447700900123", "wa.me/[tel]"),
        ("07700 900123 230 wide", "[tel] 230 wide"),
    ],
)
def test_phone_numbers_between_other_things(text: str, masked: str) -> None:
    assert mask(text) == Masked(masked, ("phone",))


@pytest.mark.parametrize(
    "text",
    [
        "made in 1998, 2005 and 2010 2011 2012",
        "£1,234,567 or £1.500.000",
        "2020 x 1980 x 0600 mm",
        "EAN 5020554208191",
        "ISBN 0306406157",
        "SKU 044900045283",
        "Reference: 07 733 7707 4064",
        "serial 0770090012345678",
        "sizes 03 04 05 06 07 08 09",
        "W 07 08 09 10 11 12 each",
        "01/02/2022 03/04/2022",
        "lengths 0114,496,0999 mm",
        "boxes of 07 18 09 10 11 9 each",
        "1/2/3/4/5/7/8/20/28",
        "IP 192.168.000.001",
        "0-50 / 50-100 / 100-200 grams",
        "Model number: 1.516-334.0.1200",
        "one two three four five six seven eight nine",
        "Inspiron 13 7000 (7391) 2-in-1",
    ],
)
def test_numbers_that_are_no_phone_numbers(text: str) -> None:
    assert mask(text) == Masked(text, ())


def test_phone_numbers_of_another_country() -> None:
    assert mask("Call (202) 555-0143", "US") == Masked("Call [tel]", ("phone",))
    assert mask("Call (202) 555-0143", "GB") == Masked("Call (202) 555-0143", ())
    assert mask("at SW1A 1AA", "US") == Masked("at SW1A 1AA", ())


@pytest.mark.parametrize(
    "text",
    [
        "jo.bloggs+ads@example.co.uk",
        "jo @ example.org",
        "jo at gmail dot com",
        "jo(at)hotmail.com",
        "jo [at] yahoo [dot] co.uk",
    ],
)
def test_email_addresses(text: str) -> None:
    assert mask(f"write to {text} please") == Masked("write to [email] please", ("email",))


@pytest.mark.parametrize(
    "text",
    ["3 @ £10 each", "follow @example on the app", "CPU @3.4GHz", "look at live music com"],
)
def test_what_is_no_email_address(text: str) -> None:
    assert mask(text) == Masked(text, ())


@pytest.mark.parametrize(
    "text", ["SW1A 1AA", "sw1a1aa", "EC1Y 8SY", "M1 1AE", "B33 8TH", "CR26XH", "Dn55 1pt"]
)
def test_postcodes(text: str) -> None:
    assert mask(f"Collect from {text}.") == Masked("Collect from [postcode].", ("postcode",))


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("cushionSW1A 1AAPlease", "cushion [postcode] Please"),
        ("SW1A 1AA01632 960123", "[postcode] [tel]"),
    ],
)
def test_postcodes_glued_to_words(text: str, masked: str) -> None:
    assert mask(text).text == masked


@pytest.mark.parametrize(
    "text",
    [
        "BS1",
        "near SW11",
        "Galaxy S8 4GB",
        "MacBook M1 8GB",
        "i5 2GB",
        "C38AW vented",
        "Model: GL503GE",
        "SR42TWIN",
        "PS4 2TB",
        "W96 x D60LED",
    ],
)
def test_what_is_no_full_postcode(text: str) -> None:
    assert mask(text) == Masked(text, ())


def test_all_kinds_are_named_once() -> None:
    text = "07700 900123 or 07700 900456, jo@example.com, SW1A 1AA"
    assert mask(text) == Masked(
        "[tel] or [tel], [email], [postcode]", ("email", "phone", "postcode")
    )


PIECES = st.sampled_from(
    [
        "07700 900123",
        "SW1A 1AA",
        "jo@example.com",
        "zero ",
        "0",
        "7",
        " ",
        "O",
        "call",
        "\n",
        "£",
        "x",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join)))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once.text) == Masked(once.text, ())


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_number_on_its_own_line_is_found_between_any_texts(before: str, after: str) -> None:
    assert "900123" not in mask(f"{before}\ncall 07700 900123\n{after}").text


def test_what_a_rejection_keeps_is_masked_and_short() -> None:
    raw = mask_raw("x" * 1_995 + " 07700 900123 " + "y" * 5_000)
    assert len(raw) == 2_000
    assert raw.endswith("x [tel")


@pytest.mark.parametrize("piece", ["0", "07700 ", "1-2 ", "a@", "SW1A ", "zero ", "0 ", "+4"])
def test_time_is_linear(piece: str) -> None:
    def seconds(n: int) -> float:
        text = piece * n
        start = time.process_time()
        mask(text)
        return time.process_time() - start

    seconds(1_000)
    assert min(seconds(4_000) for _ in range(2)) < 3 * min(seconds(2_000) for _ in range(2)) + 0.1
