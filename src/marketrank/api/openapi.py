"""The OpenAPI document: what FastAPI makes of the routes, and what the Gate adds to all of them."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from marketrank.api.gate import needed, rule_of
from marketrank.api.problems import problem_responses

_KEY = "key"
_FASTAPIS = ("HTTPValidationError", "ValidationError")  # errors here are problems (RFC 9457)
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of `marketrank keys create`: `Authorization: Bearer mr_…`",
}


def documenting(app: FastAPI, *, open_reading: bool) -> Callable[[], dict[str, Any]]:
    """What to set as `app.openapi`: made once, when first asked for."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _guarded(plain(), open_reading)
        return app.openapi_schema

    return openapi


def _guarded(document: dict[str, Any], open_reading: bool) -> dict[str, Any]:
    components = document.setdefault("components", {})
    for unused in _FASTAPIS:
        components.get("schemas", {}).pop(unused, None)
    components.setdefault("securitySchemes", {})[_KEY] = _SCHEME
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]  # FastAPI's guess: nothing there can be wrong
            rule = rule_of(method.upper(), path)
            if not rule.scopes:
                continue
            scopes = needed(rule, open_reading=open_reading)
            # An empty requirement beside the key: it may be sent and need not be.
            operation["security"] = [{_KEY: []}] if scopes else [{}, {_KEY: []}]
            told = {401: None, 403: None, 429: None, 503: None}
            for status, response in problem_responses(*told).items():
                operation["responses"].setdefault(str(status), response)
            if scopes:
                note = f"Needs a key of scope {' or '.join(scopes)}."
                operation["description"] = f"{operation.get('description', '')}\n\n{note}".strip()
    return document
