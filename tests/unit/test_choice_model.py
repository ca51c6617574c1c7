import numpy as np
import pytest
from scipy.optimize import check_grad

from marketrank.buyers.recommend import choice_model
from marketrank.buyers.recommend.choice_model import fit
from marketrank.buyers.recommend.pool import Pools


def made(n: int = 600, size: int = 20, seed: int = 1) -> tuple[Pools, np.ndarray]:
    """Buyers choose by the first of two features."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n * size, 2)).astype(np.float32)
    utility = 2.0 * features[:, 0] + random.gumbel(size=n * size)
    positive = np.zeros(n * size, np.bool_)
    positive[np.arange(n) * size + utility.reshape(n, size).argmax(axis=1)] = True
    given = Pools(
        np.arange(n),
        np.arange(n + 1) * size,
        np.tile(np.arange(size), n),
        features,
        ("one", "two"),
        np.full(n * size, 9),
    )
    return given, positive


def test_weights_are_found_again() -> None:
    given, positive = made()
    model = fit(given, positive, penalty=1.0)
    weights = model.weights / model.scale
    assert weights[0] == pytest.approx(2.0, abs=0.25)
    assert weights[1] == pytest.approx(0.0, abs=0.2)


def test_a_penalty_draws_towards_the_start() -> None:
    given, positive = made()
    free = fit(given, positive, penalty=1.0)
    assert abs(fit(given, positive, penalty=1e6).weights[0]) < 0.05
    held = fit(given, ~positive & (given.listings == 0), penalty=1e9, start=free)
    assert held.weights == pytest.approx(free.weights, abs=0.05)


def test_buyers_without_a_choice_teach_nothing() -> None:
    given, positive = made()
    some = positive & (given.group() < 300)
    alone = given.where(given.group() < 300)
    assert fit(given, some, penalty=1.0).weights == pytest.approx(
        fit(alone, positive[given.group() < 300], penalty=1.0).weights, abs=1e-3
    )
    nothing = fit(given, np.zeros_like(positive), penalty=1.0)
    assert not nothing.weights.any()


def test_most_limits_who_teaches() -> None:
    given, positive = made()
    few = fit(given, positive, penalty=1.0, most=50)
    some = positive & (given.group() < 50)
    assert few.weights == pytest.approx(fit(given, some, penalty=1.0).weights, abs=1e-3)


def test_the_gradient_is_that_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    given, positive = made(30, 6)
    caught = {}

    def look(loss, start, **options):  # type: ignore[no-untyped-def]
        caught["error"] = check_grad(
            lambda w: loss(w)[0], lambda w: loss(w)[1], start + 0.3, epsilon=1e-3
        )
        return type("Found", (), {"x": start})

    monkeypatch.setattr(choice_model, "minimize", look)
    fit(given, positive, penalty=2.0)
    assert caught["error"] < 0.2
