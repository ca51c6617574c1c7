"""The words of sellers, from `stock/phrases.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

Lines = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """`share` of all things, factor on the `price`, and `words` for it."""

    share: float
    price: float
    words: Lines


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentences by what they say; see the file. `defects` go by `Kind.wear`, `reasons` by
    `Kind.reason`; `misspelt` and `shortened` map a right form to what is written instead."""

    openings: Lines
    condition_lines: Lines
    price_lines: Lines
    free_lines: Lines
    collection_lines: Lines
    closings: Lines
    size_lines: Lines
    brand_lines: Lines
    contact_lines: Lines
    extra_lines: Lines
    measures: Lines
    trade_openings: Lines
    trade_bullets: Lines
    trade_paragraphs: Lines
    trade_closings: Lines
    ages: Lines
    banners: Lines
    title_praise: Lines
    title_tails: Lines
    title_new: Lines
    title_poor: Lines
    title_heads: Lines
    posters: Lines
    emoji: Lines
    conditions: Mapping[str, Condition]
    defects: Mapping[str, Lines]
    reasons: Mapping[str, Lines]
    misspelt: Mapping[str, Lines]
    shortened: Mapping[str, Lines]


@lru_cache(maxsize=1)
def phrases() -> Phrases:
    """Read once per process."""
    text = (files("marketrank.simulate") / "stock" / "phrases.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    conditions = {
        name: Condition(row["share"], row["price"], tuple(row["words"]))
        for name, row in table.pop("conditions").items()
    }
    rest = {name: _frozen(value) for name, value in table.items()}
    return Phrases(conditions=conditions, **rest)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: tuple(lines) for key, lines in value.items()}
    return tuple(value)
