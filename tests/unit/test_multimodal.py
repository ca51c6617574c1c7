"""The heads learn one space from random features that share a cause, and score by definition."""

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from marketrank.errors import BadInput  # noqa: E402
from marketrank.models.multimodal import (  # noqa: E402
    Answer,
    Examples,
    Multimodal,
    MultimodalLearner,
    Recipe,
    recall,
    score,
)
from marketrank.models.training_loop import Plan, train  # noqa: E402

RECIPE = Recipe(dim=16, hidden=32, batch=32, learning_rate=3e-3, photo_dropout=0.1)
EPOCHS = 12


def market(n: int, seed: int = 0) -> Examples:
    """Features that show, noisily, what the thing is. Each fifth listing has no photo, each third
    of the others one, the rest two."""
    draw = torch.Generator().manual_seed(seed)
    world = torch.Generator().manual_seed(99)
    roots = torch.randint(0, 3, (n,), generator=draw)
    thing = torch.randn(n, 8, generator=draw)
    thing = thing + 3 * torch.randn(3, 8, generator=world)[roots]
    to_text, to_photo = (torch.randn(8, 12, generator=world) for _ in range(2))
    noisy = thing[:, None] + 0.1 * torch.randn(n, 2, 8, generator=draw)
    index = torch.arange(n)
    has_photo = torch.stack([index % 5 != 0, (index % 5 != 0) & (index % 3 != 0)], dim=1)
    return Examples(
        titles=(thing + 0.2 * torch.randn(n, 8, generator=draw)) @ to_text,
        texts=thing @ to_text,
        photos=noisy @ to_photo,
        has_photo=has_photo,
        roots=roots,
        seconds=roots * 2 + (thing[:, 0] > 0),
        groups=index + 3,
    )


def fresh(recipe: Recipe = RECIPE) -> Multimodal:
    torch.manual_seed(0)
    return Multimodal(text_features=12, photo_features=12, roots=3, seconds=6, recipe=recipe)


def learner(training: Examples, recipe: Recipe = RECIPE, epochs: int = EPOCHS) -> MultimodalLearner:
    return MultimodalLearner(fresh(recipe), training, market(60, seed=1), recipe, epochs=epochs)


def fit(folder: Path, training: Examples, recipe: Recipe = RECIPE) -> dict[str, float]:
    plan = Plan(EPOCHS, EPOCHS, "score")
    return train(learner(training, recipe), folder, plan, config={}, seed=1).scores


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    return fit(tmp_path_factory.mktemp("run"), market(240))


def test_a_space_is_learned_that_finds_and_sorts_unseen_listings(trained: dict[str, float]) -> None:
    model = fresh()
    model.eval()
    with torch.no_grad():
        untrained = score(model, market(60, seed=1))
    assert untrained["title_to_image_recall"] < 0.5
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
    lacking = fit(tmp_path, market(240), replace(RECIPE, **{without: 0.0}))
    assert lacking[score_name] < trained[score_name] - 0.2


def losses(training: Examples, recipe: Recipe = RECIPE) -> float:
    torch.manual_seed(3)
    return learner(training, recipe).train_epoch(1)["loss"]


@pytest.mark.parametrize(
    "change",
    [
        {"siblings": 0.0},
        {"second_share": 0.0},
        {"smoothing": 0.3},
        {"hide_text": 0.5},
        {"hide_photos": 0.5},
        {"text_dropout": 0.5},
        {"photo_dropout": 0.5},
        {"gate_every": 3},
        {"batch": 16},
        {"learning_rate": 0.1},
    ],
)
def test_every_setting_of_the_recipe_counts(change: dict[str, float]) -> None:
    training = market(400)
    assert losses(training, replace(RECIPE, **change)) != losses(training)


