"""The classifier of queries, on vectors that lie apart by category."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketrank.asking import Boosts, Parse, ParseKind, Understood
from marketrank.errors import Corrupt
from marketrank.retrieval.understand import categories
from marketrank.retrieval.understand.categories import CategoryModel, understand_category
from marketrank.types import ModelVersion, Vectors

VERSION = ModelVersion("made-up")
PATHS = [
    ("Home", "Sofas", "Corner"),
    ("Home", "Tables"),
    ("Sports", "Bicycles"),
    ("Pets",),
]


def drawn(n: int, noise: float, seed: int) -> tuple[Vectors, list[tuple[str, ...]]]:
    """n unit vectors of each path around an axis of its own."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(np.eye(len(PATHS), 8), n, axis=0)
    points = centres + noise * rng.standard_normal(centres.shape)
    vectors = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return vectors, [path for path in PATHS for _ in range(n)]


@pytest.fixture(scope="module")
def model() -> CategoryModel:
    vectors, paths = drawn(50, 0.1, 1)
    names = [*PATHS, ("Home", "Other"), ("Sports", "Other")]
    return categories.fit(VERSION, vectors, paths, names)


def axis(number: int) -> Vectors:
    return np.eye(8, dtype=np.float32)[[number]]


def test_it_tells_second_levels_and_roots(model: CategoryModel) -> None:
    assert model.classes == (
        ("Home", "Sofas"),
        ("Home", "Tables"),
        ("Pets",),
        ("Sports", "Bicycles"),
    )
    vectors, paths = drawn(20, 0.2, 2)
    best = model.logits(vectors).argmax(axis=1)
    right = [model.classes[n] == path[:2] for n, path in zip(best, paths, strict=True)]
    assert np.mean(right) > 0.95
    known = model.probabilities(axis(0))
    assert known["Home", "Sofas"] > 0.9
    assert known["Home",] >= known["Home", "Sofas"]
    assert ("Sports", "Bicycles") not in known  # too faint
    assert sum(p for path, p in known.items() if len(path) == 1) <= 1 + 1e-6


def test_listings_without_a_category_teach_nothing() -> None:
    vectors, paths = drawn(20, 0.1, 3)
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((30, 8)).astype(np.float32)
    both = np.concatenate([vectors, noise])
    with_noise = categories.fit(VERSION, both, [*paths, *[()] * 30], PATHS)
    assert with_noise.count == len(paths)
    np.testing.assert_array_equal(
        with_noise.weights, categories.fit(VERSION, vectors, paths, PATHS).weights
    )


def test_one_category_tells_nothing_apart() -> None:
    vectors = axis(0)
    alone = categories.fit(VERSION, vectors, [("Home",)], [("Home",)])
    assert alone.probabilities(vectors) == {}
    assert alone.named("home") == ("Home",)
    assert categories.calibrated(alone, vectors, [("Home",)]) == alone


def test_calibration_makes_confidence_what_it_says() -> None:
    taught = categories.fit(VERSION, *drawn(100, 0.5, 5), PATHS)
    overconfident = replace(taught, temperature=0.05)
    vectors, paths = drawn(200, 0.5, 6)
    good = categories.calibrated(overconfident, vectors, paths)
    fresh, known = drawn(200, 0.5, 7)

    def gap(model: CategoryModel) -> float:
        likely = categories.softmax(model.logits(fresh))
        right = [
            model.classes[n] == path[:2]
            for n, path in zip(likely.argmax(axis=1), known, strict=True)
        ]
        return abs(float(likely.max(axis=1).mean()) - float(np.mean(right)))

    assert gap(good) < 0.05 < gap(overconfident)


def test_labels_name_categories(model: CategoryModel) -> None:
    assert model.named("bicycles") == ("Sports", "Bicycles")
    assert model.named(" Bicycle!") == ("Sports", "Bicycles")
    assert model.named("corner") == ("Home", "Sofas", "Corner")
    assert model.named("other") is None  # there are two
    assert model.named("oak bicycles") is None
    assert model.named("") is None


def understand(model: CategoryModel, text: str, query: Vectors, confidence: float) -> Understood:
    return understand_category(Understood(text=text), text, model, query, confidence=confidence)


def test_a_named_category_is_shown_and_lifts(model: CategoryModel) -> None:
    size = Parse(ParseKind.SIZE, "6ft", "6ft", "6 ft", False)
    start = Understood(text="6ft bicycles", boosts=Boosts(cheap=True), parses=(size,))
    got = understand_category(start, start.text, model, axis(0), confidence=1)
    assert got.parses == (
        size,
        Parse(ParseKind.CATEGORY, "bicycles", "Sports / Bicycles", "Bicycles", False),
    )
    assert got.boosts.cheap
    assert got.boosts.categories["Sports", "Bicycles"] == 1.0
    assert got.boosts.categories["Home", "Sofas"] > 0.9  # what the classifier believes stays


def test_a_likely_category_is_shown_from_the_confidence_on(model: CategoryModel) -> None:
    [parse] = understand(model, "settee", axis(0), 0.5).parses
    assert (parse.kind, parse.words, parse.value) == ("category", "settee", "Home / Sofas")
    between = (axis(0) + axis(1)) / np.float32(2**0.5)
    [parse] = understand(model, "furniture", between, 0.7).parses
    assert (parse.value, parse.label) == ("Home", "Home")
    unsure = understand(model, "thing", np.full((1, 8), 8**-0.5, np.float32), 0.9)
    assert unsure.parses == ()
    assert unsure.boosts.categories  # it lifts all the same


def test_it_is_read_back_as_it_was_written(model: CategoryModel, tmp_path: Path) -> None:
    assert categories.read(tmp_path) is None
    categories.write(replace(model, temperature=1.25), tmp_path)
    got = categories.read(tmp_path)
    assert got is not None
    assert (got.version, got.count, got.temperature) == (VERSION, 200, 1.25)
    assert (got.classes, got.names) == (model.classes, model.names)
    np.testing.assert_array_equal(got.weights, model.weights)


@pytest.mark.parametrize("harm", [b"", b"torn", b"PK\x03\x04torn"])
def test_a_torn_file_is_named(model: CategoryModel, tmp_path: Path, harm: bytes) -> None:
    (tmp_path / categories.FILE).write_bytes(harm)
    with pytest.raises(Corrupt, match=r"categories\.npz.*index --rebuild"):
        categories.read(tmp_path)


def test_another_format_is_named(
    model: CategoryModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(categories, "_FORMAT", 99)
    categories.write(model, tmp_path)
    monkeypatch.undo()
    with pytest.raises(Corrupt, match="has format 99"):
        categories.read(tmp_path)
