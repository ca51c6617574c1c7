"""The OpenAPI document says something of everything, with an example."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketrank.api.app import create_app
from marketrank.config import Settings
from small_market import small_market

_TELLS = ("example", "examples", "const")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(small_market(), settings=Settings(home=Path("unused"))).openapi()


def test_every_member_has_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    missing = [name for shape in schemas for name in _mute(schemas[shape], shape)]
    for where, operation in _operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for kind, content in body.get("content", {}).items():
                missing += _mute(content.get("schema", {}), f"{where} {kind}")
                assert "schema" in content or "example" in content, where
    assert missing == []
    assert len(schemas) > 20


def test_every_parameter_has_a_meaning_and_an_example(document: dict[str, Any]) -> None:
    found = [
        (where, one) for where, told in _operations(document) for one in told.get("parameters", [])
    ]
    assert len(found) > 40
    for where, one in found:
        assert one.get("description"), (where, one["name"])
        assert any(name in told for name in _TELLS for told in (one, one["schema"])), (where, one)


def test_every_operation_has_a_summary_and_errors_are_problems(document: dict[str, Any]) -> None:
    for where, operation in _operations(document):
        assert operation["summary"], where
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"], (where, status)
    assert "HTTPValidationError" not in str(document)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"{method} {path}", operation


def _mute(schema: dict[str, Any], where: str) -> Iterator[str]:
    """Members without an example. One that is made of a named shape has that shape's."""
    for name, member in schema.get("properties", {}).items():
        here = f"{where}.{name}"
        if not any(told in member for told in _TELLS) and not _named(member):
            yield here
        yield from _mute(member, here)
    for part in _parts(schema):
        yield from _mute(part, where)


def _parts(schema: dict[str, Any]) -> list[dict[str, Any]]:
    several = [part for name in ("anyOf", "oneOf", "allOf") for part in schema.get(name, [])]
    single = [schema.get(name) for name in ("items", "additionalProperties")]
    return several + [part for part in single if isinstance(part, dict)]


def _named(schema: dict[str, Any]) -> bool:
    if "$ref" in schema or "properties" in schema:
        return True
    return any(_named(part) for part in _parts(schema))
