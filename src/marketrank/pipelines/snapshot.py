"""The cleaned listings of one moment in a folder: what a retraining is of, whatever arrives
meanwhile.

    <folder>/listings.jsonl    one listing a line, sorted by id
    <folder>/duplicates.json   which repeats which
"""

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import orjson
from pydantic import TypeAdapter, ValidationError

from marketrank.durable import write
from marketrank.errors import Corrupt
from marketrank.types import Duplicate, Listing

_LISTINGS, _DUPLICATES = "listings.jsonl", "duplicates.json"
_PREFIX = "data-"
_REMEDY = "delete it, and run `marketrank retrain` again"


def write_snapshot(
    parent: Path, listings: Iterable[Listing], duplicates: Iterable[Duplicate]
) -> Path:
    """Write both files into a folder of `parent` that is named by their content, and remove the
    older ones there; returns it. What is there already is left."""
    ordered = sorted(listings, key=lambda one: one.id)
    lines = b"".join(orjson.dumps(asdict(one)) + b"\n" for one in ordered)
    # Which repeats which matters, and not in what order the store told it.
    links = orjson.dumps(sorted((asdict(one) for one in duplicates), key=repr))
    digest = hashlib.sha256(lines + links).hexdigest()[:16]
    folder = parent / f"{_PREFIX}{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / _DUPLICATES, links)
    write(folder / _LISTINGS, lines)
    for other in parent.glob(f"{_PREFIX}*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


def read_snapshot(folder: Path) -> tuple[list[Listing], list[Duplicate]]:
    """Raises Corrupt where a file is missing or torn."""
    one, many = TypeAdapter(Listing), TypeAdapter(list[Duplicate])
    try:
        lines = (folder / _LISTINGS).read_bytes().splitlines()
        links = many.validate_json((folder / _DUPLICATES).read_bytes())
        return [one.validate_json(line) for line in lines], links
    except (OSError, ValidationError) as error:
        raise Corrupt(f"{folder} cannot be read ({error}); {_REMEDY}") from error
