"""The gate of models of listings, seen promoting and refusing."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("sklearn")

from hashed_encoder import HashedEncoder
from made_up_feed import AT, data_of, stock
from marketrank import cli
from marketrank.errors import NotReady
from marketrank.models.decisions import read_decision
from marketrank.models.registry import Registry
from marketrank.pipelines import publishing
from marketrank.pipelines.gate import BASELINES, CHAMPION, FEWEST, GUESS, Contest, Limits
from marketrank.pipelines.publishing import Published, publish
from marketrank.pipelines.training_data import TrainingData
from marketrank.ports import BlobStore
from marketrank.types import Listing
from small_contest import SEED, mislabelled, train_small, write_small
from small_model import fill


@dataclass(frozen=True)
class Seen:
    """A home in which three models met the gate, one after another, and what it said."""

    home: Path
    listings: list[Listing]
    blobs: BlobStore
    weak: Published
    shuffled: Published
    current_after_shuffled: str | None
    good: Published

    @property
    def registry(self) -> Registry:
        return Registry(self.home / "models")


def contest(home: Path, data: TrainingData, blobs: BlobStore) -> Contest:
    return Contest(
        data,
        blobs,
        home,
        Registry(home / "models"),
        lambda _: HashedEncoder(),
        "GBP",
        Clock(),
    )


class Clock:
    """Every look at it is a millisecond after the one before."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 1e-3
        return self._now


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    home = tmp_path_factory.mktemp("home")
    listings, blobs = stock(home / "photos", 160)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "_write", write_small)

        def meet(share: float, day: int) -> Published:
            data, at = mislabelled(listings, share), AT + timedelta(days=day)
            train_small(data, blobs, home, at=at)
            return publish(contest(home, data, blobs), at=at, limits=Limits())

        weak = meet(0.7, 0)
        shuffled = meet(1.0, 1)
        current = Registry(home / "models").current()
        yield Seen(home, listings, blobs, weak, shuffled, current, meet(0.0, 2))


def test_the_first_model_needs_to_beat_guessing_and_the_baselines(seen: Seen) -> None:
    decision = seen.weak.decision
    assert decision.reasons == ()
    assert decision.champion is None
    assert set(decision.evaluation["compared"]) == {GUESS, BASELINES}
    assert decision.evaluation["compared"][GUESS]["scores"]["text"]["low"] > 0


def test_a_model_that_was_trained_on_shuffled_labels_is_refused(seen: Seen) -> None:
    decision = seen.shuffled.decision
    assert not decision.promote
    assert decision.champion == seen.weak.version
    reasons = "\n".join(decision.reasons)
    for name in ("text", "combined"):
        assert f"no better than guessing the most frequent category: {name} 0." in reasons
        assert f"worse than {seen.weak.version}: {name} 0." in reasons
    found = decision.evaluation["compared"][CHAMPION]
    assert found["on"] == "held-out listings of both"
    assert found["scores"]["text"]["n"] >= FEWEST
    assert found["scores"]["text"]["high"] < 0
    assert seen.current_after_shuffled == seen.weak.version


def test_a_better_one_is_promoted(seen: Seen) -> None:
    decision = seen.good.decision
    assert decision.reasons == ()
    assert decision.champion == seen.weak.version
    assert seen.registry.current() == seen.good.version
    assert decision.evaluation["compared"][CHAMPION]["scores"]["text"]["difference"] > 0


def test_the_decision_is_kept_and_shown(seen: Seen) -> None:
    version = seen.shuffled.version
    kept = read_decision(seen.registry.folder, version)
    assert kept is not None
    assert kept["reasons"] == list(seen.shuffled.decision.reasons)
    assert (kept["promote"], kept["champion"]) == (False, seen.weak.version)
    options = ["--home", str(seen.home)]
    shown = CliRunner().invoke(cli.app, ["models", "show", version, *options])
    assert "against it: no better than guessing" in shown.output.replace("\n", " ")
    shown = CliRunner().invoke(cli.app, ["models", "show", version, "--json", *options])
    assert json.loads(shown.stdout)["decision"] == kept


def met_alone(seen: Seen, share: float, registry: Registry) -> Published:
    """What becomes of a model that was trained before, at another registry's gate."""
    found = contest(seen.home, mislabelled(seen.listings, share), seen.blobs)
    return publish(replace(found, registry=registry), at=AT + timedelta(days=9), limits=Limits())


def test_a_champion_without_runs_is_compared_by_its_scores(seen: Seen, tmp_path: Path) -> None:
    """The published one cannot be asked either: it is of a few bytes."""
    registry = Registry(tmp_path)
    best = {"text": {"accuracy": 0.9, "n": 90}, "similar": {"sibling_recall@10": 1.0, "n": 9000}}
    champion = registry.publish(lambda draft: replace(fill(draft), metrics=best), at=AT)
    registry.promote(champion, at=AT, why="the best there is")
    done = met_alone(seen, 0.0, registry)
    compared = done.decision.evaluation["compared"][CHAMPION]
    assert compared["on"] == "published scores, unpaired"
    (objection,) = done.objections
    assert objection.startswith(f"worse than {champion}: similar.sibling_recall@10 0.")
    first, second = done.decision.notes
    assert first.startswith("not compared on held-out listings of both")
    assert second.startswith("not compared on listings new to the champion")
    assert registry.current() == champion


@pytest.mark.parametrize("damage", ["delete", "change"])
def test_a_champion_that_is_gone_or_damaged_is_no_objection(
    seen: Seen, tmp_path: Path, damage: str
) -> None:
    registry = Registry(tmp_path)
    champion = registry.publish(fill, at=AT)
    registry.promote(champion, at=AT, why="")
    if damage == "delete":
        shutil.rmtree(tmp_path / champion)
    else:
        (tmp_path / champion / "manifest.json").write_bytes(b"{}")
    done = met_alone(seen, 0.0, registry)
    assert done.objections == []
    assert any(f"{champion} cannot be compared" in note for note in done.decision.notes)
    assert registry.current() == done.version


def test_what_was_compared_with_another_champion_is_not_promoted(
    seen: Seen,
) -> None:
    with pytest.raises(NotReady, match="was compared with nobody, and meanwhile"):
        seen.registry.promote_after(seen.weak.version, None, at=AT, why="")
    assert seen.registry.current() == seen.good.version


def test_listings_that_a_model_has_seen_are_known(seen: Seen) -> None:
    from marketrank.pipelines.answers import unseen

    data = data_of(seen.listings, SEED)
    test = data.split.test
    assert [one.id for one in unseen(data, [])] == list(test)
    assert [one.id for one in unseen(data, test[1:])] == [test[0]]
    assert unseen(data, test) == []
