"""How log lines look: text for people, or one JSON object a line for programs.

No line holds personal data. Messages of marketrank name listings, files and releases; those of
exceptions may quote what somebody has typed, so JSON lines keep their type and place alone.
"""

import logging
import sys
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Literal

import orjson

REQUESTS = "marketrank.requests"
_TEXT = "%(levelname)s %(name)s: %(message)s"
# What logging itself puts into a record; all else was given by `extra`.
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message, what `extra` gave, and of an exception its
    type and the places that it passed."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            line["exception"] = kind.__name__
            line["places"] = [
                f"{one.filename}:{one.lineno} {one.name}" for one in extract_tb(trace)
            ]
        return orjson.dumps(line, default=str).decode()


def configure(style: Literal["text", "json"], *, requests: bool) -> None:
    """Write warnings and worse to standard error, and with `requests` a line for each request.
    Replaces what was configured before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if style == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(REQUESTS).setLevel(logging.INFO if requests else logging.WARNING)
