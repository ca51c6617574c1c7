"""The gazetteer's file in the serving image: smaller, and read as the same gazetteer."""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from marketrank.listings import places

SCRIPT = Path(__file__).parents[2] / "deploy" / "docker" / "slim_places.py"


def test_the_gazetteer_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("slim_places", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    records = list(places._records("GB"))
    slimmed = [script.slim(dict(record)) for record in records]
    whole = places._load("GB")

    def slim_records(country: str) -> Iterator[Mapping[str, Any]]:
        return iter(slimmed)

    monkeypatch.setattr(places, "_records", slim_records)
    assert places._load("GB") == whole
    assert sum(len(str(one)) for one in slimmed) < 0.8 * sum(len(str(one)) for one in records)
