"""Heads give unit vectors and categories, and a gate makes one answer of a listing's several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
from torch.nn.functional import gelu, normalize  # noqa: E402

from marketrank.models.multimodal import Answer, Head, Multimodal, Recipe, pad  # noqa: E402

RECIPE = Recipe(dim=16, hidden=32)
OWNER = torch.tensor([0, 0, 2, 3, 3, 3])  # the photos' listings, of 5: 1 and 4 have none
EVERY = torch.ones(5, dtype=torch.bool)


def head() -> Head:
    torch.manual_seed(0)
    return Head(7, RECIPE, 0.4, roots=3, seconds=6)


def model() -> Multimodal:
    torch.manual_seed(0)
    made = Multimodal(text_features=7, photo_features=5, roots=3, seconds=6, recipe=RECIPE)
    return made.eval()


@pytest.fixture(scope="module")
def answers() -> tuple[Multimodal, Answer, Answer]:
    """A model, and its answers for the texts of 5 listings and their 6 photos."""
    made = model()
    with torch.no_grad():
        return made, made.texts(torch.randn(5, 7)), made.photos(torch.randn(6, 5))


# Head


def test_an_answer_has_unit_vectors_and_both_levels() -> None:
    answer = head().eval()(torch.randn(4, 7))
    shapes = answer.vectors.shape, answer.roots.shape, answer.seconds.shape
    assert shapes == ((4, 16), (4, 3), (4, 6))
    torch.testing.assert_close(answer.vectors.norm(dim=1), torch.ones(4))


def test_features_are_standardised_by_what_was_fitted() -> None:
    features = torch.randn(50, 7) * 4 + 9
    features[:, 2] = 5.0  # never varies
    fitted, plain = head().eval(), head().eval()
    fitted.fit(features)
    scaled = (features - features.mean(0)) / features.std(0, correction=0).clamp(min=1e-3)
    found, expected = fitted(features), plain(scaled)
    torch.testing.assert_close(found.vectors, expected.vectors, rtol=1e-2, atol=1e-2)
    assert (plain(features).vectors - expected.vectors).abs().max() > 0.1
    assert set(head().state_dict()) >= {"mean", "spread"}  # they travel with the weights


def test_the_hidden_layer_stands_beside_a_linear_map() -> None:
    one = head().eval()
    x = torch.randn(4, 7)
    hidden = gelu(one.norm(one.inner(x)))
    answer = one(x)
    torch.testing.assert_close(answer.vectors, normalize(one.outer(hidden) + one.beside(x), dim=1))
    logits = one.categories(hidden) + one.categories_beside(x)
    torch.testing.assert_close(torch.cat([answer.roots, answer.seconds], dim=1), logits)


def test_dropout_hides_features_and_hidden_units_in_training_only() -> None:
    one, x = head(), torch.randn(4, 7)
    dropped: list[float] = []
    one.dropout.register_forward_hook(lambda _m, _a, out: dropped.append((out == 0).float().mean()))
    first, second = one(x), one(x)
    assert not torch.equal(first.vectors, second.vectors)
    assert len(dropped) == 4
    assert all(0.1 < share < 0.7 for share in dropped)
    one.eval()
    assert torch.equal(one(x).vectors, one(x).vectors)


# Answer


def test_rows_of_an_answer_are_taken_together() -> None:
    answer = head().eval()(torch.randn(4, 7))
    rows = torch.tensor([3, 1])
    some = answer.at(rows)
    for name in ("vectors", "roots", "seconds"):
        assert torch.equal(getattr(some, name), getattr(answer, name)[rows])


def test_nothing_learns_through_a_fixed_answer() -> None:
    answer = head()(torch.randn(4, 7))
    fixed = answer.fixed()
    for name in ("vectors", "roots", "seconds"):
        assert getattr(answer, name).requires_grad
        assert not getattr(fixed, name).requires_grad
        assert torch.equal(getattr(fixed, name), getattr(answer, name))


# Multimodal


def test_each_tower_has_a_head_of_its_own_width_and_dropout() -> None:
    recipe = Recipe(dim=16, hidden=32, text_dropout=0.11, photo_dropout=0.22)
    made = Multimodal(text_features=7, photo_features=5, roots=3, seconds=6, recipe=recipe)
    assert (made.text.dropout.p, made.photo.dropout.p) == (0.11, 0.22)
    assert made.texts(torch.randn(2, 7)).vectors.shape == (2, 16)
    assert made.photos(torch.randn(2, 5)).vectors.shape == (2, 16)


def test_a_listing_without_photos_is_read_from_its_text_alone(
    answers: tuple[Multimodal, Answer, Answer],
) -> None:
    made, texts, photos = answers
    fused, weights = made.listings(texts, photos, OWNER, EVERY, EVERY)
    bare = torch.tensor([1, 4])
    assert weights[bare].tolist() == [[1, 0]] * 2
    torch.testing.assert_close(fused.vectors[bare], texts.vectors[bare])
    torch.testing.assert_close(fused.roots[bare], 2 * texts.roots[bare])
    torch.testing.assert_close(fused.seconds[bare], 2 * texts.seconds[bare])


def test_logits_are_mixed_by_the_weights_that_fuse_the_vectors(
    answers: tuple[Multimodal, Answer, Answer],
) -> None:
    made, texts, photos = answers
    fused, weights = made.listings(texts, photos, OWNER, EVERY, EVERY)
    torch.testing.assert_close(weights.sum(1), torch.ones(5))
    for row, own in ((0, [0, 1]), (2, [2]), (3, [3, 4, 5])):
        assert 0 < weights[row, 0] < 1
        for name in ("roots", "seconds"):
            words, pictures = getattr(texts, name)[row], getattr(photos, name)[own].mean(0)
            expected = 2 * (weights[row, 0] * words + weights[row, 1] * pictures)
            torch.testing.assert_close(getattr(fused, name)[row], expected)
        alone, alone_weights = made.fusion(
            texts.vectors[[row]],
            photos.vectors[own][None],
            EVERY[:1],
            torch.ones(1, len(own), dtype=torch.bool),
        )
        torch.testing.assert_close(fused.vectors[row], alone[0])
        torch.testing.assert_close(weights[row], alone_weights[0])


def test_what_may_not_count_does_not(answers: tuple[Multimodal, Answer, Answer]) -> None:
    made, texts, photos = answers
    has_text = torch.tensor([True, True, False, True, True])
    has_photo = torch.tensor([False, True, True, True, True])
    fused, weights = made.listings(texts, photos, OWNER, has_text, has_photo)
    assert weights[[0, 2]].tolist() == [[1, 0], [0, 1]]
    torch.testing.assert_close(fused.vectors[0], texts.vectors[0])
    torch.testing.assert_close(fused.roots[0], 2 * texts.roots[0])
    torch.testing.assert_close(fused.vectors[2], photos.vectors[2])
    torch.testing.assert_close(fused.seconds[2], 2 * photos.seconds[2])


def test_listings_without_any_photo_are_their_texts() -> None:
    made = model()
    texts, photos = made.texts(torch.randn(3, 7)), made.photos(torch.empty(0, 5))
    nobody, every = torch.empty(0, dtype=torch.int64), torch.ones(3, dtype=torch.bool)
    fused, weights = made.listings(texts, photos, nobody, every, every)
    torch.testing.assert_close(fused.vectors, texts.vectors)
    assert weights.tolist() == [[1, 0]] * 3


# pad


@given(st.lists(st.integers(0, 4), max_size=8))
def test_rows_are_padded_to_as_many_as_one_owner_has(counts: list[int]) -> None:
    n, m = len(counts), sum(counts)
    owner = torch.repeat_interleave(torch.arange(n), torch.tensor(counts, dtype=torch.int64))
    vectors = torch.arange(1, m + 1).float()[:, None] * torch.ones(1, 2)
    padded, present = pad(vectors, owner, n)
    assert padded.shape == (n, max([1, *counts]), 2)
    assert present.sum(1).tolist() == counts
    for row, count in enumerate(counts):
        assert present[row, :count].all()
        assert torch.equal(padded[row, :count], vectors[owner == row])
        assert not padded[row, count:].any()


def test_gradients_pass_padding() -> None:
    vectors = torch.randn(6, 2, requires_grad=True)
    pad(vectors, OWNER, 5)[0].sum().backward()
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, torch.ones(6, 2))
