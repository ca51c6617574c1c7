"""Feeds of every format come out as the same records."""

from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from marketrank.errors import BadInput, MissingExtra
from marketrank.listings.sources import (
    ImageRow,
    Record,
    present,
    read_images_table,
    read_products,
)
from marketrank.types import ImageId, ListingId, Reason, Rejected

ROWS = [
    {
        "": "0",
        "id": f"id-{n}",
        "product_name": "Lamp, new" if n else "Chair",
        "category": "Home / Lamps",
        "product_description": "warm\nlight" if n else "N/A",
        "price": "£5.00",
        "location": "Leeds",
        "create_time": "2022-02-25",
        "colour": "red",
    }
    for n in range(2)
]
RECORDS = [
    Record(
        n + 1,
        {
            "id": f"id-{n}",
            "title": "Lamp, new" if n else "Chair",
            "category": "Home / Lamps",
            "description": "warm\nlight" if n else None,
            "price": "£5.00",
            "location": "Leeds",
            "created_at": "2022-02-25",
        },
    )
    for n in range(2)
]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    frame = pl.DataFrame(rows)
    match path.suffix:
        case ".csv":
            frame.write_csv(path)
        case ".tsv":
            frame.write_csv(path, separator="\t")
        case ".parquet":
            frame.write_parquet(path)
        case _:
            path.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".CSV"])
def test_every_format_gives_the_same_records(tmp_path: Path, suffix: str) -> None:
    lower = write(tmp_path / f"feed{suffix.lower()}", ROWS)
    source = Path(lower).rename(tmp_path / f"feed of May{suffix}")
    assert list(read_products(str(source))) == RECORDS
    assert list(read_products(source.as_uri().replace("%20", " "))) == RECORDS


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_images_tables(tmp_path: Path, suffix: str) -> None:
    rows = [
        {"Unnamed: 0": 1, "id": "p1", "product_id": "a", "image_ref": "p1.png"},
        {"Unnamed: 0": 2, "id": "p2", "product_id": "a", "image_ref": "N/A"},
        {"Unnamed: 0": 3, "id": "p3", "product_id": None, "image_ref": None},
        {"Unnamed: 0": 4, "id": None, "product_id": "b", "image_ref": None},
    ]
    one, two, orphan, nameless = read_images_table(write(tmp_path / f"images{suffix}", rows))
    assert one == ImageRow(1, ImageId("p1"), ListingId("a"), "p1.png")
    assert two == ImageRow(2, ImageId("p2"), ListingId("a"))
    assert isinstance(orphan, Rejected)
    assert (orphan.kind, orphan.key, orphan.reason) == ("photo", "p3", Reason.PHOTO_WITHOUT_LISTING)
    assert isinstance(nameless, Rejected)
    assert (nameless.kind, nameless.key, nameless.reason) == ("photo", "row 4", Reason.MISSING_ID)


def test_names_of_columns_are_recognised_in_any_case_and_the_first_counts(tmp_path: Path) -> None:
    row = {"Listing_ID": "x", " Title ": "Lamp", "title": "no", "Lat": "51.5", "LNG": "-0.1"}
    row["product_name"] = "nor this"
    (record,) = read_products(write(tmp_path / "feed.csv", [row]))
    assert isinstance(record, Record)
    assert record.values == {"id": "x", "title": "Lamp", "latitude": "51.5", "longitude": "-0.1"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_columns_name_those_found_and_expected(tmp_path: Path, suffix: str) -> None:
    source = write(tmp_path / f"feed{suffix}", [{"id": "1", "prize": "5"}])
    with pytest.raises(BadInput, match="found id, prize; expected title: title or product_name"):
        list(read_products(source))
    with pytest.raises(BadInput, match="found id, prize; expected listing_id: product_id"):
        list(read_images_table(source))


def test_bad_lines_of_json_are_rejected_and_the_others_read(tmp_path: Path) -> None:
    source = tmp_path / "feed.jsonl"
    source.write_text(
        '{"id": 1, "title": "Lamp", "price": 5.5, "category": ["Home", "Lamps"]}\n'
        '{"id": 2, "title": "call 07700 900123"\n'
        "\n"
        "[1, 2]\n"
        '{"name": "no id"}\n'
    )
    good, torn, array, bare = read_products(str(source))
    assert good == Record(
        1, {"id": "1", "title": "Lamp", "price": "5.5", "category": "Home / Lamps"}
    )
    assert isinstance(torn, Rejected)
    assert (torn.key, torn.reason) == ("row 2", Reason.NOT_A_RECORD)
    assert "call [tel]" in torn.raw
    assert isinstance(array, Rejected)
    assert array.detail == "row 3 is not an object"
    assert bare == Record(4, {"title": "no id"})


def test_torn_records_carry_the_source(tmp_path: Path) -> None:
    source = tmp_path / "feed.csv"
    source.write_text('id,title\nid-1,Lamp\nid-2,"Chair\nid-3,Sofa\n')
    one, two, three = read_products(str(source))
    assert isinstance(two, Rejected)
    assert (two.key, two.source) == ("id-2", str(source))
    assert isinstance(one, Record)
    assert isinstance(three, Record)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        (" N/A ", None),
        ("n/a", None),
        ("NaN", None),
        ("null", None),
        ("None", None),
        (float("nan"), None),
        ([], None),
        ("Nan's chair", "Nan's chair"),
        (" a ", "a"),
        (0, "0"),
        (5.0, "5.0"),
        (["a", None, "b"], "a / b"),
        (b"a", "a"),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_present(value: object, text: str | None) -> None:
    assert present(value) == text


@pytest.mark.parametrize("source", ["feed.xlsx", "feed", "s3://bucket/feed.zip", "ftp://x/y"])
def test_an_unknown_format_lists_the_known(source: str) -> None:
    with pytest.raises(BadInput, match=r"\.csv, \.tsv, \.jsonl, .*postgresql://"):
        read_products(source)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file .*feed\.csv"):
        read_products(str(tmp_path / "feed.csv"))


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "feed.parquet").write_bytes(b"id,title\n")
    with pytest.raises(BadInput, match="is no Parquet file"):
        list(read_products(str(tmp_path / "feed.parquet")))


def test_a_scheme_whose_package_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("fsspec.open", refuse)
    with pytest.raises(MissingExtra, match=r"reading s3://bucket/feed\.csv .*marketrank\[s3\]"):
        list(read_products("s3://bucket/feed.csv"))


def test_an_error_of_a_file_system_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, *args: object, **options: object) -> None:
        raise OSError(f"403 for {url}")

    monkeypatch.setattr("fsspec.open", refuse)
    with pytest.raises(BadInput) as caught:
        list(read_products("https://example.com/feed.csv?signature=s3cret"))
    assert "403 for https://example.com/feed.csv" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
