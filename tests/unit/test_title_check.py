"""Advice about titles."""

import pytest

from marketrank.listings.title_check import LONGEST, check_title


@pytest.mark.parametrize(
    ("title", "codes"),
    [
        ("Solid oak dining table", []),
        ("iPhone 12 Pro 128GB", []),
        ("", ["missing"]),
        ("!?", ["missing"]),
        ("Table", ["too_short"]),
        ("Oak table ring [tel]", ["contact"]),
        ("A table " * 9, ["too_long"]),
        ("LOVELY OAK DINING TABLE", ["shouted"]),
        ("Oak dining table £40", ["price"]),
        ("Oak dining table 40 quid", ["price"]),
        ("Oak dining table!!!", ["decoration"]),
        ("Oak dining table 🔥", ["decoration"]),
        ("TABLE!! £5", ["too_short", "price", "decoration"]),
    ],
)
def test_what_is_to_mend(title: str, codes: list[str]) -> None:
    assert [one.code for one in check_title(title)] == codes


def test_the_longest_title_is_fine() -> None:
    assert check_title(("oak " * LONGEST)[:LONGEST]) == ()
