"""A published model as it is opened and asked, made of small parts: no training."""

import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from learned_encoder import learned_encoder  # noqa: E402
from marketrank.errors import BadInput, Corrupt  # noqa: E402
from marketrank.models import baseline_files  # noqa: E402
from marketrank.models.artefact import Source, TextPart  # noqa: E402
from marketrank.models.baseline_files import Baselines  # noqa: E402
from marketrank.models.baselines import Categories, fit_text_category  # noqa: E402
from marketrank.models.export import TOKEN_AXES, example_tokens  # noqa: E402
from marketrank.models.labels import learn_labels  # noqa: E402
from marketrank.models.onnx_graphs import to_onnx  # noqa: E402
from marketrank.models.probabilities import mean_by_owner  # noqa: E402
from marketrank.models.published import (  # noqa: E402
    LABELS,
    SECONDS,
    TRAINED_ON,
    PublishedModel,
    write_classifiers,
)
from marketrank.models.stack import Stack  # noqa: E402
from marketrank.types import Listing, ListingId  # noqa: E402
from small_bert import small_bert  # noqa: E402

STACKS = {
    "text": Stack({"words": 0.5, "tuned": 0.25, "space": 1.0}),
    "combined": Stack({"words": 0.5, "tuned": 0.25, "space": 1.0, "photos": 0.75}),
}
THINGS = {("Home",): "oak table", ("Phones",): "smart phone", ("Sports",): "road bike"}


def listings(n: int = 12) -> list[Listing]:
    return [
        Listing(
            ListingId(f"l{row}"), f"{list(THINGS.values())[row % 3]} no {row}", "old and used",
            list(THINGS)[row % 3],
        )
        for row in range(n)
    ]  # fmt: skip


