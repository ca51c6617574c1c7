"""The step that learns and audits a ranker from a home's own sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from made_up_sessions import START, World
from marketrank.buyers.fairness import Limits
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.models import promotions
from marketrank.people import Session
from marketrank.pipelines import ranker_retraining
from marketrank.pipelines.ranker_retraining import RankerWork, retrain_ranker
from marketrank.pipelines.shelves import rankers
from marketrank.pipelines.train_ranker import Learned

AT = START + timedelta(days=2)


@dataclass
class Stores:
    """What is asked of an event, a buyer and a listing store: nobody has agreed to anything."""

    held: Sequence[Session]
    asked: list[tuple[datetime, datetime]] = field(default_factory=list)

    def sessions(self, since: datetime, until: datetime) -> list[Session]:
        self.asked.append((since, until))
        return list(self.held)

    def agreed(self, purposes: object) -> list[Any]:
        return []

    def get(self, ids: object) -> dict[Any, Any]:
        return {}


def work(folder: Path, sessions: Sequence[Session], days: int = 90) -> RankerWork:
    stores: Any = Stores(sessions)
    return RankerWork(stores, stores, stores, folder, SensitiveCategories(()), Limits(), days)


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    return World.drawn().sessions(1_200)


def test_a_ranker_that_is_not_worse_can_be_promoted(
    tmp_path: Path, sessions: list[Session]
) -> None:
    shop = work(tmp_path, sessions, days=30)
    found = retrain_ranker(shop, at=AT, seed=3)
    assert found.reasons == ()
    assert found.version is not None
    assert shop.events.asked == [(AT - timedelta(days=30), AT)]  # type: ignore[attr-defined]
    assert found.report["audit"]["reasons"] == []
    assert "none of" in found.report["audit"]["unjudged"][0]
    assert promotions.current(tmp_path) is None
    assert rankers(tmp_path).promote(found.version, at=AT, why="it may") is None
    assert rankers(tmp_path).promote(found.version, at=AT, why="again") == found.version
    assert promotions.current(tmp_path) == found.version
    assert len(promotions.read(tmp_path)) == 1


def test_what_the_audit_objects_to_is_not_published(
    tmp_path: Path, sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def object_to(learned: Learned, *_: object, **__: object) -> Learned:
        return replace(learned, worse=["women see less"])

    monkeypatch.setattr(ranker_retraining, "audited", object_to)
    found = retrain_ranker(work(tmp_path, sessions), at=AT, seed=3)
    assert (found.version, found.reasons) == (None, ("women see less",))
    assert "systems" in found.report
    assert list(tmp_path.iterdir()) == []


def test_a_home_without_enough_sessions_says_so(tmp_path: Path, sessions: list[Session]) -> None:
    none = retrain_ranker(work(tmp_path, []), at=AT, seed=3)
    assert none.reasons == ("no session to learn a ranker from",)
    few = retrain_ranker(work(tmp_path, sessions[:1]), at=AT, seed=3)
    assert few.version is None
    assert few.reasons[0].startswith("no ranker was learned: ")
