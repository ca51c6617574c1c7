"""All kinds of things on sale, by root category, from the tables in `stock/`."""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from marketrank.errors import BadInput
from marketrank.simulate.kinds import Kind

_TABLES = (
    "home",
    "garden",
    "office",
    "health",
    "media",
    "computers",
    "diy",
    "hobbies",
    "appliances",
    "gaming",
    "sports",
    "phones",
    "kids",
    "clothing",
)


@dataclass(frozen=True, slots=True)
class Department:
    """The kinds of one root category and how much it sells, as a share of all listings. A root
    may have several departments."""

    root: str
    share: float
    kinds: tuple[Kind, ...]


@lru_cache(maxsize=1)
def departments() -> tuple[Department, ...]:
    """Read once per process."""
    folder = files("marketrank.simulate") / "stock"
    return tuple(read_department((folder / f"{name}.toml").read_text("utf-8")) for name in _TABLES)


def read_department(text: str) -> Department:
    """A table of `stock/`; BadInput names the kind that has a wrong or a missing field."""
    table = tomllib.loads(text)
    return Department(table["root"], table["share"], tuple(map(_kind, table["kind"])))


def _kind(row: dict[str, Any]) -> Kind:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
    }
    try:
        return Kind(**values)
    except TypeError as error:
        raise BadInput(f"kind {row.get('name', row)!r} in stock/: {error}") from error
