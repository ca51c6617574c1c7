"""The baselines learn what is there to learn, score as scikit-learn does, and survive the disk."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from marketrank.errors import BadInput, Corrupt, MissingExtra
from marketrank.models.baseline_files import Baselines, load, save
from marketrank.models.baselines import (
    Categories,
    TextCategory,
    best_photo_share,
    calibrated,
    fit_photo_category,
    fit_text_category,
    fuse,
    need_scikit_learn,
)
from marketrank.models.labels import UNKNOWN, Codes, Labels, learn_labels
from marketrank.models.price import PriceModel, fit_price
from marketrank.models.probabilities import log_loss, softmax
from marketrank.models.small_photos import WIDTH
from marketrank.models.tfidf import join, to_scipy
from marketrank.types import Listing, ListingId, Money, Place

KINDS = {
    ("Home", "Tables"): ("oak table", "pine desk", "table with drawers"),
    ("Sports", "Bicycles"): ("road bike", "mountain bike", "bike with gears"),
    ("Phones",): ("smart phone", "phone with charger", "phone case"),
}
PENCE = {"Home": 9000, "Sports": 30000, "Phones": 1500}


def listings(n: int = 90) -> list[Listing]:
    found = []
    for number in range(n):
        category = list(KINDS)[number % 3]
        title = KINDS[category][number // 3 % 3]
        found.append(
            Listing(
                id=ListingId(f"{number:03}"),
                title=f"{title} no {number % 7}x",
                description=f"used {title}, collection only, asking £{number}",
                category=category,
                price=Money(PENCE[category[0]] + 100 * (number % 5), "GBP"),
                place=Place("Leeds", "West Yorkshire", "GB", 53.8, -1.5 - number / 100),
                seller_type="private" if number % 2 else None,
            )
        )
    return found


def labelled(found: Sequence[Listing]) -> tuple[Labels, Codes]:
    labels = learn_labels(one.category for one in found)
    return labels, labels.encode(one.category for one in found)


def text_model(found: Sequence[Listing], seed: int = 1) -> tuple[TextCategory, Codes]:
    labels, codes = labelled(found)
    return fit_text_category(found, codes, classes=len(labels), seed=seed), codes


def described(codes: Codes, seed: int = 0) -> np.ndarray:
    """Photos that tell their class, if not loudly."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (len(codes), WIDTH))
    rows[np.arange(len(codes)), codes] += 4
    return rows.astype(np.float32)


# Category.


def test_text_is_learned_and_probabilities_add_up() -> None:
    model, codes = text_model(listings(60))
    probabilities = model.probabilities(listings(90)[60:])
    assert (probabilities.argmax(axis=1) == codes[:30]).all()
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_margins_are_those_of_scikit_learn() -> None:
    found = listings()
    model, codes = text_model(found)
    rows = to_scipy(join([field.rows(found) for field in model.fields]))
    theirs = LinearSVC(C=0.2, class_weight="balanced", random_state=1).fit(rows, codes)
    assert model.margins(found) == pytest.approx(theirs.decision_function(rows), abs=1e-5)


def test_two_classes_have_two_columns() -> None:
    found = [one for one in listings() if one.category != ("Phones",)]
    model, codes = text_model(found)
    assert (model.probabilities(found).argmax(axis=1) == codes).all()
    photos = fit_photo_category(described(codes), codes, classes=2)
    probabilities = photos.of_described(described(codes))
    assert probabilities.shape == (60, 2)
    assert (probabilities.argmax(axis=1) == codes).mean() > 0.9


def test_the_category_itself_is_never_read() -> None:
    found = listings()
    model, _ = text_model(found)
    moved = [replace(one, category=("Phones",)) for one in found]
    assert np.array_equal(model.margins(found), model.margins(moved))


def test_a_text_without_words_gets_an_answer() -> None:
    model, _ = text_model(listings())
    probabilities = model.probabilities([Listing(ListingId("x"), title="!")])
    assert probabilities.sum() == pytest.approx(1)


def test_listings_without_a_label_teach_nothing() -> None:
    found = listings()
    labels, codes = labelled(found)
    odd = [replace(one, title="oak table", description="") for one in found[:30]]
    unknown = np.concatenate([codes, np.full(30, UNKNOWN)])
    with_odd = fit_text_category([*found, *odd], unknown, classes=len(labels), seed=1)
    without = fit_text_category(found, codes, classes=len(labels), seed=1)
    assert np.array_equal(with_odd.weights, without.weights)


