"""What `serve` does with the settings of its log lines."""

import logging
from pathlib import Path

import pytest

from marketrank import serving
from marketrank.config import Settings
from marketrank.monitoring.logs import REQUESTS, JsonLines


@pytest.mark.parametrize("wanted", [True, False])
def test_log_settings_are_followed(
    wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETRANK_HOME", str(tmp_path))
    monkeypatch.setenv("MARKETRANK_LOG_FORMAT", "json" if wanted else "text")
    monkeypatch.setenv("MARKETRANK_LOG_REQUESTS", str(wanted).lower())
    try:
        serving.create_app()
        (handler,) = logging.getLogger().handlers
        assert isinstance(handler.formatter, JsonLines) is wanted
        assert logging.getLogger(REQUESTS).isEnabledFor(logging.INFO) is wanted
    finally:
        logging.basicConfig(force=True, handlers=[logging.NullHandler()])


@pytest.mark.parametrize(("cores", "workers", "each"), [(8, 1, "8"), (8, 3, "2"), (2, 4, "1")])
def test_workers_share_the_cores(cores: int, workers: int, each: str, tmp_path: Path) -> None:
    told = serving._environment(Settings(home=tmp_path, processes=cores), workers)
    assert told == {"MARKETRANK_HOME": str(tmp_path), "MARKETRANK_PROCESSES": each}
