"""One exported encoder for a whole test run: the export takes seconds, and nothing changes it."""

import fcntl
import os
from pathlib import Path

import pytest

from marketrank.models.export import export_default


def exported_encoder(temporary: pytest.TempPathFactory) -> Path:
    """The folder of the default encoder, read-only by agreement; made by the first who asks."""
    base = temporary.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "encoders"
    root.mkdir(exist_ok=True)
    with (root / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        found = [path.parent for path in root.glob("*/encoder.json")]
        return found[0] if found else root / export_default(root)
