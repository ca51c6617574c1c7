"""Clean a table of products: `python clean_tabular_data.py Products.csv [--out cleaned.parquet]`.

A thin script over the package, for those who come from pipelines with a script of this name. It
writes the clean listings next to the products, and what was rejected, with reasons, beside them;
nothing is dropped silently. `marketrank ingest` does the same into the database.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import track

from marketrank.errors import BadInput, MarketrankError
from marketrank.listings.addresses import shown
from marketrank.listings.clean import clean_record
from marketrank.listings.places import Gazetteer
from marketrank.listings.prices import compare_prices
from marketrank.listings.sources import Record, read_products
from marketrank.types import Listing, Reason, Rejected

SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "id": pl.String,
    "title": pl.String,
    "description": pl.String,
    "category": pl.String,
    "price": pl.Decimal(18, 2),
    "currency": pl.String,
    "town": pl.String,
    "county": pl.String,
    "latitude": pl.Float64,
    "longitude": pl.Float64,
    "seller_id": pl.String,
    "seller_type": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "flags": pl.String,
    "price_outlier": pl.Boolean,
}
REJECTED_COLUMNS = ["key", "reason", "detail", "raw"]


def clean_tabular_data(
    products: str, *, country: str = "GB", currency: str = "GBP"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The clean listings of a products table, and the records that became none, with reasons.
    Rows of the two together are the records of the table."""
    cleaned = list(_clean(read_products(products, country=country), products, country, currency))
    listings = [one for one in cleaned if isinstance(one, Listing)]
    rejected = [one for one in cleaned if isinstance(one, Rejected)]
    prices = {one.id: (one.category, one.price.minor) for one in listings if one.price}
    odd = {name for name, compared in compare_prices(prices).items() if compared.odd}
    return (
        pl.DataFrame([_row(one, one.id in odd) for one in listings], SCHEMA, orient="row"),
        pl.DataFrame(
            [(one.key, one.reason.value, one.detail, one.raw) for one in rejected],
            dict.fromkeys(REJECTED_COLUMNS, pl.String),
            orient="row",
        ),
    )


def _clean(
    records: Iterable[Record | Rejected], source: str, country: str, currency: str
) -> Iterator[Listing | Rejected]:
    gazetteer = Gazetteer.load(country)
    seen: set[str] = set()
    for record in track(records, "cleaning", console=Console(stderr=True), transient=True):
        if isinstance(record, Rejected):
            yield record
            continue
        cleaned = clean_record(
            record,
            source=source,
            gazetteer=gazetteer,
            currency=currency,
            country=country,
            keep_original=False,
        )
        if isinstance(cleaned, Listing) and cleaned.id in seen:
            detail = f"id {cleaned.id!r} stands in the table before row {record.row}"
            key = f"{cleaned.id} (row {record.row})"
            yield Rejected("listing", key, Reason.REPEATED_ID, detail, shown(source))
            continue
        if isinstance(cleaned, Listing):
            seen.add(cleaned.id)
        yield cleaned


def _row(listing: Listing, odd: bool) -> tuple[object, ...]:
    place, price = listing.place, listing.price
    return (
        listing.id,
        listing.title,
        listing.description or None,
        " / ".join(listing.category) or None,
        Decimal(price.minor).scaleb(-2) if price else None,
        price.currency if price else None,
        place.town if place else None,
        place.county if place else None,
        place.latitude if place else None,
        place.longitude if place else None,
        listing.seller,
        listing.seller_type,
        listing.created_at,
        " ".join(listing.flags) or None,
        odd,
    )


def _write(frame: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)


def _default_out(products: str) -> Path:
    if "://" in products:
        raise BadInput(f"{shown(products)} is no file to write beside; say where with --out")
    path = Path(products)
    return path.with_name(path.stem + ".cleaned.csv")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Clean a table of products.")
    parser.add_argument("products", help="CSV, TSV, JSONL or Parquet; a path or a URL")
    parser.add_argument("--out", type=Path, help=".csv or .parquet; default <products>.cleaned.csv")
    parser.add_argument("--country", default="GB", help="ISO 3166 code; default GB")
    parser.add_argument("--currency", default="GBP", help="of prices without a symbol; default GBP")
    chosen = parser.parse_args(arguments)
    try:
        out = chosen.out or _default_out(chosen.products)
        if out.suffix not in {".csv", ".parquet"}:
            raise BadInput(f"cannot write {out}: --out must end in .csv or .parquet")
        listings, rejected = clean_tabular_data(
            chosen.products, country=chosen.country, currency=chosen.currency
        )
        _write(listings, out)
        if len(rejected):
            _write(rejected, out.with_name(f"{out.stem}.rejected{out.suffix}"))
    except MarketrankError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    read = len(listings) + len(rejected)
    print(f"read {read} = accepted {len(listings)} + rejected {len(rejected)}; wrote {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
