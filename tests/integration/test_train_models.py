"""From a feed to a published model in use, over a real store and by the commands."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from made_up_feed import AT, write_feed  # noqa: E402
from marketrank import cli  # noqa: E402
from marketrank.asking import Request  # noqa: E402
from marketrank.config import load  # noqa: E402
from marketrank.models import baseline_files, published, text_layers  # noqa: E402
from marketrank.models.backbones import LITES, PooledFeatures  # noqa: E402
from marketrank.models.backbones import load as load_network  # noqa: E402
from marketrank.models.multimodal_training import load_fitted  # noqa: E402
from marketrank.models.photo_votes import PhotoVotes, Rule  # noqa: E402
from marketrank.models.preprocess import to_pixels  # noqa: E402
from marketrank.models.pretrained import minilm  # noqa: E402
from marketrank.models.probabilities import log_softmax, mean_by_owner  # noqa: E402
from marketrank.models.published import PublishedModel  # noqa: E402
from marketrank.models.registry import Registry  # noqa: E402
from marketrank.models.stack import Stack  # noqa: E402
from marketrank.models.text_states import tokenise  # noqa: E402
from marketrank.models.text_tuner import load_tuned  # noqa: E402
from marketrank.pipelines import publishing, train_all, train_text  # noqa: E402
from marketrank.pipelines.gate import Limits  # noqa: E402
from marketrank.pipelines.training_data import read_training_data  # noqa: E402
from marketrank.ports import Encoder  # noqa: E402
from marketrank.types import BlobKey, Listing, RequestId  # noqa: E402
from marketrank.wiring import Marketplace  # noqa: E402
from small_model import fill  # noqa: E402
from small_training import SIZE, hastened  # noqa: E402

SCORES = {"image", "text", "combined", "price", "similar", "cross_modal"}


@dataclass(frozen=True)
class Trained:
    """A home in which all was trained and published, the feed, and what the commands said."""

    market: Marketplace
    feed: list[str]
    said: Mapping[str, Any]

    @property
    def home(self) -> Path:
        return self.market.settings.home

    @property
    def version(self) -> str:
        return str(self.said["all"]["version"])

    @property
    def encoder(self) -> Encoder:
        return self.market.open_encoder(self.market.registry.path(self.version) / "encoder")

    def run_folder(self, part: str) -> Path:
        return self.home / "runs" / self.market.registry.read(self.version).runs[part]


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, module_database_url: str
) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("models")
    with hastened() as patch:
        patch.setenv("MARKETRANK_DATABASE_URL", module_database_url)
        patch.setenv("MARKETRANK_PROCESSES", "1")
        patch.setitem(text_layers.TOWERS, "mpnet", minilm)  # a fifth of the time; see test_mpnet
        patch.setattr(train_text, "FINISH_EPOCHS", 1)
        patch.setattr(train_text, "EPOCHS", 1)
        feed = write_feed(folder / "feed", first=0, n=72, seed=1)
        market = Marketplace(load(folder / "home"))
        market.ingest(feed[1], feed[3], feed[5])
        said = {
            "text": run_cli(market, "train", "text", "--epochs", "1"),
            "multimodal": run_cli(market, "train", "multimodal", "--epochs", "2"),
            "all": run_cli(market, "train", "all"),
        }
        yield Trained(market, feed, said)


def run_cli(market: Marketplace, *arguments: str) -> dict[str, Any]:
    home = ["--home", str(market.settings.home), "--json"]
    result = CliRunner().invoke(cli.app, [*arguments, *home], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_version_is_published_and_in_use(trained: Trained) -> None:
    done = trained.said["all"]
    assert done["objections"] == []
    assert done["promoted"]
    listed = run_cli(trained.market, "models", "list")
    assert listed["current"] == trained.version
    (manifest,) = listed["versions"]
    assert manifest["version"] == trained.version
    assert manifest["trained_on"] == 72
    assert manifest["metrics"] == done["metrics"]
    assert set(done["metrics"]) == SCORES
    assert trained.market.registry.read(trained.version, verify=True)


def test_what_was_trained_before_is_not_trained_again(trained: Trained) -> None:
    kinds = sorted(path.name.split("-")[0] for path in (trained.home / "runs").iterdir())
    assert kinds == ["baselines", "multimodal", "text"]
    for part in ("text", "multimodal"):
        assert trained.said[part]["run"] == str(trained.run_folder(part))


def test_a_run_keeps_what_it_was_made_of_and_what_it_found(trained: Trained) -> None:
    shared = {"config.json", "heldout.npz", "labels.json", "labels-second.json", "metrics.json"}
    shared |= {"split.json", "measured", "kept"}
    pictures = {"confusion-image.png", "confusion-combined.png", "neighbours.png"}
    names = {path.name for path in trained.run_folder("text").iterdir()}
    assert names == shared | {"confusion-text.png"}
    folder = trained.run_folder("multimodal")
    names = {path.name for path in folder.iterdir()}
    assert names == shared | pictures | {"neighbours-of-titles.png"}
    metrics = json.loads((folder / "metrics.json").read_bytes())
    assert {"run": str(folder), **metrics} == trained.said["multimodal"]
    for name in ("measured/heads", "measured/tower", "kept/heads", "kept/tower"):
        assert (folder / name / "epoch-0001.safetensors").exists()
        assert not list(folder.rglob("resume.safetensors"))
    for name in ("model", "votes"):
        assert (folder / "kept" / f"{name}.safetensors").exists()
    assert (folder / "measured" / "tower" / "projector_config.pbtxt").exists()


def test_a_network_is_trained_on_photos_alone(trained: Trained) -> None:
    said = run_cli(trained.market, "train", "vision", "--network", "cnn", "--epochs", "1")
    folder = Path(said.pop("run"))
    assert folder.name.startswith("vision-cnn-")
    assert json.loads((folder / "metrics.json").read_bytes()) == said
    assert set(said) == {"image", "similar"}
    assert said["image"]["n"] == trained.said["multimodal"]["image"]["n"]
    shutil.rmtree(folder)


def test_another_feed_is_scored_in_all_six_ways(
    trained: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = write_feed(tmp_path / "other", first=1000, n=30, seed=9)
    scores = run_cli(trained.market, "evaluate", "models", *other)
    assert set(scores) == SCORES
    assert {part: values["n"] for part, values in scores.items()} == {
        **dict.fromkeys(("text", "combined", "price"), 30),
        **dict.fromkeys(("image", "similar"), 54),
        "cross_modal": 27,
    }
    for part in ("text", "combined", "image"):
        assert scores[part]["accuracy"] > 0.6, part
    assert scores["similar"]["sibling_recall@10"] > 0.3  # 10 of 53 by chance: .2
    assert "trained on" not in caplog.text
    known = run_cli(trained.market, "evaluate", "models", *trained.feed[:2])
    assert set(known) == {"text", "combined", "price"}  # what can be scored without photos
    assert "72 of the 72 listings were trained on" in caplog.text


def test_the_published_model_answers_as_torch_does(trained: Trained) -> None:
    folder = trained.market.registry.path(trained.version)
    listings = list(read_training_data(trained.market.listings, seed=7).listings)[:12]
    photos = [[trained.market.blobs.get(one.blob) for one in each.photos] for each in listings]
    assert [] in photos
    found = PublishedModel(folder, threads=1).judge(listings, photos)
    expected = judge_by_torch(trained, folder, listings, photos)
    for name, values in expected.items():
        near = 1e-3 if name.startswith("photo") else 2e-2  # texts are classified in 8 bits
        np.testing.assert_allclose(getattr(found, name), values, atol=near, err_msg=name)


def judge_by_torch(
    trained: Trained, folder: Path, listings: list[Listing], photos: list[list[bytes]]
) -> dict[str, Any]:
    """What the published model says, from the runs' checkpoints and the fusion weights."""
    runs = {part: trained.run_folder(part) for part in ("text", "multimodal")}
    config = {part: json.loads((run / "config.json").read_bytes()) for part, run in runs.items()}
    labels = (3, 3)
    heads, tower = load_fitted(
        runs["multimodal"] / config["multimodal"]["model"],
        labels=labels,
        recipe=config["multimodal"]["recipe"],
        size=SIZE,
    )
    text = load_tuned(
        runs["text"] / config["text"]["model"], labels=labels, recipe=config["text"]["recipe"]
    )
    networks = {name: load_network(LITES[name]) for name in tower.late}
    tower.write_back(networks)
    frozen = minilm()
    texts = [one.text for one in listings]
    tokens = tokenise(frozen, texts)
    pixels = [torch.tensor(to_pixels(one, SIZE, crop=True)) for some in photos for one in some]
    owner = np.repeat(np.arange(len(photos)), [len(some) for some in photos])
    with torch.inference_mode():
        features = [PooledFeatures(one)(torch.stack(pixels)) for one in networks.values()]
        seen = heads.photos(torch.cat(features, 1))
        ids = [torch.tensor([one]) for one in tokens]
        words = heads.texts(torch.cat([frozen.module(one, torch.ones_like(one)) for one in ids]))
        read = [torch.tensor([one]) for one in tokenise(text.tower, texts)]
        tuned = torch.cat([text(one, torch.ones_like(one))[0] for one in read])
        model = runs["multimodal"] / config["multimodal"]["model"]
        votes = PhotoVotes.load(model.parent, labels[0])
        assert votes is not None
        assert votes.rule == Rule(**config["multimodal"]["votes"])
        logs = votes(seen.vectors, seen.roots).numpy()
    manifest = json.loads((folder / "classifiers" / "manifest.json").read_bytes())
    by_words = baseline_files.load(trained.run_folder("baselines") / "model")
    sources = {
        "words": np.log(by_words.categories.text.probabilities(listings)),
        "tuned": log_softmax(tuned.numpy()),
        "space": log_softmax(words.roots.numpy()),
        "photos": mean_by_owner(logs, owner, len(listings)),
    }
    stacks = {name: Stack(weights) for name, weights in manifest["stacks"].items()}
    return {
        "photos": np.exp(logs),
        "photo_vectors": seen.vectors.numpy(),
        **{name: stack.mix(sources) for name, stack in stacks.items()},
    }