def test_decay_shrinks_weights_but_not_the_temperature() -> None:
    strong = learner(market(80), replace(RECIPE, weight_decay=5.0), epochs=2)
    weak = learner(market(80), replace(RECIPE, weight_decay=0.0), epochs=2)
    for one in (strong, weak):
        torch.manual_seed(3)
        one.train_epoch(1)
    sizes = [float(one.model.text.beside.weight.detach().norm()) for one in (strong, weak)]
    assert sizes[0] < 0.98 * sizes[1]
    groups = strong.optimizer.param_groups
    assert [group["weight_decay"] for group in groups] == [5.0, 0.0]


def test_a_feed_without_photos_trains_texts(tmp_path: Path) -> None:
    training = market(80)
    bare = replace(training, has_photo=torch.zeros_like(training.has_photo))
    plan = Plan(2, 2, "score")
    one = MultimodalLearner(fresh(), bare, bare, RECIPE, epochs=2)
    scores = train(one, tmp_path, plan, config={}, seed=1).scores
    assert set(scores) == {"train/loss", "text_accuracy", "combined_accuracy", "score"}


def test_listings_without_known_categories_train_the_space(tmp_path: Path) -> None:
    training = market(80)
    unknown = torch.full_like(training.roots, -1)
    nameless = replace(training, roots=unknown, seconds=unknown)
    one = MultimodalLearner(fresh(), nameless, nameless, RECIPE, epochs=1)
    scores = train(one, tmp_path, Plan(1, 1, "score"), config={}, seed=1).scores
    assert set(scores) == {"train/loss", "sibling_recall", "title_to_image_recall", "score"}


def test_the_gate_learns_from_listings_that_the_heads_do_not() -> None:
    """Wrong categories of the gate's listings cannot spoil the heads."""
    training = market(240)
    own = training.groups % RECIPE.gate_every == 0
    wrong = torch.where(own, (training.roots + 1) % 3, training.roots)
    right = learner(training, epochs=1)
    spoiled = learner(replace(training, roots=wrong), epochs=1)
    for one in (right, spoiled):
        one.model.train()
        torch.manual_seed(3)
        torch.autograd.backward(one._loss(one._training))
    heads = [
        (name, value.grad, dict(spoiled.model.named_parameters())[name].grad)
        for name, value in right.model.named_parameters()
    ]
    for name, first, second in heads:
        assert first is not None and second is not None
        assert torch.equal(first, second) != name.startswith("fusion."), name


def test_one_listing_is_refused() -> None:
    with pytest.raises(BadInput, match="1 listings cannot train"):
        learner(market(80).at(torch.tensor([3])))


def test_a_listing_without_photos_is_read_from_its_text_alone() -> None:
    model = fresh()
    model.eval()
    examples = market(10)
    with torch.no_grad():
        texts, photos = model.texts(examples.texts), model.photos(examples.photos)
        every = torch.ones(10, dtype=torch.bool)
        fused, weights = model.listings(texts, photos, every, examples.has_photo)
    bare = ~examples.has_photo.any(1)
    assert weights[bare].tolist() == [[1, 0]] * int(bare.sum())
    torch.testing.assert_close(fused.vectors[bare], texts.vectors[bare])
    torch.testing.assert_close(fused.roots[bare], 2 * texts.roots[bare])
    row = 1  # has one photo or two; the mean is over those it has
    seen = photos.roots[row][examples.has_photo[row]].mean(0)
    expected = 2 * (weights[row, 0] * texts.roots[row] + weights[row, 1] * seen)
    torch.testing.assert_close(fused.roots[row], expected)


def test_an_absent_photo_changes_nothing() -> None:
    examples = market(40)
    scribbled = examples.photos.clone()
    scribbled[~examples.has_photo] = 50.0
    assert losses(replace(examples, photos=scribbled)) == losses(examples)


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


def test_answers_split_both_levels() -> None:
    answer: Answer = fresh().texts(market(5).texts)
    assert (answer.vectors.shape, answer.roots.shape, answer.seconds.shape) == (
        (5, 16),
        (5, 3),
        (5, 6),
    )
    torch.testing.assert_close(answer.vectors.norm(dim=1), torch.ones(5))
