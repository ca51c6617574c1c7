"""Why versions were promoted or refused.

    <home>/models/decisions/<version>.json   what was compared, and what it came to

Beside the versions, which are immutable.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from marketrank.durable import write
from marketrank.errors import Corrupt

_FOLDER = "decisions"


def write_decision(models: Path, version: str, decision: Mapping[str, Any]) -> Path:
    """Keep a decision, in place of an earlier one on the same version; returns its file."""
    path = models / _FOLDER / f"{version}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, orjson.dumps(decision, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    return path


def read_decision(models: Path, version: str) -> dict[str, Any] | None:
    """None where nobody has decided. Raises Corrupt where it cannot be read."""
    path = models / _FOLDER / f"{version}.json"
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Corrupt(f"{path} cannot be read ({error}); delete it") from error
    return found
