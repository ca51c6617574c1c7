"""The whole OpenAPI document, tried by schemathesis with all its checks."""

import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from sqlalchemy import Engine

from marketrank.access import Scope
from marketrank.api.app import create_app
from marketrank.config import Settings
from marketrank.storage.keys import KeyFolder
from people_of_market import People
from small_market import NOW, PLACES, SmallMarket, draw, small_market

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))


@cache
def photos() -> list[bytes]:
    return [draw(colour, shape) for colour, shape in (("#a08060", "4x3"), ("#336699", "1x1"))]


# What no schema can say: which bytes are a photo, and which places and listings there are.
schemathesis.openapi.format("binary", st.sampled_from(photos()))
schemathesis.openapi.format("place", st.sampled_from(sorted(PLACES)))
schemathesis.openapi.format("listing-id", st.sampled_from(["1001", "1002", "1012"]))
schemathesis.openapi.format("ndjson", st.just('{"id": "n1", "title": "Oak table"}'))
schemathesis.openapi.format("price-range", st.sampled_from(["10..50", "10..", "..50"]))
schemathesis.openapi.format("price-text", st.sampled_from(["£120", "9.99", "free"]))
schemathesis.openapi.format("distance", st.sampled_from(["20mi", "15km", "5"]))
schemathesis.openapi.format("parse-kinds", st.sampled_from(["price", "price,near"]))
schemathesis.openapi.format("photo-url", st.just("https://images.example.com/table.jpg"))

_PAST = st.datetimes(datetime(1970, 1, 2), NOW.replace(tzinfo=None), timezones=st.just(UTC))
schemathesis.openapi.format("date-time", _PAST.map(datetime.isoformat))


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    return (value if isinstance(value, str) else f"not lines: {value!r}").encode()


@pytest.fixture
def market(database_engine: Engine, tmp_path: Path) -> SmallMarket:
    market = small_market()
    market.people = People(database_engine, KeyFolder(tmp_path / "keys"), market)
    return market


@pytest.fixture
def key(market: SmallMarket) -> dict[str, str]:
    return market.key_store.make(Scope.ADMIN, at=NOW)


@pytest.fixture
def document(market: SmallMarket, tmp_path: Path) -> Any:
    # Without a limit on rates: every request comes from one address.
    plain = Settings(home=tmp_path, rate_per_address=0, rate_per_key=0)
    app = create_app(market, settings=plain, clock=lambda: NOW)
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
def test_the_api_does_what_its_document_says(
    document: Any, key: dict[str, str], mode: GenerationMode, subtests: pytest.Subtests
) -> None:
    """By hand instead of by its pytest plugin, which reads privates of pytest that are gone."""
    found = [result.ok() for result in document.get_all_operations()]
    assert len(found) >= 20
    for operation in found:
        with subtests.test(operation.label):
            _try(operation, key, mode)


def _try(operation: Any, key: dict[str, str], mode: GenerationMode) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        headers = key
        if mode is GenerationMode.POSITIVE:
            _complete(case)
        else:
            assume(not _says_nothing_wrong(case))
            open_to_all = {} in case.operation.definition.raw.get("security", [{}])
            given_key = str((case.headers or {}).get("Authorization", ""))
            if not open_to_all and not given_key.startswith("Bearer "):
                headers = {}  # that it lacks a key is what is wrong with it
        case.call_and_validate(headers=headers)

    try:
        run()
    except Unsatisfiable:  # nothing can be wrong with a request without parameters
        assert mode is GenerationMode.NEGATIVE


def _complete(case: Any) -> None:
    """What depends on other parameters, which OpenAPI has no words for."""
    for fields in (case.query, case.body):
        if isinstance(fields, dict) and ("within" in fields or fields.get("sort") == "distance"):
            fields.setdefault("near", "Bristol")
    if case.operation.path == "/v1/drafts" and isinstance(case.body, dict):
        case.body["title"] = f"Table {case.body.get('title', '')}"[:300]
    if isinstance(case.body, dict) and "photo" in case.body:
        case.body.pop("like", None)
        if isinstance(case.query, dict):
            case.query.pop("like", None)


def _says_nothing_wrong(case: Any) -> bool:
    """A number, truth value or object in a form arrives as the text that it should have been; an
    empty value, which forms of pages send, counts as not given."""
    form = str(case.media_type).startswith(("multipart/", "application/x-www-form"))
    body = case.body if form and isinstance(case.body, dict) else {}
    if any(
        not isinstance(value, str | bytes)
        for name, value in body.items()
        if name not in ("photo", "image")
    ):
        return True
    values = [*body.values(), *(case.query or {}).values()]
    return any(
        value is None
        or isinstance(value, dict | list)  # in an address {"": 0} is written as an empty value
        or (isinstance(value, str) and not value.strip())
        for value in values
        if not (isinstance(value, list) and value and isinstance(value[0], bytes))  # photos
    )