def test_a_run_reads_photos_at_the_size_that_it_says(trained: Trained, tmp_path: Path) -> None:
    runs = {part: trained.run_folder(part) for part in ("text", "multimodal")}
    assert publishing._load(runs).size == SIZE
    older = tmp_path / "older"
    shutil.copytree(runs["multimodal"], older)
    config = json.loads((older / "config.json").read_bytes())
    del config["schedule"]["size"]  # as before there was a choice
    (older / "config.json").write_text(json.dumps(config))
    assert publishing._load(runs | {"multimodal": older}).size == 224


def test_listings_are_embedded_with_the_new_encoder_and_found(trained: Trained) -> None:
    market = trained.market
    assert market.encoder_folder() == market.registry.path(trained.version) / "encoder"
    indexed = market.index(rebuild=False)
    assert indexed.embedded == 72
    market.follower.refresh()
    assert market.follower.view().encoder.dim == 384 + 256
    photo = market.blobs.get(photo_of(market, "Sports"))
    for asked in (
        Request(RequestId("t"), AT, "mountain bike"),
        Request(RequestId("p"), AT, photo=photo),
    ):
        roots = [item.listing.category[0] for item in market.answer(replace(asked, k=5)).items]
        assert len(roots) == 5
        assert roots.count("Sports") >= 4, asked.id


