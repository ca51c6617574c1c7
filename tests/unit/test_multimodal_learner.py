"""The heads learn one space from random features that share a cause, and score by definition."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from marketrank.errors import BadInput  # noqa: E402
from marketrank.models.multimodal import Recipe  # noqa: E402
from marketrank.models.multimodal_learner import (  # noqa: E402
    MultimodalLearner,
    answer_all,
    recall,
    score,
)
from marketrank.models.training_loop import Plan, train  # noqa: E402
from multimodal_market import (  # noqa: E402
    EPOCHS,
    RECIPE,
    fresh,
    learner,
    losses,
    market,
)


def fit(folder: Path, recipe: Recipe = RECIPE) -> dict[str, float]:
    plan = Plan(EPOCHS, EPOCHS, "score")
    return train(learner(market(240), recipe), folder, plan, config={}, seed=1).scores


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    return fit(tmp_path_factory.mktemp("run"))


# What is learned


def test_a_space_is_learned_that_finds_and_sorts_unseen_listings(trained: dict[str, float]) -> None:
    data = market(240)
    assert score(fresh().eval(), data.validation, data.photos)["title_to_image_recall"] < 0.5
    assert trained["title_to_image_recall"] > 0.8
    assert trained["sibling_recall"] > 0.9
    for name in ("text_accuracy", "image_accuracy", "combined_accuracy"):
        assert trained[name] > 0.9, name
    parts = [value for name, value in trained.items() if name not in ("score", "train/loss")]
    assert len(parts) == 5
    assert trained["score"] == pytest.approx(sum(parts) / 5)


@pytest.mark.parametrize(
    ("without", "score_name"),
    [("text_photo", "title_to_image_recall"), ("categories", "image_accuracy")],
)
def test_each_loss_teaches_its_score(
    trained: dict[str, float], tmp_path: Path, without: str, score_name: str
) -> None:
    lacking = fit(tmp_path, replace(RECIPE, **{without: 0.0}))
    assert lacking[score_name] < trained[score_name] - 0.2


CHANGES = {"siblings": 0.0, "second_share": 0.0, "smoothing": 0.3, "gate_every": 3, "batch": 16}
CHANGES |= {"hide_text": 0.5, "hide_photos": 0.5, "text_dropout": 0.5, "photo_dropout": 0.5}
CHANGES |= {"learning_rate": 0.1, "hard_from": 0.0}


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_of_the_recipe_counts(name: str) -> None:
    data = market(400)
    assert losses(data, replace(RECIPE, **{name: CHANGES[name]})) != losses(data)


def test_negatives_of_the_own_category_count_more_from_their_epoch_on() -> None:
    data = market(80)
    plain, hard = (replace(RECIPE, hardness=hardness, hard_from=0.5) for hardness in (0.0, 2.0))
    assert losses(data, hard, epoch=6) == losses(data, plain, epoch=6)
    assert losses(data, hard, epoch=7) > losses(data, plain, epoch=7) + 0.1  # 6 of 12 are done


def test_class_weights_count() -> None:
    data = market(80)
    weights = torch.tensor([0.2, 1.0, 3.0])
    assert losses(data, class_weights=weights) != losses(data)
    assert losses(data, class_weights=torch.ones(3)) == losses(data)


def test_decay_shrinks_weights_but_not_the_temperature() -> None:
    strong = learner(market(80), replace(RECIPE, weight_decay=5.0), epochs=2)
    weak = learner(market(80), replace(RECIPE, weight_decay=0.0), epochs=2)
    for one in (strong, weak):
        torch.manual_seed(3)
        one.train_epoch(1)
    sizes = [float(one.heads.text.beside.weight.detach().norm()) for one in (strong, weak)]
    assert sizes[0] < 0.98 * sizes[1]
    assert [group["weight_decay"] for group in strong.optimizer.param_groups] == [5.0, 0.0]


def test_the_rate_rises_for_a_tenth_of_the_run_and_falls_to_nothing() -> None:
    one = learner(market(30), epochs=10)  # one batch an epoch
    rates = []
    for epoch in range(1, 11):
        one.train_epoch(epoch)
        rates.append([group["lr"] for group in one.optimizer.param_groups])
    heads, scales = (np.array(column) for column in zip(*rates, strict=True))
    falling = [0.5 * (1 + math.cos(math.pi * done / 9)) for done in range(9)]
    assert heads == pytest.approx(RECIPE.learning_rate * np.array([0, *falling]))
    assert scales == pytest.approx(10 * heads)


def test_the_gate_learns_from_listings_that_the_heads_do_not() -> None:
    """Wrong categories of the gate's listings cannot spoil the heads."""
    data = market(240)
    roots = data.examples.roots
    own = data.examples.groups % RECIPE.gate_every == 0
    wrong = torch.where(own, (roots + 1) % 3, roots)
    right, spoiled = learner(data), learner(data.change(roots=wrong))
    for one in (right, spoiled):
        one.model.train()
        torch.manual_seed(3)
        torch.autograd.backward(one._loss(one._training, 0.0))
    one, other = (
        {name: value.grad for name, value in each.model.named_parameters()}
        for each in (right, spoiled)
    )
    assert all(gradient is not None for gradient in one.values())
    differ = {name for name, gradient in one.items() if not torch.equal(gradient, other[name])}
    assert {name for name in differ if not name.startswith("heads.fusion.")} == set()
    assert {f"heads.fusion.{layer}.0.weight" for layer in ("attention", "gate")} <= differ


# What may be missing


