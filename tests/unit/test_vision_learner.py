"""A network learns colours, and a run that is cut in two ends as one that is not."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from marketrank.errors import BadInput  # noqa: E402
from marketrank.evaluation.model_metrics import classified  # noqa: E402
from marketrank.models import schedules  # noqa: E402
from marketrank.models.artefact import Source  # noqa: E402
from marketrank.models.augment import Augment  # noqa: E402
from marketrank.models.device import Runtime  # noqa: E402
from marketrank.models.labels import Labels  # noqa: E402
from marketrank.models.networks import Network, small_cnn  # noqa: E402
from marketrank.models.photo_data import PhotoData  # noqa: E402
from marketrank.models.training_loop import (  # noqa: E402
    Outcome,
    Plan,
    seed_everything,
    train,
)
from marketrank.models.vision_learner import Recipe, VisionLearner  # noqa: E402

CPU = Runtime(torch.device("cpu"))
LABELS = Labels((("blue",), ("green",), ("red",)), depth=1)
SIZE = 32
RECIPE = Recipe(batch=8, learning_rate=3e-3)
SOURCE = Source("made up", "0", "none")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Such small products lose by being shared out, much of it where other work is running."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def jpeg(seed: int) -> bytes:
    """A noisy picture in which channel 2 - seed % 3 is the brightest."""
    picture = np.random.default_rng(seed).integers(0, 120, (8, 8, 3), dtype=np.uint8)
    picture[..., 2 - seed % 3] += 110
    out = io.BytesIO()
    Image.fromarray(picture).resize((40, 40)).save(out, "JPEG")
    return out.getvalue()


PHOTOS = {str(seed): jpeg(seed) for seed in range(48)}


def photos(rows: range, *, spoilt: int = 0, **changed: Any) -> PhotoData:
    """Every fourth photo has no label; the first `spoilt` cannot be read."""
    known = {key: b"" if int(key) - rows.start < spoilt else PHOTOS[key] for key in PHOTOS}
    codes = np.array([-1 if row % 4 == 3 else row % 3 for row in rows], np.int64)
    arguments = {"read": known.__getitem__, "size": SIZE} | changed
    return PhotoData([str(row) for row in rows], codes, **arguments)


def network(source: Source | None = None) -> Network:
    return replace(small_cnn(3, seed=5), source=source)


def learner(
    made: Network | None = None, recipe: Recipe = RECIPE, epochs: int = 3, **changed: Any
) -> VisionLearner:
    arguments = {"runtime": CPU, "training": photos(range(32)), "validation": photos(range(32, 48))}
    return VisionLearner(
        made or network(), labels=LABELS, recipe=recipe, epochs=epochs, **(arguments | changed)
    )


def epoch(one: VisionLearner, number: int = 1) -> Mapping[str, float]:
    seed_everything(7, number)
    return one.train_epoch(number)


def state(one: VisionLearner, part: str = "") -> bytes:
    kept = one.model.state_dict().items()
    return b"".join(value.numpy().tobytes() for name, value in kept if name.startswith(part))


def run(one: VisionLearner, folder: Path, epochs: int = 3) -> Outcome:
    return train(one, folder, Plan(epochs, epochs, "score"), config={}, seed=7)


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("source", [None, SOURCE])
def test_a_run_in_two_parts_ends_with_the_same_numbers(
    tmp_path: Path, source: Source | None, cut: int
) -> None:
    """Also where the cut is at the end of the stage in which the body is frozen."""

    def fresh() -> VisionLearner:
        return learner(network(source), training=photos(range(32), augment=Augment(), seed=2))

    whole = fresh()
    expected = run(whole, tmp_path / "whole")
    run(fresh(), tmp_path / "cut", cut)
    again = fresh()
    torch.randn(3)  # another process has drawn other numbers
    assert run(again, tmp_path / "cut") == expected
    assert state(again) == state(whole)
    one, other = (
        (tmp_path / name / "resume.safetensors").read_bytes() for name in ("whole", "cut")
    )
    assert one == other


def test_the_number_of_workers_changes_nothing_but_who_reads() -> None:
    read: list[str] = []

    def noted(key: str) -> bytes:
        read.append(key)
        return PHOTOS[key]

    alone = learner(training=photos(range(32), augment=Augment()))
    helped = learner(training=photos(range(32), augment=Augment(), read=noted), workers=1)
    assert epoch(alone) == epoch(helped)
    assert state(alone) == state(helped)
    assert read == []  # it was in another process


def test_it_learns_what_photos_show() -> None:
    one = learner(epochs=6)
    before = one.evaluate()
    losses = [epoch(one, number)["loss"] for number in range(1, 7)]
    after = one.evaluate()
    assert losses[-1] < losses[0]
    assert before["accuracy"] < 0.7
    assert after["accuracy"] > 0.9


def test_scores_are_those_of_the_photos_with_a_label_that_can_be_read() -> None:
    validation = photos(range(32, 48), spoilt=2)
    one = learner(validation=validation)
    epoch(one)
    before = state(one)
    scores = one.evaluate()
    assert state(one) == before  # batch norms learn nothing from it
    one.model.eval()
    rows = [row for row in range(2, 16) if validation.codes[row] != -1]
    with torch.no_grad():
        logits = one.model(torch.stack([validation[row][0] for row in rows]))
    found = classified(validation.codes[rows], logits.argmax(1).numpy())
    assert found.n == 10
    assert (scores["accuracy"], scores["macro_f1"]) == (found.accuracy, found.macro_f1)
    assert scores["score"] == pytest.approx((found.accuracy + found.macro_f1) / 2)


def test_a_pretrained_body_waits_for_its_head() -> None:
    one = learner(network(SOURCE), replace(RECIPE, freeze_epochs=2))
    start, head = state(one, "body"), state(one, "head")
    epoch(one, 1)
    assert state(one, "head") != head
    assert state(one, "body") == start  # the statistics of its norms too
    epoch(one, 2)
    assert state(one, "body") == start
    epoch(one, 3)
    assert state(one, "body") != start


def test_a_body_from_scratch_does_not_wait() -> None:
    one = learner(network(None), replace(RECIPE, freeze_epochs=2))
    start = state(one, "body")
    epoch(one, 1)
    assert state(one, "body") != start


@pytest.mark.parametrize("source, share", [(None, 1.0), (SOURCE, 0.2)])
def test_a_pretrained_body_learns_more_slowly(source: Source | None, share: float) -> None:
    one = learner(network(source), replace(RECIPE, body_share=0.2))
    epoch(one, 2)
    rates = [group["lr"] for group in one.optimizer.param_groups]
    assert rates[:2] == [pytest.approx(share * rates[-1])] * 2
    # The last of three batches of the second epoch of three.
    done = (1 + 2 / 3) / 3
    share = schedules.cosine(done, RECIPE.warm_up)
    assert rates[-1] == pytest.approx(RECIPE.learning_rate * share)


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    one = learner(recipe=replace(RECIPE, weight_decay=0.3))
    for group in one.optimizer.param_groups:
        dims = {p.dim() for p in group["params"]}
        assert group["weight_decay"] == (0.3 if min(dims) > 1 else 0.0)
    held = sum(p.numel() for group in one.optimizer.param_groups for p in group["params"])
    assert held == sum(p.numel() for p in one.model.parameters())


@pytest.mark.parametrize("change", [{"smoothing": 0.5}, {"balance": 0.0}])
def test_the_loss_is_as_the_recipe_says(change: dict[str, float]) -> None:
    def first(recipe: Recipe, training: PhotoData) -> float:
        return epoch(learner(recipe=recipe, training=training))["loss"]

    uneven = photos(range(32))
    uneven.codes[8:] = np.where(uneven.codes[8:] == 1, -1, uneven.codes[8:])
    assert first(RECIPE, uneven) != first(replace(RECIPE, **change), uneven)


def test_the_first_loss_is_weighted_cross_entropy() -> None:
    """By hand, for one batch whose rate is still 0."""
    training = photos(range(9))
    recipe = Recipe(batch=16, smoothing=0.0)
    made = network()
    one = learner(made, recipe, training=training)
    loss = epoch(one)["loss"]
    rows = np.flatnonzero(training.codes != -1)
    counts = np.bincount(training.codes[rows], minlength=3)
    weight = counts[training.codes[rows]] ** -0.5
    made = network()
    seed_everything(7, 1)
    order = rows[torch.randperm(len(rows)).numpy()]
    torch.empty((), dtype=torch.int64).random_()  # the loader takes one number
    logits = made.module.train()(torch.stack([training[row][0] for row in order]))
    by_row = dict(zip(order, logits.log_softmax(1).detach().numpy(), strict=True))
    each = np.array([-by_row[row][training.codes[row]] for row in rows])
    assert loss == pytest.approx((weight * each).sum() / weight.sum(), rel=1e-4)


def test_photos_that_cannot_be_read_cost_no_run() -> None:
    one = learner(training=photos(range(32), spoilt=28), recipe=replace(RECIPE, batch=2))
    assert np.isfinite(epoch(one)["loss"])  # most batches have no photo
    assert all(bool(value.isfinite().all()) for value in one.model.state_dict().values())


def test_photos_of_which_none_can_be_read_are_named() -> None:
    with pytest.raises(BadInput, match="none of the 24 training photos can be read"):
        epoch(learner(training=photos(range(32), spoilt=32)))
    with pytest.raises(BadInput, match="none of the 12 validation photos can be read"):
        learner(validation=photos(range(32, 48), spoilt=16)).evaluate()


@pytest.mark.parametrize("side", ["training", "validation"])
def test_photos_without_labels_teach_nothing(side: str) -> None:
    data = PhotoData(["0"], np.array([-1]), read=PHOTOS.__getitem__, size=SIZE)
    with pytest.raises(BadInput, match=f"none of the 1 {side} photos has a known"):
        learner(**{side: data})


def test_batches_of_one_are_refused() -> None:
    with pytest.raises(BadInput, match="batches of 1 photos"):
        learner(recipe=replace(RECIPE, batch=1))


def test_a_scrap_of_a_batch_is_left_out() -> None:
    steps: list[int] = []
    one = learner(recipe=replace(RECIPE, batch=11))  # 24 = 11 + 11 + 2
    one.model.register_forward_pre_hook(lambda _module, args: steps.append(len(args[0])))
    epoch(one)
    assert steps == [11, 11]


def test_each_epoch_is_augmented_anew() -> None:
    for augment in (None, Augment()):
        seen: list[bytes] = []
        one = learner(training=photos(range(8), augment=augment), recipe=replace(RECIPE, batch=2))
        one.model.register_forward_pre_hook(
            lambda _module, args, seen=seen: seen.extend(x.numpy().tobytes() for x in args[0])
        )
        epoch(one, 1)
        epoch(one, 2)
        assert len(seen) == 12
        assert len(set(seen)) == (6 if augment is None else 12)


def test_a_steep_slope_is_not_run_down() -> None:
    one = learner()
    with torch.no_grad():
        one.model.get_submodule("head.1").weight.mul_(1e4)
    epoch(one)
    slopes = torch.cat([p.grad.flatten() for p in one.model.parameters()])
    assert float(slopes.norm()) == pytest.approx(5.0, rel=1e-3)


def test_the_runtime_runs_it() -> None:
    one = learner(runtime=Runtime(CPU.device, half=True))
    kinds: list[torch.dtype] = []
    one.model.get_submodule("head").register_forward_hook(
        lambda _m, _a, out: kinds.append(out.dtype)
    )
    assert np.isfinite(epoch(one)["loss"])
    one.evaluate()
    assert set(kinds) == {torch.bfloat16}
