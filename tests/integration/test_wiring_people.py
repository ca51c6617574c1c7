"""What a running process does about buyers by itself."""

from datetime import timedelta
from pathlib import Path

import pytest
from test_serving import wait_for

from marketrank.config import load
from marketrank.people import Buyer
from marketrank.storage import erasure
from marketrank.wiring import Marketplace, now
from small_events import ANN, impression


@pytest.fixture
def market(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Marketplace:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setenv("MARKETRANK_IMPRESSION_DAYS", "3")
    return Marketplace(load(tmp_path))


def test_what_was_shown_is_forgotten_after_the_days_of_the_settings(market: Marketplace) -> None:
    ages = [0, 2, 3, 4, 5, 40]
    market.events.log([impression(f"r{age}", None, at=now() - timedelta(days=age)) for age in ages])

    def kept() -> list[str]:
        found = market.events.sessions(now() - timedelta(days=99), now())
        return [one.impression.request for one in found]

    assert len(kept()) == len(ages)
    with market.people.running():
        wait_for(lambda: kept() == ["r3", "r2", "r0"], seconds=20)


def test_an_erasure_that_was_cut_short_is_ended_at_the_next_start(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.buyers.put(Buyer(ANN, {"age": "25-34"}), at=now())

    def fail(*_: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "drop_buyer", fail)
        with pytest.raises(OSError, match="power"):
            market.buyers.erase(ANN)
    assert len(market.people.keys.unfinished()) == 1
    with market.people.running():
        wait_for(lambda: not market.people.keys.unfinished(), seconds=20)


def test_what_waits_at_the_end_is_written(market: Marketplace) -> None:
    with market.people.running():
        log = market.people.impression_log
        assert (log.written, log.dropped) == (0, 0)
    log.put(object())  # type: ignore[arg-type]
    assert log.dropped == 0  # it has ended
