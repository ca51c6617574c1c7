"""Rows of the CSV files that sets are made of."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from marketrank.errors import BadInput

_FIELD_LIMIT = 10_000_000  # characters of one field; Python's own limit is 131,072


def rows(path: Path, needed: Sequence[str], holds: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line numbers and rows by column name, values without spaces around them. Raises BadInput for
    a file or a column that is missing, of which `holds` says what there must be."""
    before = csv.field_size_limit(_FIELD_LIMIT)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            columns = [name.strip() for name in next(reader, [])]
            for name in needed:
                if name not in columns:
                    raise BadInput(
                        f"{path} has columns {', '.join(columns) or 'none'}; it needs "
                        f"{', '.join(needed)}"
                    )
            for values in reader:
                if not values:
                    continue
                if len(values) != len(columns):
                    raise BadInput(
                        f"{path} line {reader.line_num} has {len(values)} fields, the first line "
                        f"{len(columns)}; quote fields that hold commas or line breaks"
                    )
                yield (
                    reader.line_num,
                    {name: v.strip() for name, v in zip(columns, values, strict=True)},
                )
    except FileNotFoundError as error:
        raise BadInput(f"there is no {path}; {holds}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read as CSV in UTF-8: {error}") from error
    finally:
        csv.field_size_limit(before)
