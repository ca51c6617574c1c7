"""The script that cleans a table of products."""

import runpy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

SCRIPT = Path(__file__).parents[2] / "clean_tabular_data.py"
FEED = """,id,product_name,category,product_description,price,location
0,id-1,Oak table | in Leeds | Gumtree,Home / Tables / Private,call 07700 900123,"£1,250.00",Leeds
1,id-2,"torn,by a quote,Home,x,£1,Leeds
2,id-3,,Home,no title,£1,Leeds
3,id-1,Oak table again,Home,twice,£1,Leeds
4,id-4,Chair,Home,N/A,N/A,Nowhere at all
"""


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "Products.csv"
    path.write_text(FEED)
    return path


def main(*arguments: str) -> Any:
    return runpy.run_path(str(SCRIPT))["main"](list(arguments))


def test_it_writes_beside_the_products_and_counts_all(
    feed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(str(feed)) == 0
    assert "read 5 = accepted 2 + rejected 3" in capsys.readouterr().out
    table, chair = pl.read_csv(feed.with_name("Products.cleaned.csv")).to_dicts()
    assert table["title"] == "Oak table"
    assert table["description"] == "call [tel]"
    assert (table["price"], table["currency"]) == (1250.0, "GBP")
    assert table["seller_type"] == "private"
    assert table["latitude"] == pytest.approx(53.8, abs=0.1)
    assert chair["flags"] == "no_price no_description place_not_found"
    rejected = pl.read_csv(feed.with_name("Products.cleaned.rejected.csv")).to_dicts()
    assert [(one["key"], one["reason"]) for one in rejected] == [
        ("id-2", "torn_record"),
        ("id-3", "missing_title"),
        ("id-1 (row 4)", "repeated_id"),
    ]


def test_parquet_keeps_the_types(feed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert main(str(feed), "--out", str(out)) == 0
    frame = pl.read_parquet(out)
    assert frame.schema["price"] == pl.Decimal(18, 2)
    assert frame.schema["created_at"] == pl.Datetime("us", "UTC")


def test_currency_and_country(feed: Path, tmp_path: Path) -> None:
    feed.write_text("id,title,price,location\nid-1,Lamp,5,Paris\n")
    out = tmp_path / "out.csv"
    assert main(str(feed), "--out", str(out), "--country", "FR", "--currency", "EUR") == 0
    (lamp,) = pl.read_csv(out).to_dicts()
    assert lamp["currency"] == "EUR"
    assert lamp["latitude"] == pytest.approx(48.85, abs=0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv"], "there is no file nothing.csv"),
        (["feed.csv", "--out", "out.xlsx"], "must end in .csv or .parquet"),
        (["https://example.com/feed.csv"], "say where with --out"),
    ],
)
def test_errors_name_the_remedy(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(*arguments) == 1
    assert message in capsys.readouterr().err