def test_a_feed_without_photos_trains_texts(tmp_path: Path) -> None:
    data = market(80)
    bare = data.change(photos=torch.full_like(data.examples.photos, -1))
    scores = train(learner(bare), tmp_path, Plan(2, 2, "score"), config={}, seed=1).scores
    assert set(scores) == {"train/loss", "text_accuracy", "combined_accuracy", "score"}


def test_listings_without_known_categories_train_the_space(tmp_path: Path) -> None:
    data = market(80)
    unknown = torch.full_like(data.examples.roots, -1)
    nameless = learner(data.change(roots=unknown, seconds=unknown))
    scores = train(nameless, tmp_path, Plan(1, 1, "score"), config={}, seed=1).scores
    assert set(scores) == {"train/loss", "sibling_recall", "title_to_image_recall", "score"}


def test_listings_with_nothing_to_score_are_refused() -> None:
    data = market(2)
    unknown, nothing = torch.full_like(data.examples.roots, -1), torch.full((62, 2), -1)
    with pytest.raises(BadInput, match="neither categories nor photos"):
        learner(data.change(roots=unknown, photos=nothing)).evaluate()


def test_nothing_is_scored_where_all_listings_are_trained_on() -> None:
    data = market(20)
    nobody = data.examples.at(torch.empty(0, dtype=torch.int64))
    one = MultimodalLearner(fresh(), data.training, nobody, data.photos, RECIPE, epochs=1)
    assert one.evaluate() == {}


def test_one_listing_is_refused() -> None:
    with pytest.raises(BadInput, match="1 listings cannot train"):
        learner(market(1))


# Photos


def test_an_absent_photo_changes_nothing() -> None:
    data = market(40)
    scribbled = data.table.copy()
    absent = np.setdiff1d(np.arange(data.table.shape[1]), data.examples.photos.numpy())
    assert absent[-1] == data.table.shape[1] - 1  # what -1 would find
    scribbled[:, absent] = 50.0
    other = replace(data, table=scribbled)
    assert losses(other) == losses(data)
    assert learner(other).evaluate() == learner(data).evaluate()


class Asked:
    """A `Photos` that keeps what it was asked for."""

    variants, width = 3, 12

    def __init__(self) -> None:
        self.rows: list[list[int]] = []
        self.versions: set[int] = set()

    def __call__(self, rows: torch.Tensor, variants: torch.Tensor) -> torch.Tensor:
        self.rows.append(rows.tolist())
        self.versions |= set(variants.tolist())
        return torch.ones(len(rows), 12) * rows[:, None]


def test_each_step_draws_two_photos_of_a_listing_in_any_version() -> None:
    data, asked = market(30), Asked()
    rows = torch.arange(90 * 4).view(90, 4)
    rows[:, 3] = -1
    one = learner(data.change(photos=rows), photos=asked)
    assert asked.versions == {0}  # the heads are fitted to photos as they are
    asked.rows.clear()
    for epoch in range(1, 9):
        one.train_epoch(epoch)
    assert asked.versions == {0, 1, 2}
    drawn = {row for step in asked.rows for row in step}
    assert drawn == {4 * n + k for n in range(30) for k in (0, 1, 2)}
    for step in asked.rows:
        assert len(set(step)) == 60
        assert all(one // 4 == other // 4 for one, other in zip(step[::2], step[1::2], strict=True))

    asked.rows.clear()
    asked.versions.clear()
    one.evaluate()
    assert asked.versions == {0}
    assert sorted(asked.rows[0]) == [4 * n + k for n in range(30, 90) for k in (0, 1, 2)]


def test_all_is_answered_in_the_order_of_the_listings() -> None:
    data, heads = market(600), fresh().eval()
    found = answer_all(heads, data.examples, data.photos)
    listing, place = torch.where(data.examples.photos >= 0)
    assert len(listing) > 512  # photos are asked for in parts
    assert torch.equal(found.owner, listing)
    pictures = torch.from_numpy(data.table[0])[data.examples.photos[listing, place]]
    with torch.no_grad():
        titles, texts = heads.texts(data.examples.titles), heads.texts(data.examples.texts)
        expected = heads.photos(pictures)
    torch.testing.assert_close(found.titles.vectors, titles.vectors)
    torch.testing.assert_close(found.texts.roots, texts.roots)
    torch.testing.assert_close(found.photos.vectors, expected.vectors)
    torch.testing.assert_close(found.photos.seconds, expected.seconds)
    shown = (data.examples.photos >= 0).any(1)
    assert torch.equal((found.weights > 0).all(1), shown)
    torch.testing.assert_close(found.fused.vectors[~shown], texts.vectors[~shown])


# Recall


def test_recall_counts_who_has_something_to_find() -> None:
    pool = torch.eye(4)
    owners = torch.tensor([7, 7, 8, 9])
    queries = torch.stack([pool[3] * 0.9 + pool[0] * 0.1, pool[2], pool[1]])
    asked = torch.tensor([7, 8, 5])  # 5 owns nothing: it does not count
    assert recall(queries, pool, asked, owners, k=1) == 0.5
    assert recall(queries, pool, asked, owners, k=2) == 1.0
    assert recall(queries[2:], pool, asked[2:], owners, k=1) is None


def test_a_photo_does_not_find_itself() -> None:
    pool = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 1]]))
    near, far = torch.tensor([1, 1, 2, 2]), torch.tensor([1, 2, 1, 2])
    assert recall(pool, pool, near, near, k=1, same=True) == 1.0
    assert recall(pool, pool, far, far, k=1, same=True) == 0.0
    single = torch.tensor([1, 2, 3, 4])
    assert recall(pool, pool, single, single, k=1, same=True) is None
