"""Rewrite the gazetteer's file with what `marketrank.listings.places` reads of it.

Usage: slim_places.py cities500.json. Other names of a town that are compared as equal are kept
once, so the gazetteer that is read from the file stays the same.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from marketrank.listings.places import _key

FIELDS = ("name", "countrycode", "latitude", "longitude", "population")


def slim(town: dict[str, Any], key: Callable[[str], str] = _key) -> dict[str, Any]:
    """A record of the file without what nobody reads."""
    others = {key(name): name for name in town["alternatenames"]}
    others.pop(key(town["name"]), None)
    others.pop("", None)
    return {**{name: town[name] for name in FIELDS}, "alternatenames": list(others.values())}


if __name__ == "__main__":
    file = Path(sys.argv[1])
    towns = json.loads(file.read_text(encoding="utf-8"))
    kept = {number: slim(town) for number, town in towns.items()}
    file.write_text(json.dumps(kept, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
