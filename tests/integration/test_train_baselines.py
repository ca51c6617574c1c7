"""Training and scoring baselines over a real store: what is kept, what is said, what is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from made_up_feed import AT, data_of, options, write_feed
from marketrank import cli_models
from marketrank.config import load
from marketrank.errors import BadInput, NotReady
from marketrank.models import baseline_files
from marketrank.pipelines import train_baselines as training
from marketrank.pipelines.runs import Run, newest_run, write_run
from marketrank.pipelines.train_baselines import train_baselines
from marketrank.pipelines.training_data import read_training_data
from marketrank.types import BlobKey, Listing
from marketrank.wiring import Marketplace


@pytest.fixture(scope="module")
def market(
    tmp_path_factory: pytest.TempPathFactory, module_database_url: str
) -> Iterator[Marketplace]:
    """A store with 150 listings; tests add runs to its home, and nothing else."""
    folder = tmp_path_factory.mktemp("baselines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARKETRANK_DATABASE_URL", module_database_url)
        patch.setenv("MARKETRANK_PROCESSES", "1")
        patch.setenv("OMP_NUM_THREADS", "1")
        feed = write_feed(folder / "feed", first=0, n=150, seed=1)
        market = Marketplace(load(folder / "home"))
        market.ingest(feed[1], feed[3], feed[5])
        yield market


@pytest.fixture
def listings(market: Marketplace) -> list[Listing]:
    return list(read_training_data(market.listings, seed=1).listings)


def run_cli(market: Marketplace, *arguments: str) -> dict[str, dict[str, float]]:
    home = ["--home", str(market.settings.home), "--json"]
    result = CliRunner().invoke(cli_models.app, [*arguments, *home], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, dict[str, float]] = json.loads(result.stdout)
    return found


def test_a_run_is_kept_and_scores_a_feed_it_has_not_seen(
    market: Marketplace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained = run_cli(market, "train", "baselines", "--seed", "3")
    folder = Path(str(trained.pop("run")))
    assert folder.parent == market.settings.home / "runs"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("config.json", "metrics.json", "split.json", "trained_on.json", "heldout.npz", "model"),
        *(f"confusion-{kind}.png" for kind in ("text", "image", "combined")),
    }
    assert json.loads((folder / "metrics.json").read_bytes()) == trained
    config = json.loads((folder / "config.json").read_bytes())
    data = read_training_data(market.listings, seed=3)
    assert (config["seed"], config["data_hash"]) == (3, data.data_hash)
    assert trained["text"]["n"] == len(data.split.test)
    assert 0.6 < trained["price"]["coverage"] <= 1  # of a dozen prices
    interval = baseline_files.load(folder / "model").interval
    assert interval is not None
    assert interval.share == 0.8
    with Image.open(folder / "confusion-combined.png") as picture:
        assert min(picture.size) > 300

    before = (market.listings.last_seq(), len(market.quarantine.all()), blobs_of(market))
    feed = write_feed(tmp_path / "other", first=1000, n=40, seed=9)
    scores = run_cli(market, "evaluate", "models", *feed)
    assert list(scores) == ["image", "text", "combined", "price"]
    assert [scores[part]["n"] for part in scores] == [72, 40, 40, 40]
    assert scores["text"]["accuracy"] > 0.9
    assert scores["combined"]["macro_f1"] > 0.9
    assert scores["image"]["accuracy"] > 0.6
    assert scores["price"]["log_r2"] > 0.8
    assert "trained on" not in caplog.text
    assert before == (market.listings.last_seq(), len(market.quarantine.all()), blobs_of(market))

    known = options(market.settings.home.parent / "feed")[:2]
    assert list(run_cli(market, "evaluate", "models", *known)) == ["text", "combined", "price"]
    assert "150 of the 150 listings were trained on" in caplog.text


def blobs_of(market: Marketplace) -> int:
    return sum(1 for path in (market.settings.home / "photos").rglob("*") if path.is_file())


def test_the_same_seed_gives_the_same_models(market: Marketplace, tmp_path: Path) -> None:
    data = read_training_data(market.listings, seed=1)

    def train(home: str) -> Run:
        return train_baselines(data, market.blobs, tmp_path / home, at=AT)

    one, same = train("one"), train("two")
    assert one.metrics == same.metrics
    manifests = [
        json.loads((run.folder / "model" / baseline_files.MANIFEST).read_bytes())
        for run in (one, same)
    ]
    assert manifests[0] == manifests[1]
    splits = [json.loads((run.folder / "split.json").read_bytes()) for run in (one, same)]
    assert splits[0] == splits[1]
    other = read_training_data(market.listings, seed=2)
    assert splits[0]["test"] != list(other.split.test)
    with pytest.raises(BadInput, match="is there already"):
        train("one")


def test_leak_groups_stay_in_one_part(market: Marketplace, listings: list[Listing]) -> None:
    copies = [replace(one, id=one.id + "-copy") for one in listings]  # type: ignore[arg-type]
    split = data_of([*listings, *copies]).split
    for part in (split.train, split.validation, split.test):
        copied = {id.removesuffix("-copy") for id in part if id.endswith("-copy")}
        assert copied == {id for id in part if not id.endswith("-copy")} != set()


def train_on(found: list[Listing], market: Marketplace, home: Path, seed: int = 1) -> Run:
    return train_baselines(data_of(found, seed), market.blobs, home, at=AT)


def test_an_empty_store_is_not_ready(market: Marketplace, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="marketrank ingest"):
        train_on([], market, tmp_path)
    assert not list(tmp_path.iterdir())


def test_too_few_listings_are_refused(
    market: Marketplace, listings: list[Listing], tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="ingest more"):
        train_on(listings[:3], market, tmp_path)
    with pytest.raises(BadInput, match="part has no listing with a category"):
        train_on([replace(one, category=()) for one in listings], market, tmp_path)
    assert not list(tmp_path.rglob("*"))


def test_a_feed_without_photos_trains_the_rest(
    market: Marketplace, listings: list[Listing], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = train_on([replace(one, photos=()) for one in listings], market, tmp_path)
    assert "no photo baseline" in caplog.text
    assert list(run.metrics) == ["text", "combined", "price"]
    assert run.metrics["text"] == run.metrics["combined"]
    assert baseline_files.load(run.folder / "model").categories.photos is None


def test_a_feed_without_prices_trains_the_rest(
    market: Marketplace, listings: list[Listing], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = train_on([replace(one, price=None) for one in listings], market, tmp_path)
    assert "no price baseline" in caplog.text
    assert "price" not in run.metrics


def test_odd_listings_cost_themselves_alone(
    market: Marketplace, listings: list[Listing], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lonely = replace(listings[0], category=("Boats",))
    mute = replace(listings[1], title="!", description="")
    lost = tuple(replace(photo, blob=BlobKey("0" * 64)) for photo in listings[4].photos)
    gone = replace(listings[4], photos=lost)
    run = train_on([lonely, mute, *listings[2:4], gone, *listings[5:]], market, tmp_path)
    assert "Boats" in caplog.text
    assert f"of listing {gone.id} cannot be read" in caplog.text
    labels = baseline_files.load(run.folder / "model").categories.labels
    assert labels.names == (("Home",), ("Phones",), ("Sports",))


def test_photos_beyond_the_most_are_left_out(
    market: Marketplace,
    listings: list[Listing],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "MOST_PHOTOS", 100)
    run = train_on(listings, market, tmp_path)
    assert "uses 100 of 270 photos" in caplog.text
    assert run.metrics["image"]["n"] < 50


# Run folders.


def test_a_disk_that_fills_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    with pytest.raises(BadInput, match="No space left on device"):
        write_run(tmp_path, "baselines", at=AT, fill=fill)
    assert not list((tmp_path / "runs").iterdir())


def test_the_newest_run_counts_and_unfinished_ones_do_not(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="train baselines"):
        newest_run(tmp_path, "baselines", command="marketrank train baselines")
    old = write_run(tmp_path, "baselines", at=AT, fill=lambda folder: None)
    new = write_run(tmp_path, "baselines", at=AT.replace(month=11), fill=lambda folder: None)
    write_run(tmp_path, "vision", at=AT.replace(year=2027), fill=lambda folder: None)
    (tmp_path / "runs" / ".unfinished-baselines-20270101T000000-1").mkdir()
    assert old != new == newest_run(tmp_path, "baselines", command="…")


def test_models_cannot_be_scored_before_a_run(market: Marketplace, tmp_path: Path) -> None:
    feed = options(market.settings.home.parent / "feed")[:2]
    arguments = ["evaluate", "models", *feed, "--home", str(tmp_path / "empty")]
    result = CliRunner().invoke(cli_models.app, arguments)
    assert isinstance(result.exception, NotReady)
    assert "marketrank train baselines" in str(result.exception)
    assert not (tmp_path / "empty" / "postgres").exists()


def test_a_table_without_files_is_refused(market: Marketplace) -> None:
    feed = options(market.settings.home.parent / "feed")[:4]
    result = CliRunner().invoke(cli_models.app, ["evaluate", "models", *feed])
    assert isinstance(result.exception, BadInput)
    assert "--images DIR" in str(result.exception)
