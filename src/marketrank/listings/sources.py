"""Where listings come from: tables in files, object stores, web servers and PostgreSQL.

A source is a path or a URL; its suffix or scheme tells the format. Whatever the feed calls its
columns, records come out under one set of names.
"""

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from marketrank.errors import BadInput, MissingExtra
from marketrank.listings import sql_source, torn_csv
from marketrank.listings.addresses import shown
from marketrank.listings.contacts import mask_raw
from marketrank.listings.lines import read_lines
from marketrank.listings.texts import strip_unstorable
from marketrank.types import ImageId, ListingId, Reason, Rejected


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a feed as it stands there, by the names of PRODUCT_COLUMNS. `row` counts
    from 1; a value that is missing is None or absent."""

    row: int
    values: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One line of an images table: the photo's id and whose it is. `ref` is the file or link,
    where the table names one; else the file is called like the id."""

    row: int
    id: ImageId
    listing_id: ListingId
    ref: str | None = None


# Our name, then the names that feeds use, in lower case; the first that is present counts.
PRODUCT_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "listing_id", "product_id", "ad_id", "item_id", "uniq_id"),
    "title": ("title", "product_name", "product_title", "listing_title", "name"),
    "category": ("category", "product_category", "category_path", "product_category_tree"),
    "description": ("description", "product_description", "listing_description", "body"),
    "price": ("price", "product_price", "price_amount", "amount"),
    "location": ("location", "product_location", "place", "town", "city"),
    "created_at": ("created_at", "create_time", "created", "listed_at", "posted_at", "date"),
    "seller_id": ("seller_id", "user_id", "seller"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon", "lng"),
    "currency": ("currency", "price_currency"),
}
IMAGE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "image_id", "photo_id"),
    "listing_id": ("product_id", "listing_id", "ad_id", "item_id"),
    "ref": ("image_ref", "bucket_link", "image_url", "url", "path", "file"),
}
_MISSING = frozenset(["", "n/a", "nan", "null", "none"])


def present(value: object) -> str | None:
    """A value as text without spaces around it; None where it is missing, which feeds also write
    as "N/A", "NaN", "null" or "None". Lists are category paths. NUL characters and halves of
    surrogate pairs are gone."""
    if isinstance(value, list | tuple):
        value = " / ".join(one for one in map(present, value) if one is not None)
    elif isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    elif isinstance(value, dict):
        value = orjson.dumps(value, default=str).decode()
    elif value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = strip_unstorable(str(value)).strip()
    return None if text.lower() in _MISSING else text


def read_products(source: str, *, country: str = "GB") -> Iterator[Record | Rejected]:
    """The records of a feed in its order; what is no record is Rejected with its raw text, in
    which contact details are masked as is right for `country`.

    Raises BadInput, at once or with the first record, for a source that cannot be read or has no
    id and title columns, and MissingExtra for a scheme whose package is not installed.
    """
    table = _Reading(source, "listing", PRODUCT_COLUMNS, ("id", "title"), "products", country)
    return _records(table)


def read_images_table(source: str, *, country: str = "GB") -> Iterator[ImageRow | Rejected]:
    """The rows of an images table in its order; a row without an id or a listing is Rejected.
    Raises what `read_products` raises."""
    table = _Reading(source, "photo", IMAGE_COLUMNS, ("id", "listing_id"), "images", country)
    return (
        record if isinstance(record, Rejected) else _image_row(record, shown(source))
        for record in _records(table)
    )


def _image_row(record: Record, source: str) -> ImageRow | Rejected:
    id, listing = record.values.get("id"), record.values.get("listing_id")
    if id is None:
        detail = f"row {record.row} of the images table has no id"
        return Rejected("photo", f"row {record.row}", Reason.MISSING_ID, detail, source)
    if listing is None:
        detail = f"row {record.row} of the images table names no listing"
        return Rejected("photo", id, Reason.PHOTO_WITHOUT_LISTING, detail, source)
    return ImageRow(record.row, ImageId(id), ListingId(listing), record.values.get("ref"))


# Formats.


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read: `columns` maps our names to the feed's, `required` are ours, `table` is its
    name in a database, `kind` that of what is rejected."""

    source: str
    kind: str
    columns: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]
    table: str
    country: str

    def choose(self, found: Collection[str]) -> dict[str, str]:
        """Our names to the feed's own, for those that it has."""
        own = {name.strip().lower(): name for name in reversed(list(found))}
        return {
            ours: next(own[name] for name in theirs if name in own)
            for ours, theirs in self.columns.items()
            if not own.keys().isdisjoint(theirs)
        }

    def check(self, found: Collection[str]) -> dict[str, str]:
        """`choose`, for a format with a header. Raises BadInput where a required one is absent."""
        chosen = self.choose(found)
        absent = [name for name in self.required if name not in chosen]
        if absent:
            expected = "; ".join(f"{name}: {' or '.join(self.columns[name])}" for name in absent)
            raise BadInput(
                f"{shown(self.source)} lacks columns: found {', '.join(found) or 'none'}; "
                f"expected {expected}"
            )
        return chosen


