"""Drift of a home: what a shifted feed raises, what is kept of it, and what metrics say."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from marketrank import cli, cli_drift
from marketrank.config import load
from marketrank.errors import NotReady
from marketrank.people import Buyer, Impression, Interaction, InteractionKind, Purpose, Surface
from marketrank.pipelines.drift import find_drift, thresholds_of
from marketrank.pipelines.drift_behaviour import session_columns
from marketrank.pipelines.drift_listings import Models, listing_columns, read_windows
from marketrank.pipelines.drift_report import newest_drift, write_drift
from marketrank.pipelines.reports import RETRAIN, keep_report
from marketrank.retrieval.understand.categories import CategoryModel
from marketrank.types import (
    BuyerId,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    ModelVersion,
    Money,
    Photo,
    Place,
    ReleaseId,
    RequestId,
    Vectors,
)
from marketrank.wiring import Marketplace
from marketrank.wiring_drift import look_for_drift

AT = datetime(2026, 6, 1, tzinfo=UTC)
SINCE = AT - timedelta(days=7)
ROOTS = ("Home", "Sports", "Motors", "Pets")
WORDS = {
    "Home": ("oak", "table", "lamp", "sofa"),
    "Sports": ("bicycle", "tent", "ball", "kayak"),
    "Motors": ("wheel", "engine", "van", "tyre"),
    "Pets": ("cage", "lead", "bowl", "tank"),
}


def jpeg(grey: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (32, 32), (grey, grey, grey)).save(out, "JPEG")
    return out.getvalue()


def listings(
    market: Marketplace, n: int, *, first: int, at: datetime, shifted: bool, seed: int
) -> list[Listing]:
    """Listings of a week; `shifted` ones are cars and pets at four times the price, in the dark."""
    draw = np.random.default_rng(seed)
    found = []
    for number in range(first, first + n):
        root = ROOTS[
            int(draw.choice(4, p=(0.1, 0.1, 0.3, 0.5) if shifted else (0.4, 0.3, 0.2, 0.1)))
        ]
        title = " ".join(draw.choice(WORDS[root], 3))
        pounds = float(np.exp(draw.normal(3.5, 0.8))) * (4 if shifted else 1)
        grey = int(draw.integers(20, 60) if shifted else draw.integers(90, 200))
        photo = Photo(ImageId(f"p{number}"), 0, market.blobs.put(jpeg(grey)), "0" * 64, 640, 480, 1)
        found.append(
            Listing(
                ListingId(f"l{number}"),
                title,
                f"A {title} to collect.",
                (root, "Things"),
                Money(round(pounds * 100), "GBP"),
                Place("Leeds", "Yorkshire" if draw.random() < 0.5 else "Kent"),
                created_at=at - timedelta(hours=float(draw.uniform(0, 160))),
                photos=(photo,),
            )
        )
    return found


@pytest.fixture
def market(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Marketplace]:
    """A home with 600 listings of the weeks before, and none of the last."""
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    market = Marketplace(load(tmp_path / "home"))
    before = listings(market, 600, first=0, at=SINCE, shifted=False, seed=1)
    market.listings.apply(before, at=SINCE)
    yield market
    market.database.dispose()


def test_more_of_the_same_raises_no_alarm_and_a_shifted_feed_does(market: Marketplace) -> None:
    market.listings.apply(listings(market, 150, first=1000, at=AT, shifted=False, seed=2), at=AT)
    same = look_for_drift(market, at=AT)
    assert same.reasons == []
    assert all(one.judged for one in same.columns)
    market.listings.apply(listings(market, 400, first=2000, at=AT, shifted=True, seed=3), at=AT)
    shifted = look_for_drift(market, at=AT)
    drifted = {one.name for one in shifted.drifted}
    assert drifted >= {"log price", "root category", "words", "brightness of a photo"}
    assert not drifted & {"county", "photos", "words in the title", "log pixels of a photo"}
    assert shifted.window["latest"]["listings"] == 550


def test_the_command_keeps_a_report_which_metrics_tell(
    market: Marketplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.listings.apply(listings(market, 200, first=1000, at=AT, shifted=True, seed=2), at=AT)
    home = ["--home", str(market.settings.home)]
    result = CliRunner().invoke(cli.app, ["drift", "--json", "--since", "2026-05-24", *home])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["alarm"]
    assert {"name", "kind", "score", "threshold", "drifted"} <= set(said["columns"][0])
    (file,) = (market.settings.home / "reports" / "drift").glob("*.json")
    assert json.loads(file.read_bytes()) == said == newest_drift(market.settings.home)
    page = file.with_suffix(".html").read_text()
    assert "columns have drifted" in page
    assert "<svg" in page
    market.measuring.drift()
    lines = market.metrics.render().decode().splitlines()
    alarm = sum(one["drifted"] for one in said["columns"])
    assert f"marketrank_drift_alarm {float(alarm)}" in lines
    (ratio,) = [one for one in lines if one.startswith('marketrank_drift_ratio{column="log price"')]
    assert float(ratio.split()[-1]) > 1
    done = {"status": "failed", "until": AT.isoformat()}
    keep_report(market.settings.home, RETRAIN, done, at=AT)
    market.measuring.retraining()
    lines = market.metrics.render().decode().splitlines()
    assert "marketrank_retrain_failed 1.0" in lines
    (told,) = [one for one in lines if one.startswith("marketrank_retrain_timestamp_seconds")]
    assert float(told.split()[-1]) == AT.timestamp()
    # Without --json, and starting a retraining.
    started: list[tuple[Path, str, str]] = []
    monkeypatch.setattr(cli_drift, "_retrain", lambda *given: started.append(given))
    asked = ["drift", "--since", "2026-05-24", "--retrain", "--recipe", "quick", *home]
    result = CliRunner().invoke(cli.app, asked)
    assert result.exit_code == 0, result.output
    assert "drifted: log price" in result.stdout.replace("\n", " ")
    ((folder, why, recipe),) = started
    assert (folder, recipe) == (market.settings.home, "quick")
    assert why.startswith("drift: log price, root category")
    result = CliRunner().invoke(cli.app, ["drift", "--since", "2026-05-31", "--retrain", *home])
    assert "no column has drifted: all have too few rows to tell" in result.stdout  # of a day
    assert len(started) == 1


class Half:
    """A price model that says half of what is asked before, and the tenth part of it now."""

    def estimates(self, rows: Sequence[Listing]) -> dict[ListingId, Money]:
        return {
            one.id: Money(one.price.minor // (2 if int(one.id[1:]) < 1000 else 10), "GBP")
            for one in rows
            if one.price is not None
        }


def test_embeddings_and_predictions_are_columns_too(market: Marketplace) -> None:
    new = listings(market, 150, first=1000, at=AT, shifted=False, seed=2)
    market.listings.apply(new, at=AT)
    windows = read_windows(
        market.listings, trained_on=(), since=SINCE, until=AT, most=1_000, seed=1
    )
    draw = np.random.default_rng(1)
    later = {one.key for one in windows.latest}

    def embedded(keys: Sequence[ListingKey]) -> tuple[Sequence[ListingKey], Vectors]:
        keys = keys[5:]  # not all have a vector yet
        vectors = draw.normal(size=(len(keys), 8))
        vectors[[key in later for key in keys], 0] += 2
        return keys, vectors.astype(np.float32)

    weights = np.zeros((9, 2), np.float32)
    weights[0] = (1, -1)
    classes = (("Home", "Things"), ("Sports", "Things"))
    model = CategoryModel(ModelVersion("m"), 1, classes, weights, 1.0, {})
    found = find_drift(
        listing_columns(windows, market.blobs, Models(embedded, model, Half())),
        thresholds=thresholds_of(market.settings),
        least=100,
        window={},
        at=AT,
    )
    by_name = {one.name: one for one in found.columns}
    assert by_name["embeddings"].reference + by_name["embeddings"].latest == 745
    # Two deviations: an AUC of Φ(2 / √2).
    assert by_name["embeddings"].score == pytest.approx(0.92, abs=0.03)
    moved = {"embeddings", "predicted root category", "log price over its estimate"}
    assert {one.name for one in found.drifted} == moved


def test_a_retraining_that_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []

    class Ended:
        returncode = 3

    def run(command: list[str], **_: object) -> Ended:
        ran.append(command[1:])
        return Ended()

    monkeypatch.setattr(cli_drift.subprocess, "run", run)
    with pytest.raises(NotReady, match="ended with 3"):
        cli_drift._retrain(tmp_path, "drift: words", "quick")
    command = ["-m", "marketrank", "retrain", "--home", str(tmp_path)]
    assert ran == [[*command, "--recipe", "quick", "--why", "drift: words"]]


def test_each_limit_is_a_setting(market: Marketplace) -> None:
    market.listings.apply(listings(market, 200, first=1000, at=AT, shifted=True, seed=2), at=AT)
    settings = market.settings.model_copy(
        update={
            "drift_number": 50.0,
            "drift_share": 50.0,
            "drift_words": 1.0,
            "drift_vector": 0.99,
            "drift_rate": 50.0,
        }
    )
    market.settings = settings
    quiet = look_for_drift(market, at=AT)
    assert (quiet.reasons, quiet.calm) == ([], "no column has drifted")
    market.settings = settings.model_copy(update={"drift_least": 300})
    assert not any(one.judged for one in look_for_drift(market, at=AT).columns)
    market.settings = settings.model_copy(update={"drift_sample": 100})
    found = look_for_drift(market, at=AT)
    assert {(one.reference, one.latest) for one in found.columns} == {(100, 100)}
    market.settings = settings.model_copy(update={"drift_days": 1})
    assert look_for_drift(market, at=AT).window["latest"]["listings"] < 100


def sessions(market: Marketplace, n: int, *, at: datetime, rate: float, seed: int) -> None:
    """Ten results each, of which the first ones are clicked at."""
    draw = np.random.default_rng(seed)
    buyer = Buyer(BuyerId("b"), consents={Purpose.HISTORY: AT})
    market.buyers.put(buyer, at=AT)
    shown, done = [], []
    for number in range(n):
        request = RequestId(f"{seed}-{number}")
        ids = tuple(ListingId(f"l{one}") for one in range(10))
        shown.append(
            Impression(
                request,
                at - timedelta(hours=float(draw.uniform(0, 160))),
                Surface.SEARCH,
                ReleaseId("r"),
                ids,
                np.arange(10, dtype=np.int32),
                np.zeros((10, 1), np.float32),
                ("f",),
                buyer=buyer.id,
            )
        )
        done += [
            Interaction(
                f"{request}-{one}",
                buyer.id,
                ids[one],
                InteractionKind.CLICK,
                shown[-1].at,
                request,  # type: ignore[arg-type]
            )
            for one in range(10)
            if draw.random() < rate / (one + 1)
        ]
    market.events.log(shown)
    market.events.record(done, at=AT)


def test_clicks_that_fall_away_are_seen_by_place(market: Marketplace) -> None:
    sessions(market, 400, at=SINCE, rate=0.6, seed=1)
    sessions(market, 150, at=AT, rate=0.2, seed=2)
    found = find_drift(
        session_columns(
            market.events.sessions(SINCE - timedelta(days=28), AT), since=SINCE, most=1_000
        ),
        thresholds=thresholds_of(market.settings),
        least=100,
        window={},
        at=AT,
    )
    by_name = {one.name: one for one in found.columns}
    assert by_name["clicks at place 1"].score == pytest.approx(3, rel=0.3)
    assert {one.name for one in found.drifted} >= {"clicks a result", "clicks at place 1"}
    assert not by_name["results shown"].drifted
    assert not by_name["surface"].drifted
    (bar,) = by_name["clicks at place 1"].bars
    assert bar.reference == pytest.approx(0.6, abs=0.08)


def test_old_impressions_and_halted_erasures_go_with_the_sweep(market: Marketplace) -> None:
    sessions(market, 3, at=datetime.now(UTC) - timedelta(days=200), rate=0.5, seed=1)
    home = ["--home", str(market.settings.home), "--json"]
    result = CliRunner().invoke(cli.app, ["sweep", *home])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["erasures"] == 0
    assert said["days"] >= 1
    assert list(market.events.sessions(datetime(2020, 1, 1, tzinfo=UTC), AT)) == []


def test_what_was_not_judged_is_no_good_news(tmp_path: Path) -> None:
    """As after a retraining on all that is on offer."""
    found = find_drift([], thresholds={}, least=1, window={}, at=AT)
    assert found.calm.endswith("nothing has come in of late that was not trained on")
    path = write_drift(tmp_path, found)
    assert path is not None
    assert "No column has drifted: nothing has come in" in path.with_suffix(".html").read_text()


def test_reports_are_kept_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketrank.pipelines.reports.MOST", 2)
    for day in range(4):
        found = find_drift([], thresholds={}, least=1, window={}, at=AT + timedelta(days=day))
        write_drift(tmp_path, found)
    names = sorted(path.name for path in (tmp_path / "reports" / "drift").iterdir())
    assert names == [
        f"202606{day}T000000.{ending}" for day in ("03", "04") for ending in ("html", "json")
    ]
    (tmp_path / "reports" / "drift" / "20260604T000000.json").write_bytes(b"{")
    newest = newest_drift(tmp_path)
    assert newest is not None
    assert newest["at"] == "2026-06-03T00:00:00+00:00"
