"""The fusion counts what is there, says how much, and ignores what is not."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import normalize  # noqa: E402

from marketrank.models.fusion_head import FusionHead, drop_modalities  # noqa: E402

DIM = 8


@pytest.fixture
def head() -> FusionHead:
    torch.manual_seed(0)
    return FusionHead(DIM)


def rows(*shape: int) -> "torch.Tensor":
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))
    return normalize(made, dim=-1)


def flags(*values: object) -> "torch.Tensor":
    return torch.tensor(values, dtype=torch.bool)


def test_a_listing_with_both_lies_between_them(head: FusionHead) -> None:
    text, photos = rows(1, DIM), rows(1, 1, DIM)
    fused, weights = head(text, photos, flags(True), flags([True]))
    expected = weights[0, 0] * text[0] + weights[0, 1] * photos[0, 0]
    torch.testing.assert_close(fused[0], normalize(expected, dim=0))
    assert float(weights.sum()) == pytest.approx(1)
    assert float(weights.min()) > 0


def test_one_modality_counts_alone_and_is_kept_as_it_is(head: FusionHead) -> None:
    text, photos = rows(2, DIM), rows(2, 1, DIM)
    fused, weights = head(text, photos, flags(True, False), flags([False], [True]))
    assert weights.tolist() == [[1, 0], [0, 1]]
    torch.testing.assert_close(fused[0], text[0])
    torch.testing.assert_close(fused[1], photos[1, 0])


def test_what_is_absent_does_not_matter(head: FusionHead) -> None:
    text, photos = rows(2, DIM), rows(2, 3, DIM)
    has_text, has_photo = flags(True, False), flags([True, False, True], [True, True, False])
    first = head(text, photos, has_text, has_photo)
    other_text, other_photos = text.clone(), photos.clone()
    other_text[1], other_photos[0, 1], other_photos[1, 2] = 7, 7, 7
    second = head(other_text, other_photos, has_text, has_photo)
    for one, two in zip(first, second, strict=True):
        torch.testing.assert_close(one, two)
    other_photos[0, 0] = -photos[0, 0]
    assert not torch.allclose(head(text, other_photos, has_text, has_photo)[0], first[0])


def test_the_order_of_photos_does_not_matter(head: FusionHead) -> None:
    text, photos = rows(1, DIM), rows(1, 3, DIM)
    every = flags([True, True, True])
    one = head(text, photos, flags(True), every)[0]
    torch.testing.assert_close(head(text, photos.flip(1), flags(True), every)[0], one)


def test_a_listing_with_nothing_gives_zeros_and_finite_gradients(head: FusionHead) -> None:
    text, photos = rows(2, DIM).requires_grad_(), rows(2, 2, DIM).requires_grad_()
    fused, weights = head(text, photos, flags(True, False), flags([True] * 2, [False] * 2))
    assert fused[1].abs().sum() == 0
    assert weights[1].tolist() == [0, 0]
    fused.sum().backward()
    parts = [text.grad, photos.grad, *(p.grad for p in head.parameters())]
    assert all(part is not None and bool(part.isfinite().all()) for part in parts)


def test_the_gate_learns_which_modality_tells(head: FusionHead) -> None:
    """Texts are noise, photos are the target: photos end up counting most."""
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    every = torch.ones(32, dtype=torch.bool)
    for _ in range(60):
        text, photos = (normalize(torch.randn(32, DIM), dim=1) for _ in range(2))
        fused, weights = head(text, photos[:, None], every, every[:, None])
        loss = (1 - (fused * photos).sum(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(weights[:, 1].mean()) > 0.8


def test_dropout_hides_the_shares_asked_for_and_never_all() -> None:
    n = 4000
    has_text = torch.arange(n) % 4 != 0
    has_photo = torch.stack([torch.arange(n) % 4 != 1, torch.arange(n) % 4 == 2], dim=1)
    generator = torch.Generator().manual_seed(5)
    text, photo = drop_modalities(has_text, has_photo, text=0.3, photos=0.2, generator=generator)
    both = has_text & has_photo.any(1)
    assert torch.equal(text[~both], has_text[~both])
    assert torch.equal(photo[~both], has_photo[~both])
    assert bool((text | photo.any(1)).all())
    assert float((~text[both]).float().mean()) == pytest.approx(0.3, abs=0.04)
    assert float((~photo.any(1)[both]).float().mean()) == pytest.approx(0.2, abs=0.04)
    kept = photo.any(1)
    assert torch.equal(photo[kept], has_photo[kept])
    again = drop_modalities(
        has_text, has_photo, text=0.3, photos=0.2, generator=torch.Generator().manual_seed(5)
    )
    assert torch.equal(again[0], text)
