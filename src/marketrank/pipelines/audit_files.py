"""The buyers and listings of a folder of sessions, for an audit without a home.

Such a folder holds what `feedback.session_files` reads, and an interaction set's `buyers.csv`
(buyer_id, then an attribute a column, empty where it is not known) and `listings.csv` (listing_id,
category as "Root / Below", optionally seller_type). Where it has a `consents.csv` (buyer_id,
purpose, at), that says who agreed to what; else the attributes that are there may be used.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from marketrank.buyers.audit_table import Fact
from marketrank.errors import BadInput
from marketrank.people import Buyer, Purpose
from marketrank.retrieval.query import parse_category
from marketrank.types import BuyerId, ListingId

BUYERS, CONSENTS, LISTINGS = "buyers.csv", "consents.csv", "listings.csv"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def read_people(folder: Path) -> tuple[list[Buyer], dict[ListingId, Fact]]:
    """Buyers and listings; none where the folder has neither file. Raises BadInput as below."""
    if not (folder / BUYERS).exists() and not (folder / LISTINGS).exists():
        return [], {}
    return read_buyers(folder), read_facts(folder)


def read_buyers(folder: Path) -> list[Buyer]:
    """Raises BadInput where a file cannot be read, lacks a column or has an unknown purpose."""
    consents: dict[str, dict[Purpose, datetime]] = {}
    told = (folder / CONSENTS).exists()
    if told:
        for number, row in _rows(folder / CONSENTS, ("buyer_id", "purpose", "at")):
            try:
                purpose, at = Purpose(row["purpose"]), datetime.fromisoformat(row["at"])
            except ValueError as error:
                raise BadInput(f"{folder / CONSENTS}, line {number}: {error}") from error
            consents.setdefault(row["buyer_id"], {})[purpose] = at
    found = []
    for _, row in _rows(folder / BUYERS, ("buyer_id",)):
        id_ = row["buyer_id"]
        attributes = {name: value for name, value in row.items() if name != "buyer_id" and value}
        agreed = consents.get(id_, {}) if told else {Purpose.DEMOGRAPHICS: _LONG_AGO}
        found.append(Buyer(BuyerId(id_), attributes, consents=agreed))
    return found


def read_facts(folder: Path) -> dict[ListingId, Fact]:
    """Raises BadInput where the file cannot be read or lacks a column."""
    return {
        ListingId(row["listing_id"]): Fact(
            parse_category(row["category"] or ""), row.get("seller_type") or ""
        )
        for _, row in _rows(folder / LISTINGS, ("listing_id", "category"))
    }


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Lines by their number. A short line has None for what it lacks, a long one is refused."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in needed if name not in (rows.fieldnames or ())]
            if missing:
                raise BadInput(
                    f"{path} has no column {', '.join(missing)}; it needs {', '.join(needed)}"
                )
            for row in rows:
                if None in row:
                    raise BadInput(f"{path}, line {rows.line_num}: more fields than columns")
                yield rows.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