def photo(seed: int) -> bytes:
    draw = np.random.default_rng(seed).integers(60, 256, (4, 4, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(draw).resize((64, 64)).save(out, "JPEG")
    return out.getvalue()


class Roots(torch.nn.Module):
    """Logits of three roots, from the sum of the token ids."""

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        total = (ids * mask).sum(1, keepdim=True).to(torch.float32)
        return torch.cat([total.sin(), total.cos(), -total.sin()], 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version's folder. Nobody may write to it."""
    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(learned_encoder(tmp_path_factory), folder / "encoder")
    classifiers = folder / "classifiers"
    (classifiers / "baselines").mkdir(parents=True)
    known = listings()
    labels = learn_labels(one.category for one in known)
    codes = labels.encode(one.category for one in known)
    text = fit_text_category(known, codes, classes=3, seed=1)
    baselines = Baselines(Categories(labels, text, None, photo_share=0.0), None)
    baseline_files.save(baselines, classifiers / "baselines")
    labels.save(classifiers / LABELS)
    learn_labels((one.category for one in known), depth=2).save(classifiers / SECONDS)
    tower, source = small_bert(), Source("made up", "0" * 64, "MIT")
    example = example_tokens(2, 5)
    to_onnx(Roots().eval(), example, classifiers / "text.onnx", outputs=("roots",), free=TOKEN_AXES)
    (classifiers / "tokenizer.json").write_bytes(tower.tokenizer)
    part = TextPart("text.onnx", "tokenizer.json", tower.dim, 128, tower.pad_id, source)
    write_classifiers(classifiers, part, STACKS, [one.id for one in known[:5]])
    return folder


@dataclass
class Asked:
    """Three listings: one with two photos and a torn one, one without, one with a torn one."""

    listings: list[Listing]
    photos: list[list[bytes]]


ASKED = Asked(listings(3), [[photo(1), b"torn", photo(2)], [], [photo(3)[:99]]])


def test_a_model_says_what_its_parts_say(made: Path) -> None:
    model = PublishedModel(made, threads=1)
    found = model.judge(ASKED.listings, ASKED.photos)
    assert model.labels.names == (("Home",), ("Phones",), ("Sports",))
    assert found.owner.tolist() == [0, 0]
    seen, readable = model.encoder.look_at([photo(1), photo(2)])
    assert readable.all()
    np.testing.assert_array_equal(found.photo_vectors, seen["vector"])
    raised = np.exp(seen["roots"])
    np.testing.assert_allclose(found.photos, raised / raised.sum(1, keepdims=True), rtol=1e-4)
    for probabilities in (found.text, found.photos, found.combined):
        np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(found.text[1:], found.combined[1:])  # no photo, no say
    mean = mean_by_owner(np.log(found.photos), found.owner, 3)
    tilted = found.text * np.exp(0.75 * mean)
    np.testing.assert_allclose(found.combined, tilted / tilted.sum(1, keepdims=True), rtol=1e-3)
    titles = [one.title for one in ASKED.listings]
    np.testing.assert_array_equal(found.titles, model.encoder.embed_titles(titles))
    assert found.weights[0, 1] > 0
    np.testing.assert_allclose(found.weights[1:], [[1, 0], [1, 0]])


def test_words_the_tuned_tower_and_the_space_all_count(made: Path) -> None:
    model = PublishedModel(made, threads=1)
    texts = [one.text for one in ASKED.listings]
    words = model.baselines.categories.text.probabilities(ASKED.listings)
    tokens = [model._tuned._tokenizer.encode(text).ids for text in texts]
    ids = [torch.tensor([one]) for one in tokens]
    tuned = torch.cat([Roots()(one, torch.ones_like(one)) for one in ids]).numpy()
    logits = 0.5 * np.log(words) + 0.25 * tuned + model.encoder.read(texts)["roots"]
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = model.judge(ASKED.listings, [[], [], []])
    np.testing.assert_allclose(found.text, expected, rtol=1e-3)
    assert len(np.unique(words.argmax(1))) == 3


def test_it_knows_what_it_was_trained_on_and_that_it_has_no_prices(made: Path) -> None:
    model = PublishedModel(made, threads=1)
    assert model.trained_on == {f"l{row}" for row in range(5)}
    assert model.log_prices(ASKED.listings) is None


def test_one_text_one_photo_or_both_are_judged_alike(made: Path) -> None:
    model = PublishedModel(made, threads=1)
    photos = [photo(1), photo(2)]
    found = model.judge(ASKED.listings[:1], [photos])
    np.testing.assert_allclose(model.by_text(ASKED.listings[:1]), found.text, rtol=1e-5)
    probabilities, vectors = model.by_photo(photos)
    np.testing.assert_allclose(probabilities, found.photos, rtol=1e-5)
    np.testing.assert_array_equal(vectors, found.photo_vectors)
    both = model.by_both(ASKED.listings[0], photos)
    np.testing.assert_allclose(both, found.combined, rtol=1e-4)
    np.testing.assert_allclose(model.by_both(ASKED.listings[0], []), found.text, rtol=1e-5)
    for shown in (photos, []):
        _, vector = model.study(ASKED.listings[0], shown)
        expected = model.encoder.encode_listings([ASKED.listings[0].text], [shown])
        np.testing.assert_allclose(vector, expected, atol=1e-6)
    with pytest.raises(BadInput, match="photo 2 of 2"):
        model.by_photo([photo(1), b"torn"])


FILES = (
    "classifiers/manifest.json",
    f"classifiers/{LABELS}",
    f"classifiers/{SECONDS}",
    f"classifiers/{TRAINED_ON}",
    "classifiers/text.onnx",
    "classifiers/tokenizer.json",
    "classifiers/baselines/manifest.json",
    "classifiers/baselines/labels.json",
    "encoder/encoder.json",
    "encoder/text.onnx",
    "encoder/image.onnx",
    "encoder/fusion.onnx",
    "encoder/tokenizer.json",
)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused(made: Path, tmp_path: Path, name: str) -> None:
    def delete(path: Path) -> None:
        path.unlink()

    def tear(path: Path) -> None:
        os.truncate(path, path.stat().st_size - 10)

    def change(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            (byte,) = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))

    for number, damage in enumerate((delete, tear, change)):
        copy = tmp_path / str(number)
        shutil.copytree(made, copy, copy_function=link)
        (copy / name).unlink()
        shutil.copy(made / name, copy / name)
        damage(copy / name)
        # In the manifest it is a checksum that changes: then another file does not fit it.
        expected = "classifiers" if damage is change else name.rsplit("/", maxsplit=1)[-1]
        with pytest.raises(Corrupt, match=expected if name == FILES[0] else name):
            PublishedModel(copy, threads=1)


def link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(format=2),
        lambda found: found.update(kind="encoder"),
        lambda found: found.pop("stacks"),
        lambda found: found["text"].pop("source"),
        lambda found: found.update(more=1),
    ],
)
def test_another_kind_of_manifest_is_refused(
    made: Path, tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(made, copy)
    path = copy / "classifiers" / "manifest.json"
    found = orjson.loads(path.read_bytes())
    change(found)
    path.write_bytes(orjson.dumps(found))
    with pytest.raises(Corrupt, match=r"manifest\.json cannot be read.*models rollback"):
        PublishedModel(copy, threads=1)