def test_a_class_without_members_is_refused() -> None:
    found = listings()
    _, codes = labelled(found)
    with pytest.raises(BadInput, match="1 of 4 categories have no training listings"):
        fit_text_category(found, codes, classes=4, seed=1)
    with pytest.raises(BadInput, match="3 of 3 categories have no training photos"):
        fit_photo_category(described(codes[:0]), codes[:0], classes=3)


def test_calibration_lowers_the_loss_and_moves_no_answer() -> None:
    found = listings()
    _, codes = labelled(found)
    model, _ = text_model(found[:60])
    better = calibrated(model, found[60:], codes[60:])
    assert better.temperature > model.temperature
    before, after = model.probabilities(found[60:]), better.probabilities(found[60:])
    assert log_loss(after, codes[60:]) < log_loss(before, codes[60:])
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))


def test_fusion_is_a_product_and_absent_photos_change_nothing() -> None:
    text = np.array([[0.6, 0.4], [0.3, 0.7]], np.float32)
    photos = np.array([[0.2, 0.8], [0.1, 0.9]], np.float32)
    fused = fuse(text, photos, np.array([0, 0]), 0.5)
    raw = [0.6 * (0.2 * 0.1) ** 0.25, 0.4 * (0.8 * 0.9) ** 0.25]
    assert fused[0] == pytest.approx([one / sum(raw) for one in raw], rel=1e-5)
    assert fused[1] == pytest.approx(text[1])
    assert fuse(text, photos, np.array([0, 0]), 0) == pytest.approx(text)


def test_photos_count_as_much_as_they_help() -> None:
    codes = np.tile([0, 1], 50)
    sure = softmax(np.where(np.arange(2) == codes[:, None], 2.0, 0.0))
    noise = softmax(np.random.default_rng(1).normal(0, 2, (100, 2)))
    plain = np.full((100, 2), 0.5, np.float32)
    assert best_photo_share(plain, sure, np.arange(100), codes) == 1
    assert best_photo_share(sure, noise, np.arange(100), codes) < 0.2


# On disk.


@pytest.fixture(scope="module")
def both() -> Baselines:
    found = listings()
    labels, codes = labelled(found)
    text = calibrated(text_model(found)[0], found, codes)
    photos = fit_photo_category(described(codes), codes, classes=len(labels))
    return Baselines(Categories(labels, text, photos, 0.25), fit_price(found, currency="GBP"))


def price_of(baselines: Baselines) -> PriceModel:
    assert baselines.price is not None
    return baselines.price


def test_what_comes_back_scores_the_same(both: Baselines, tmp_path: Path) -> None:
    save(both, tmp_path)
    again = load(tmp_path)
    found = listings()
    rows, owner = described(np.arange(30) % 3), np.arange(30)
    for one, other in zip(
        both.categories.of(found, rows, owner), again.categories.of(found, rows, owner), strict=True
    ):
        assert np.array_equal(one, other)
    assert again.categories.labels == both.categories.labels
    assert np.array_equal(price_of(both).log_prices(found), price_of(again).log_prices(found))


def test_scoring_needs_numpy_alone(
    both: Baselines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(both, tmp_path)
    for module in ("sklearn", "scipy", "torch", "onnxruntime"):
        monkeypatch.setitem(sys.modules, module, None)
    again = load(tmp_path)
    rows, owner = described(np.arange(9) % 3), np.arange(9)
    assert len(again.categories.of(listings(), rows, owner)[2]) == 90
    assert len(price_of(again).log_prices(listings())) == 90
    with pytest.raises(MissingExtra, match=r"marketrank\[train\]"):
        need_scikit_learn()


def test_what_is_absent_stays_absent(both: Baselines, tmp_path: Path) -> None:
    categories = replace(both.categories, photos=None)
    save(Baselines(categories, None), tmp_path)
    again = load(tmp_path)
    assert again.price is None
    assert again.categories.photos is None
    text, photos, combined = again.categories.of(listings(), np.zeros((0, WIDTH)), np.zeros(0, int))
    assert photos is None
    assert np.array_equal(text, combined)


@pytest.mark.parametrize(
    "name", ["manifest.json", "labels.json", "categories.npz", "categories.json", "price.npz"]
)
def test_a_damaged_file_is_seen(both: Baselines, tmp_path: Path, name: str) -> None:
    save(both, tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Corrupt, match="train baselines"):
        load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(Corrupt, match="train baselines"):
        load(tmp_path)


def test_nothing_is_pickled(both: Baselines, tmp_path: Path) -> None:
    save(both, tmp_path)
    for path in tmp_path.glob("*.npz"):
        with np.load(path, allow_pickle=False) as stored:
            assert all(stored[name].dtype == np.float32 for name in stored.files)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".npz"}
