"""Small photos as numbers: what is seen, and what a bad photo does."""

import io

import numpy as np
import pytest
from PIL import Image

from marketrank.models import small_photos
from marketrank.models.small_photos import WIDTH, describe

COLOURS = 4 * 64
EDGES = WIDTH - COLOURS - 3 * 64


def jpeg(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "JPEG", quality=95)
    return out.getvalue()


def stripes(*, upright: bool) -> np.ndarray:
    wave = np.where(np.arange(128) // 8 % 2, 220, 30)
    picture = np.broadcast_to(wave if upright else wave[:, None], (128, 128))
    return np.stack([picture] * 3, axis=-1)


def test_edges_tell_bearings() -> None:
    described, readable = describe([jpeg(stripes(upright=True)), jpeg(stripes(upright=False))])
    assert readable.all()
    assert described.shape == (2, WIDTH)
    blocks = described[:, :EDGES].reshape(2, -1, 4, 9).sum(axis=(1, 2))
    assert blocks[0].argmax() in (0, 8)  # a gradient to the right
    assert blocks[1].argmax() in (4, 5)  # a gradient downwards
    assert np.isfinite(described).all()


def test_colours_tell_quarters() -> None:
    picture = np.zeros((64, 64, 3))
    picture[32:, 32:] = (255, 0, 0)
    described, _ = describe([jpeg(picture)])
    colours = described[0, EDGES : EDGES + COLOURS].reshape(4, 64)
    assert colours[0].argmax() == 0
    assert colours[3].argmax() == 3 * 16
    assert (colours**2).sum(axis=1) == pytest.approx(1)
    tiny = described[0, EDGES + COLOURS :].reshape(8, 8, 3)
    assert tiny[7, 7] == pytest.approx([0.5, -0.5, -0.5], abs=0.02)
    assert tiny[0, 0] == pytest.approx(-0.5, abs=0.02)


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [jpeg(np.full((64, 64, 3), shade)) for shade in (10, 90, 250)]
    whole, _ = describe(photos)
    monkeypatch.setattr(small_photos, "_AT_ONCE", 2)
    assert np.array_equal(describe(iter(photos))[0], whole)


def test_a_bad_photo_costs_itself() -> None:
    good = jpeg(stripes(upright=True))
    described, readable = describe([b"", good, good[: len(good) // 2], b"no photo"])
    assert readable.tolist() == [False, True, False, False]
    assert np.array_equal(described[1:2], describe([good])[0])
    assert np.array_equal(described[0], described[3])


def test_no_photos_are_no_rows() -> None:
    described, readable = describe([])
    assert described.shape == (0, WIDTH)
    assert readable.shape == (0,)
