"""Brands of the operator's list."""

from pathlib import Path

import pytest

from marketrank.errors import BadSettings
from marketrank.retrieval.understand.brands import Brands, read_brands

BRANDS = Brands(["Oakfell", "Tarn & Moor", "Tarn", "New Harbour", "To Sea And Back Again", " ", ""])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("oakfell table", ["Oakfell"]),
        ("OAKFELL and new harbour", ["Oakfell", "New Harbour"]),
        ("coat by Tarn", ["Tarn"]),
        ("new  harbour boots", ["New Harbour"]),
        ("to sea and back again lamp", ["To Sea And Back Again"]),
        ("oakfells", []),
        ("harbour new", []),
        ("", []),
    ],
)
def test_names_are_found_whole(text: str, names: list[str]) -> None:
    assert [found.parse.value for found in BRANDS.find(text)] == names


def test_a_brand_lifts_and_stays() -> None:
    [found] = BRANDS.find("an oakfell table")
    assert (found.parse.words, found.parse.hard, found.leaves) == ("oakfell", False, False)
    assert found.alternatives == "Oakfell"


def test_a_file_has_one_name_a_line(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_text("# ours\nOakfell\n\nTarn\n", encoding="utf-8")
    assert [f.parse.value for f in read_brands(tmp_path / "brands.txt").find("tarn oakfell")] == [
        "Tarn",
        "Oakfell",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"brands.*missing\.txt.*one brand a line"):
        read_brands(tmp_path / "missing.txt")
    (tmp_path / "latin.txt").write_bytes(b"Caf\xe9\n")
    with pytest.raises(BadSettings, match=r"latin\.txt"):
        read_brands(tmp_path / "latin.txt")
