"""Log lines for programs, and what they keep to themselves."""

import json
import logging
import sys
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from marketrank.api.app import create_app
from marketrank.config import Settings
from marketrank.monitoring import logs
from small_market import small_market


def formatted(message: str, **extra: object) -> dict[str, object]:
    record = logging.makeLogRecord(
        {"name": "marketrank.x", "levelname": "ERROR", "msg": message, **extra}
    )
    line = logs.JsonLines().format(record)
    assert "\n" not in line
    loaded: dict[str, object] = json.loads(line)
    return loaded


def test_a_line_is_one_object_with_what_was_given() -> None:
    line = formatted("two\nlines", route="/v1/search", ms=1.5)
    assert (line["message"], line["level"], line["logger"]) == (
        "two\nlines",
        "error",
        "marketrank.x",
    )
    assert (line["route"], line["ms"]) == ("/v1/search", 1.5)


def test_of_an_exception_the_type_and_places_but_not_the_message() -> None:
    try:
        raise ValueError("jane.doe@example.com")
    except ValueError:
        line = formatted("failed", exc_info=sys.exc_info())
    assert line["exception"] == "ValueError"
    assert "test_logs.py" in str(line["places"])
    assert "jane" not in json.dumps(line)


@pytest.mark.parametrize("wanted", [True, False])
def test_requests_are_logged_where_wanted_without_words_or_addresses(
    wanted: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("json", requests=wanted)
    try:
        client = TestClient(create_app(small_market(), settings=Settings(home=tmp_path)))
        client.get("/v1/search", params={"q": "jane"}, headers={"X-Request-Id": "abc"})
    finally:
        logging.basicConfig(force=True, handlers=[logging.NullHandler()])
    written = capsys.readouterr().err
    assert bool(written) is wanted
    if wanted:
        line = json.loads(written.splitlines()[-1])
        assert (line["route"], line["status"], line["request_id"]) == ("/v1/search", 200, "abc")
        assert "jane" not in written
        assert "testclient" not in written


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text", requests=False)
    try:
        logging.getLogger("marketrank.x").warning("hello")
    finally:
        logging.basicConfig(force=True, handlers=[logging.NullHandler()])
    assert capsys.readouterr().err == "WARNING marketrank.x: hello\n"
