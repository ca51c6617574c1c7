"""The last layers of a text tower are tuned to categories, and go on as if nothing had happened."""

import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from marketrank.errors import BadInput, Corrupt, NotReady  # noqa: E402
from marketrank.models import text_layers  # noqa: E402
from marketrank.models.pretrained import TextTower  # noqa: E402
from marketrank.models.text_layers import EarlyLayers, LateLayers, open_tower  # noqa: E402
from marketrank.models.text_states import (  # noqa: E402
    MAX_TOKENS,
    TextStates,
    padded,
    text_states,
    tokenise,
)
from marketrank.models.text_tuner import (  # noqa: E402
    TextLearner,
    TextRecipe,
    load_tuned,
    text_learner,
)
from marketrank.models.training_loop import Outcome, Plan, train  # noqa: E402
from small_bert import VOCABULARY, small_bert, small_mpnet  # noqa: E402

RECIPE = TextRecipe(tower="small", frozen=1, batch=8, learning_rate=3e-3, head_rate=5.0)
THINGS = ("oak table", "road bike", "smart phone")
WORDS = ("clean", "used", "old", "new", "boxed", "fair")
N, EPOCHS = 96, 4


@pytest.fixture(autouse=True)
def small_tower(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Such small products lose by being shared out among threads."""
    monkeypatch.setitem(text_layers.TOWERS, "small", small_bert)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def texts(n: int = N) -> list[str]:
    """Row r is of category r % 3, and of 2 to 13 words."""
    draw = np.random.default_rng(0)
    return [
        f"{THINGS[row % 3]} {' '.join(draw.choice(WORDS, draw.integers(0, 12)))}".strip()
        for row in range(n)
    ]


ROOTS = np.arange(N) % 3
SECONDS = ROOTS + 3 * (np.arange(N) % 2)
PARTS = np.arange(60), np.arange(60, N)


@functools.cache
def states() -> TextStates:
    """Of `texts`, after the first layer."""
    with tempfile.TemporaryDirectory() as folder:
        return held(small_bert(), texts(), Path(folder))


def held(tower: TextTower, some: Sequence[str], folder: Path, layers: int = 1) -> TextStates:
    """In memory."""
    found = text_states(folder, tower, some, layers=layers, device="cpu")
    return replace(found, hidden=np.array(found.hidden))


def learner(*, seed: int = 1, epochs: int = EPOCHS, **changed: Any) -> TextLearner:
    arguments: dict[str, Any] = {"parts": PARTS, "codes": (ROOTS, SECONDS), "recipe": RECIPE}
    arguments |= changed
    return text_learner(
        small_bert(),
        states(),
        widths=(3, 6),
        epochs=epochs,
        seed=seed,
        device="cpu",
        class_weights=np.ones(3, np.float32),
        **arguments,
    )


def run(one: TextLearner, folder: Path, epochs: int = EPOCHS) -> Outcome:
    return train(one, folder, Plan(epochs, epochs, "score"), config={}, seed=5)


def state(one: TextLearner) -> dict[str, Any]:
    return {name: value.clone() for name, value in one.model.state_dict().items()}


def test_categories_are_learned(tmp_path: Path) -> None:
    one = learner()
    before = one.evaluate()["accuracy"]
    outcome = run(one, tmp_path)
    assert before < 0.6
    assert outcome.scores["accuracy"] > 0.85
    assert outcome.scores["score"] == outcome.scores["accuracy"]
    losses = [epoch["train/loss"] for epoch in outcome.history]
    assert losses[-1] < losses[0]
    judged = one.judge(PARTS[1])
    assert judged.shape == (36, 3)
    assert (judged.argmax(1) == ROOTS[60:]).mean() == outcome.scores["accuracy"]


def test_a_run_that_is_killed_ends_with_the_same_numbers(tmp_path: Path) -> None:
    whole = learner()
    expected = run(whole, tmp_path / "whole")
    killed = learner()
    train_epoch = killed.train_epoch

    def dies(epoch: int) -> Any:
        if epoch == EPOCHS:
            train_epoch(epoch)  # what it has done of an epoch is lost
            raise KeyboardInterrupt
        return train_epoch(epoch)

    killed.train_epoch = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run(killed, tmp_path / "killed")
    again = learner()
    assert run(again, tmp_path / "killed") == expected
    assert np.array_equal(again.judge(PARTS[1]), whole.judge(PARTS[1]))


def test_the_seed_draws_the_head() -> None:
    assert torch.equal(learner().model.head.weight, learner().model.head.weight)
    assert not torch.equal(learner().model.head.weight, learner(seed=2).model.head.weight)


def test_early_layers_stay_and_all_else_learns() -> None:
    one = learner()
    before = state(one)
    one.train_epoch(1)
    moved = {
        name for name, value in one.model.state_dict().items() if not (value == before[name]).all()
    }
    assert moved == set(before)
    assert {"head.weight", "late.layer.0.attention.self.query.weight"} <= moved
    assert not {name for name in moved if "embeddings" in name or "layer.1" in name}


def test_the_head_learns_faster_and_both_warm_up_and_cool_down() -> None:
    one = learner(epochs=1)
    rates: list[tuple[float, float]] = []
    step = one.optimizer.step

    def spy(*arguments: Any) -> Any:
        body, head = (group["lr"] for group in one.optimizer.param_groups)
        rates.append((body, head))
        return step(*arguments)

    one.optimizer.step = spy  # type: ignore[method-assign]
    one.train_epoch(1)
    bodies = np.array(rates)[:, 0]
    assert len(rates) == 8  # 60 texts in batches of 8
    np.testing.assert_allclose(np.array(rates)[:, 1], 5 * bodies)
    expected = [0, *(RECIPE.learning_rate * (1 - number / 8) / 0.9 for number in range(1, 8))]
    np.testing.assert_allclose(bodies, expected)


def test_batches_are_of_like_length_and_hold_every_text_once() -> None:
    one = learner()
    lengths = one._training.lengths.tolist()
    torch.manual_seed(0)
    first, second = one._deal(), one._deal()
    for batches in (first, second):
        assert sorted(row for batch in batches for row in batch) == list(range(60))
        assert {len(batch) for batch in batches} == {8, 4}
        padding = sum(max(lengths[r] for r in b) - lengths[row] for b in batches for row in b)
        assert padding < 0.15 * sum(lengths)
    assert first != second
    shortest = [min(lengths[row] for row in batch) for batch in first]
    assert shortest != sorted(shortest)  # nor do short ones always come first


def test_padding_and_company_change_nothing() -> None:
    one = learner()
    together = one.judge(np.arange(20))
    alone = np.concatenate([one.judge(np.array([row])) for row in range(20)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(one.judge(np.arange(20)[::-1].copy()), together[::-1], atol=1e-5)


def test_unknown_categories_teach_nothing_and_are_not_scored(tmp_path: Path) -> None:
    hidden = np.arange(N) % 4 == 0
    misled = np.where(hidden, -1, ROOTS), np.where(hidden, -1, SECONDS)
    outcome = run(learner(codes=misled), tmp_path)
    assert outcome.scores["accuracy"] > 0.85
    nothing = np.full(N, -1)
    with pytest.raises(BadInput, match="no training text has a known category"):
        learner(codes=(nothing, nothing))
    late = np.where(np.arange(N) < 60, ROOTS, -1)
    with pytest.raises(BadInput, match="no validation text has a known category"):
        learner(codes=(late, SECONDS)).evaluate()


def test_a_model_goes_on_with_all_texts_at_a_lower_rate(tmp_path: Path) -> None:
    one = learner()
    run(one, tmp_path / "part")
    before = one.judge(np.arange(N))
    more = one.go_on(np.arange(N), rate=0.5, epochs=2)
    assert more.model is one.model
    assert more.evaluate() == {}
    assert [g["most"] for g in more.optimizer.param_groups] == [
        g["most"] / 2 for g in one.optimizer.param_groups
    ]
    train(more, tmp_path / "all", Plan(2, 1, None), config={}, seed=5)
    assert len(more._training) == N
    assert np.abs(more.judge(np.arange(N)) - before).max() > 1e-3


def test_a_saved_model_answers_the_same_from_words(tmp_path: Path) -> None:
    one = learner()
    best = run(one, tmp_path).best
    file = tmp_path / f"epoch-{best:04d}.safetensors"
    recipe = {"tower": "small", "frozen": 1, "dropout": 0.3}
    loaded = load_tuned(file, labels=(3, 6), recipe=recipe)
    assert not loaded.training
    ids, mask = padded(tokenise(loaded.tower, texts(9)), 0, device=torch.device("cpu"))
    with torch.inference_mode():
        roots, seconds = loaded(ids, mask)
    np.testing.assert_allclose(roots.numpy(), one.judge(np.arange(9)), atol=5e-3)  # states: float16
    assert seconds.shape == (9, 6)
    with pytest.raises(Corrupt, match=file.name):
        load_tuned(file, labels=(4, 6), recipe=recipe)
    with pytest.raises(NotReady, match="marketrank train text"):
        load_tuned(file, labels=(3, 6), recipe={"dropout": 0.3})
    with pytest.raises(BadInput, match="there is no text tower 'large' to tune; known are mpnet, "):
        load_tuned(file, labels=(3, 6), recipe={**recipe, "tower": "large"})


@pytest.mark.parametrize("made", [small_bert, small_mpnet])
@pytest.mark.parametrize("layers", [0, 1, 9])
def test_both_halves_are_the_whole_tower(made: Callable[[], TextTower], layers: int) -> None:
    """Of a tower of two layers at least one is tuned."""
    tower = made()
    early, late = EarlyLayers(tower, layers), LateLayers(tower, layers).eval()
    assert (len(early.layer), len(late.layer)) == (min(layers, 1), 2 - min(layers, 1))
    ids, mask = torch.tensor([[5, 6, 7, 9], [4, 8, 0, 0]]), torch.tensor([[1] * 4, [1, 1, 0, 0]])
    with torch.inference_mode():
        hidden = tower.module.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        expected = torch.stack([hidden[0].mean(0), hidden[1, :2].mean(0)])
        found = late(early(ids, mask), mask)
    assert torch.allclose(found, expected, atol=1e-5)
    assert not any(one.requires_grad for one in early.parameters())
    frozen = {name for name, one in late.named_parameters() if not one.requires_grad}
    assert frozen == ({"position.weight"} if made is small_mpnet else set())


def test_states_are_those_of_each_text_by_itself(tmp_path: Path) -> None:
    tower = small_bert()
    some = [*texts(40), "oak " * 1000, texts(40)[3], "oak \ud800 bike", ""]
    found = held(tower, some, tmp_path)
    assert found.hidden.shape == (44, MAX_TOKENS, tower.dim)
    assert found.lengths.tolist() == [len(one) for one in tokenise(tower, some)]
    early = EarlyLayers(tower, 1)
    for row in (0, 3, 17, 40, 42):
        ids, mask = padded(tokenise(tower, [some[row]]), 0, device=torch.device("cpu"))
        with torch.inference_mode():
            alone = early(ids, mask)
        hidden, told = found.batch(np.array([row]))
        assert torch.equal(told, mask)
        assert torch.allclose(hidden, alone, atol=3e-3)
    hidden, told = found.batch(np.array([40, 43, 3]))
    assert hidden.shape == (3, MAX_TOKENS, tower.dim)
    assert told.sum(1).tolist() == [MAX_TOKENS, 0, found.lengths[3]]
    assert torch.equal(found.batch(np.array([3]))[0], found.batch(np.array([41]))[0])


def test_only_new_texts_are_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tower, some = small_bert(), texts(50)
    first = held(tower, some, tmp_path)
    computed: list[int] = []
    forward = EarlyLayers.forward

    def counted(early: EarlyLayers, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        computed.append(len(ids))
        return forward(early, ids, mask)

    monkeypatch.setattr(EarlyLayers, "forward", counted)
    again = held(tower, some[::-1], tmp_path)
    assert computed == []
    assert torch.equal(first.batch(np.array([7]))[0], again.batch(np.array([42]))[0])
    held(tower, [*some, "new oak bike"], tmp_path)
    assert computed == [1]
    held(tower, some, tmp_path, layers=0)  # other layers make other states
    assert sum(computed) == 51


def test_texts_are_cut_where_the_exported_tower_cuts_them() -> None:
    tower = small_bert()
    short, long, odd = tokenise(tower, ["oak bike", "oak " * 1000, "oak \ud800 bike"])
    assert short == odd == (VOCABULARY["oak"], VOCABULARY["bike"])
    assert len(long) == MAX_TOKENS


def test_towers_are_opened_by_name() -> None:
    assert set(text_layers.TOWERS) == {"mpnet", "minilm", "small"}
    assert open_tower("small").name == "small"
