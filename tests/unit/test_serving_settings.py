"""What `serve` does with settings, and with garbage."""

import gc
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


def test_what_a_start_makes_is_no_garbage_and_what_comes_after_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> None:
        assert not gc.isenabled()
        raise RuntimeError("no")

    monkeypatch.setattr(serving, "_build", broken)
    with pytest.raises(RuntimeError):
        serving.create_app()
    assert gc.isenabled()
    before = gc.get_freeze_count()
    monkeypatch.setattr(serving, "_build", list)
    try:
        serving.create_app()
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