def _read_csv(reading: _Reading, delimiter: str | None = None) -> Iterator[Record | Rejected]:
    with _open(reading.source) as file:
        table = torn_csv.read(
            file,
            id_names=reading.columns["id"],
            delimiter=delimiter,
            source=shown(reading.source),
            kind=reading.kind,
            country=reading.country,
        )
        chosen = reading.check(table.columns)
        index = {ours: table.columns.index(theirs) for ours, theirs in chosen.items()}
        for row in table.rows:
            if isinstance(row, Rejected):
                yield row
            else:
                values = {ours: present(row.fields[at]) for ours, at in index.items()}
                yield Record(row.number, values)


def _read_tsv(reading: _Reading) -> Iterator[Record | Rejected]:
    return _read_csv(reading, delimiter="\t")


def _read_jsonl(reading: _Reading) -> Iterator[Record | Rejected]:
    with _open(reading.source) as file:
        lines = (line for line in read_lines(file) if line.strip())
        for row, line in enumerate(lines, start=1):
            try:
                record = _parse(line)
                problem = "" if isinstance(record, dict) else "not an object"
            except ValueError as error:  # orjson's error, and the standard library's
                problem = f"not JSON: {error}"
            if problem:
                yield Rejected(
                    reading.kind,
                    f"row {row}",
                    Reason.NOT_A_RECORD,
                    f"row {row} is {problem}",
                    shown(reading.source),
                    mask_raw(line, reading.country),
                )
            else:
                yield _pick(row, record, reading.choose(record))


def _parse(line: str) -> Any:
    """One line of JSON. orjson makes a float of an integer beyond 64 bits, and ids of two
    listings one number: such a line is read again with its integers as they are written."""
    record = orjson.loads(line)
    if isinstance(record, dict) and any(isinstance(value, float) for value in record.values()):
        return json.loads(line)
    return record


def _read_parquet(reading: _Reading) -> Iterator[Record | Rejected]:
    with _open(reading.source) as file, tempfile.TemporaryFile() as copy:
        remote = "://" in reading.source
        if remote:  # Parquet is read from its end, and a web stream has no way back
            shutil.copyfileobj(file, copy)
        try:
            table = pq.ParquetFile(copy if remote else file)
        except (pa.ArrowInvalid, OSError) as error:
            raise BadInput(f"{shown(reading.source)} is no Parquet file: {error}") from error
        chosen = reading.check(table.schema_arrow.names)
        batches = table.iter_batches(4096, columns=list(chosen.values()))
        records = (record for batch in batches for record in batch.to_pylist())
        for row, record in enumerate(records, start=1):
            yield _pick(row, record, chosen)


def _read_sql(reading: _Reading) -> Iterator[Record | Rejected]:
    with sql_source.open_table(reading.source, reading.table) as table:
        chosen = reading.check(table.columns)
        for row, values in enumerate(table.rows, start=1):
            yield _pick(row, values, chosen)


def _pick(row: int, values: Mapping[str, Any], chosen: Mapping[str, str]) -> Record:
    return Record(
        row,
        {
            ours: present(_whole(values[theirs]) if ours.endswith("id") else values[theirs])
            for ours, theirs in chosen.items()
        },
    )


def _whole(value: Any) -> Any:
    """An id column with a gap becomes one of floats in many tools: 1.0 is the id 1."""
    fits = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if fits else value


_Reader = Callable[[_Reading], Iterator[Record | Rejected]]
_BY_SUFFIX: Mapping[str, _Reader] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}
_BY_SCHEME: Mapping[str, _Reader] = {"postgresql": _read_sql, "postgres": _read_sql}


def _records(reading: _Reading) -> Iterator[Record | Rejected]:
    source = reading.source
    try:
        scheme = urlsplit(source).scheme if "://" in source else ""
    except ValueError as error:
        raise BadInput(f"{source.partition('://')[0]}://… is no valid address: {error}") from error
    suffix = PurePosixPath(urlsplit(source).path if scheme else source).suffix.lower()
    reader = _BY_SCHEME.get(scheme.split("+")[0]) or _BY_SUFFIX.get(suffix)
    if reader is None:
        raise BadInput(
            f"cannot tell the format of {shown(source)}: known are {', '.join(_BY_SUFFIX)} "
            f"(paths, s3://…, https://…) and {', '.join(s + '://…' for s in _BY_SCHEME)}"
        )
    if not scheme and not Path(source).is_file():
        raise BadInput(f"there is no file {source}; give the path of a feed, or a URL")
    return reader(reading)


@contextmanager
def _open(source: str) -> Iterator[BinaryIO]:
    """The source as a stream of bytes."""
    if "://" not in source:
        with Path(source).open("rb") as file:
            yield file
        return
    try:
        opened = fsspec.open(source, "rb").open()
    except ImportError as error:
        raise MissingExtra(f"reading {shown(source)}", "s3") from error
    # Every file system has errors of its own, and some show the URL with its secrets.
    except Exception as error:
        reason = str(error).replace(source, shown(source)) or type(error).__name__
        raise BadInput(
            f"cannot read {shown(source)}: {reason}; check the address and the credentials in "
            "the environment"
        ) from None
    with opened:
        yield opened
