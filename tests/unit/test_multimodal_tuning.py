"""Late blocks are tuned together with the heads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from marketrank.models.multimodal_learner import MultimodalLearner  # noqa: E402
from marketrank.models.photo_tower import Blend  # noqa: E402
from marketrank.models.training_loop import Outcome, Plan, train  # noqa: E402
from multimodal_market import RECIPE, Tuned, learner, losses, market, tuning  # noqa: E402


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
