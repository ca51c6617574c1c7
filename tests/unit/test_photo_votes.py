"""Taught photos vote by what is near; the rule is chosen on others."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from marketrank.errors import BadInput, Corrupt  # noqa: E402
from marketrank.models import training_loop  # noqa: E402
from marketrank.models.photo_votes import (  # noqa: E402
    SHARPNESS,
    PhotoVotes,
    Remembered,
    Rule,
    draw_voters,
    fit_votes,
)

ROOTS = 3


def cloud(n: int, seed: int, noise: float = 0.4) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors around a corner for each category."""
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, ROOTS, n)
    points = np.eye(8)[codes] + noise * draw.standard_normal((n, 8))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32), codes


def guess(codes: NDArray[np.int64], right: float, seed: int) -> NDArray[np.float32]:
    """Logits of a head that is right so often."""
    draw = np.random.default_rng(seed)
    said = np.where(draw.random(len(codes)) < right, codes, draw.integers(0, ROOTS, len(codes)))
    return (2 * np.eye(ROOTS)[said]).astype(np.float32)


def accuracy(logs: Any, codes: NDArray[np.int64]) -> float:
    return float((np.asarray(logs).argmax(1) == codes).mean())


def ask(votes: PhotoVotes, vectors: NDArray[Any], logits: NDArray[Any]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return votes(torch.from_numpy(vectors), torch.from_numpy(logits)).numpy()


def test_each_votes_by_its_cosine_and_the_head_counts_beside() -> None:
    keys, codes = cloud(40, 1)
    vectors, logits = cloud(5, 2)[0], guess(np.zeros(5, np.int64), 0.5, 3)
    found = ask(PhotoVotes(Remembered(keys, codes), ROOTS, Rule(10.0, 0.3, 0.9)), vectors, logits)
    kept = keys.astype(np.float16).astype(np.float64)
    for row in range(5):
        near = np.exp(10 * (kept @ vectors[row].astype(np.float64)))
        shares = np.array([near[codes == code].sum() for code in range(ROOTS)]) / near.sum()
        votes = np.log((shares + 1e-3) / (1 + 1e-3 * ROOTS))
        head = logits[row] - np.log(np.exp(logits[row]).sum())
        mixed = 0.3 * head + 0.9 * votes
        np.testing.assert_allclose(found[row], mixed - np.log(np.exp(mixed).sum()), atol=1e-4)


def test_far_from_all_that_was_taught_every_category_stays_possible() -> None:
    keys = np.repeat(np.eye(8, dtype=np.float32)[:1], 4, axis=0)
    votes = PhotoVotes(Remembered(keys, np.zeros(4, np.int64)), ROOTS, Rule(32.0, 0.0, 1.0))
    found = ask(votes, -keys[:1], np.zeros((1, ROOTS), np.float32))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 1, rtol=1e-5)


def test_the_rule_leans_on_whoever_is_right() -> None:
    taught, (vectors, codes) = Remembered(*cloud(300, 1)), cloud(200, 2)
    weak, strong = guess(codes, 0.2, 3), guess(codes, 0.97, 4)
    unknown = np.where(np.arange(200) % 4 == 0, -1, codes)
    by_weak, by_strong = (fit_votes(taught, vectors, one, unknown) for one in (weak, strong))
    assert by_weak is not None
    assert by_strong is not None
    assert by_weak.rule.sharpness in SHARPNESS
    assert by_weak.rule.votes > 3 * by_weak.rule.head
    assert by_strong.rule.head > by_weak.rule.head
    new, true = cloud(400, 5)
    mixed = ask(by_weak, new, guess(true, 0.2, 6))
    assert accuracy(mixed, true) > accuracy(guess(true, 0.2, 6), true) + 0.2


def test_votes_that_mislead_do_not_count() -> None:
    keys, codes = cloud(300, 1)
    vectors, true = cloud(200, 2)
    logits = guess(true, 0.9, 3)
    found = fit_votes(Remembered(keys, (codes + 1) % ROOTS), vectors, logits, true)
    assert found is not None
    assert found.rule.votes == 0
    assert found.rule.head > 0.5


def test_nobody_votes_where_nothing_is_taught_or_nothing_is_held_out() -> None:
    (keys, codes), nothing = cloud(10, 1), np.zeros((0, 8), np.float32)
    logits = np.zeros((10, ROOTS), np.float32)
    none = Remembered(nothing, np.zeros(0, np.int64))
    assert fit_votes(none, keys, logits, codes) is None
    assert fit_votes(Remembered(keys, codes), keys, logits, np.full(10, -1)) is None
    assert fit_votes(Remembered(keys, codes), nothing, logits[:0], codes[:0]) is None


def test_so_many_are_remembered_whose_category_is_known() -> None:
    codes = cloud(50, 1)[1]
    codes[::5] = -1
    assert draw_voters(codes, most=40, seed=7).tolist() == np.flatnonzero(codes >= 0).tolist()
    few, again, other = (draw_voters(codes, most=12, seed=seed).tolist() for seed in (7, 7, 8))
    assert len({*few}) == 12
    assert few == sorted(few) == again != other
    assert (codes[few] >= 0).all()


def test_votes_come_back_from_their_file(tmp_path: Path) -> None:
    votes = PhotoVotes(Remembered(*cloud(30, 1)), ROOTS, Rule(16.0, 0.25, 1.5))
    assert PhotoVotes.load(tmp_path, ROOTS) is None
    votes.save(tmp_path)
    again = PhotoVotes.load(tmp_path, ROOTS)
    assert again is not None
    assert again.rule == votes.rule
    vectors, logits = cloud(9, 2)[0], np.zeros((9, ROOTS), np.float32)
    np.testing.assert_array_equal(ask(again, vectors, logits), ask(votes, vectors, logits))
    (tmp_path / "votes.safetensors").write_bytes(b"torn")
    with pytest.raises(Corrupt, match=r"votes\.safetensors cannot be read.*train it again"):
        PhotoVotes.load(tmp_path, ROOTS)


def test_a_full_disk_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(training_loop, "write", full)
    votes = PhotoVotes(Remembered(*cloud(3, 1)), ROOTS, Rule(16.0, 0.25, 1.5))
    with pytest.raises(BadInput, match=r"votes\.safetensors .*No space left.*make room"):
        votes.save(tmp_path)