def photo_of(market: Marketplace, root: str) -> BlobKey:
    listings = read_training_data(market.listings, seed=7).listings
    return next(one.photos[0].blob for one in listings if one.category[0] == root and one.photos)


def test_a_worse_model_is_published_and_not_promoted(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(tmp_path / "models")
    best = {"image": {"accuracy": 0.1, "n": 90}, "price": {"log_r2": 0.9999}}
    champion = registry.publish(lambda draft: replace(fill(draft), metrics=best), at=AT)
    registry.promote(champion, at=AT, why="the best there is")
    monkeypatch.setattr(publishing, "_write", copying(trained))
    said: list[str] = []
    contest = trained.market.contest(read_training_data(trained.market.listings, seed=7))
    done = train_all.train_all(
        replace(contest, registry=registry, open_encoder=lambda _: trained.encoder),
        at=AT,
        limits=Limits(),
        progress=lambda stage, *_: said.append(stage),
    )
    assert registry.current() == champion
    (objection,) = done.objections
    assert objection.startswith(f"worse than {champion}: price.log_r2 0.9")
    assert registry.read(done.version).metrics == trained.said["all"]["metrics"]
    # All runs were there.
    assert set(said) == {"publish the model", "evaluate the model"}


def copying(trained: Trained) -> Any:
    """Stands in for the export, which made the same files before."""
    made = trained.market.registry.path(trained.version)

    def write(draft: Path, *_: object) -> tuple[Any, dict[str, float]]:
        for name in ("encoder", "int8", "weights"):
            shutil.copytree(made / name, draft / name)
        (draft / "classifiers").mkdir()
        for name in ("text.onnx", "tokenizer.json"):
            shutil.copy(made / "classifiers" / name, draft / "classifiers")
        part = published._read(made / "classifiers").text
        return part, trained.market.registry.read(trained.version).parity

    return write
