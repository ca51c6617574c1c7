"""The heads learn one space from random features that share a cause, and score by definition."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from marketrank.errors import BadInput  # noqa: E402
from marketrank.models.multimodal import Multimodal, Recipe  # noqa: E402
from marketrank.models.multimodal_learner import (  # noqa: E402
    Examples,
    MultimodalLearner,
    answer_all,
    recall,
    score,
)
from marketrank.models.photo_tower import Blend, FixedPhotos  # noqa: E402
from marketrank.models.training_loop import Outcome, Plan, train  # noqa: E402

RECIPE = Recipe(dim=16, hidden=32, batch=32, learning_rate=3e-3, photo_dropout=0.1)
EPOCHS = 12
SEEN = 60  # the last listings of a market are for validation


@dataclass(frozen=True)
class Market:
    """Listings, and the table of their photos: (2, photos, 12)."""

    examples: Examples
    table: Any

    @property
    def training(self) -> Examples:
        return self.examples.at(torch.arange(len(self.examples))[:-SEEN])

    @property
    def validation(self) -> Examples:
        return self.examples.at(torch.arange(len(self.examples))[-SEEN:])

    @property
    def photos(self) -> FixedPhotos:
        return FixedPhotos(self.table.swapaxes(0, 1))

    def change(self, **examples: Any) -> "Market":
        return replace(self, examples=replace(self.examples, **examples))


def market(n: int, seed: int = 0) -> Market:
    """n listings and SEEN more, whose features show, noisily, what the thing is. Each fifth has no
    photo, each third of the others one, the rest two. The table's last row is nobody's."""
    n += SEEN
    draw = torch.Generator().manual_seed(seed)
    roots = torch.randint(0, 3, (n,), generator=draw)
    thing = torch.randn(n, 8, generator=draw)
    thing = thing + 3 * torch.randn(3, 8, generator=draw)[roots]
    to_text, to_photo = (torch.randn(8, 12, generator=draw) for _ in range(2))
    noisy = thing[None, :, None] + 0.1 * torch.randn(2, n, 2, 8, generator=draw)
    index = torch.arange(n)
    shown = torch.stack([index % 5 != 0, (index % 5 != 0) & (index % 3 != 0)], dim=1)
    table = torch.cat([(noisy @ to_photo).flatten(1, 2), torch.zeros(2, 1, 12)], dim=1)
    examples = Examples(
        titles=(thing + 0.2 * torch.randn(n, 8, generator=draw)) @ to_text,
        texts=thing @ to_text,
        photos=torch.where(shown, torch.arange(2 * n).view(n, 2), -1),
        roots=roots,
        seconds=roots * 2 + (thing[:, 0] > 0),
        groups=torch.randperm(n, generator=draw),
    )
    return Market(examples, table.numpy())


def fresh(recipe: Recipe = RECIPE, seed: int = 0) -> Multimodal:
    torch.manual_seed(seed)
    return Multimodal(text_features=12, photo_features=12, roots=3, seconds=6, recipe=recipe)


def learner(
    data: Market, recipe: Recipe = RECIPE, epochs: int = EPOCHS, **others: Any
) -> MultimodalLearner:
    photos = others.pop("photos", data.photos)
    return MultimodalLearner(
        fresh(recipe), data.training, data.validation, photos, recipe, epochs=epochs, **others
    )


def fit(folder: Path, recipe: Recipe = RECIPE) -> dict[str, float]:
    plan = Plan(EPOCHS, EPOCHS, "score")
    return train(learner(market(240), recipe), folder, plan, config={}, seed=1).scores


def losses(data: Market, recipe: Recipe = RECIPE, *, epoch: int = 1, **others: Any) -> float:
    one = learner(data, recipe, **others)
    torch.manual_seed(3)
    return one.train_epoch(epoch)["loss"]


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


# A tower that is tuned


class Tuned:
    """A `Photos` by a tower on a table; gradients reach it."""

    variants, width = 2, 12

    def __init__(self, tower: torch.nn.Module, data: Market) -> None:
        self.tower, self.table = tower, torch.from_numpy(data.table)
        self.blends: list[Blend] = []

    def __call__(
        self, rows: torch.Tensor, variants: torch.Tensor, blend: Blend | None = None
    ) -> torch.Tensor:
        found = self.table[variants, rows]
        if blend is not None:
            self.blends.append(blend)
            found = found.lerp(self.table[blend.variants, blend.rows], 1 - blend.share)
        return self.tower(found)


def tuning(data: Market, seed: int = 5, **others: Any) -> MultimodalLearner:
    torch.manual_seed(seed)
    tower: Any = torch.nn.Linear(12, 12)
    photos = others.pop("photos", None) or Tuned(tower, data)
    return learner(data, photos=photos, tower=tower, **others)


def test_a_tower_learns_at_its_own_rate() -> None:
    data = market(80)
    one, still = tuning(data, tower_rate=0.02), tuning(data, tower_rate=0.0)
    before = one.model["tower"].weight.detach().clone()
    for each in (one, still):
        torch.manual_seed(3)
        each.train_epoch(2)
    groups = one.optimizer.param_groups
    assert groups[2]["lr"] / groups[0]["lr"] == pytest.approx(0.02 / RECIPE.learning_rate)
    tower = one.model["tower"]
    assert tower.weight.grad.abs().sum() > 0
    assert not torch.equal(tower.weight, before)
    assert torch.equal(still.model["tower"].weight, before)


def test_photos_are_laid_over_others_of_the_batch_where_a_tower_is_tuned() -> None:
    data = market(80)
    photos = Tuned(torch.nn.Linear(12, 12), data)
    one = tuning(data, recipe=replace(RECIPE, mix=0.4), photos=photos)
    one.train_epoch(1)
    shares = {blend.share for blend in photos.blends}
    assert len(shares) == len(photos.blends) > 1
    assert all(0.5 <= share <= 1 for share in shares)
    one.evaluate()
    assert len(photos.blends) == len(shares), "nothing is laid over a photo that is judged"
    plain = Tuned(torch.nn.Linear(12, 12), data)
    tuning(data, recipe=replace(RECIPE, mix=0.0), photos=plain).train_epoch(1)
    assert plain.blends == []
    assert losses(data, replace(RECIPE, mix=0.4)) == losses(data, replace(RECIPE, mix=0.0))


def test_a_blend_is_taught_the_categories_of_both_by_their_shares() -> None:
    data = market(80)
    one, owner = tuning(data), torch.arange(6)
    batch = data.training.at(owner)
    answer = one.heads.photos(torch.randn(6, 12))
    taught, turned = torch.ones(6, dtype=torch.bool), owner.flip(0)

    def loss(share: float | None) -> float:
        blend = None if share is None else Blend(turned, turned, share)
        return one._seen(batch, answer, (owner, turned), taught, blend).item()

    own, laid = loss(None), one._categories(batch, answer, turned, taught).item()
    assert own != pytest.approx(laid)
    assert loss(1.0) == pytest.approx(own)
    assert loss(0.75) == pytest.approx(0.75 * own + 0.25 * laid)


def test_heads_are_fitted_to_features_unless_they_come_with_a_tower() -> None:
    data = market(80)
    rows = data.training.photos[data.training.photos >= 0]
    fitted, given = learner(data).heads, tuning(data).heads
    torch.testing.assert_close(fitted.text.mean, data.training.texts.mean(0))
    torch.testing.assert_close(fitted.photo.mean, torch.from_numpy(data.table[0])[rows].mean(0))
    for head in (given.text, given.photo):
        assert not head.mean.any()
        assert torch.equal(head.spread, torch.ones(12))


@pytest.mark.parametrize("make", [learner, tuning])
def test_a_killed_run_goes_on_to_the_same_numbers(
    tmp_path: Path, make: Callable[..., MultimodalLearner]
) -> None:
    data = market(80)

    def run(one: MultimodalLearner, folder: str, epochs: int) -> Outcome:
        return train(one, tmp_path / folder, Plan(epochs, 9, "score"), config={}, seed=1)

    whole = make(data, epochs=3)
    expected = run(whole, "whole", 3)
    run(make(data, epochs=3), "broken", 2)
    resumed = make(data, epochs=3)
    for value in resumed.model.parameters():
        torch.nn.init.normal_(value.data)  # all that counts is in the checkpoint
    assert run(resumed, "broken", 3) == expected
    state = whole.model.state_dict()
    assert all(
        torch.equal(value, state[name]) for name, value in resumed.model.state_dict().items()
    )


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
