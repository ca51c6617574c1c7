"""What a network sees in photos: a row for each that can be read."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from marketrank.models import vision_training  # noqa: E402
from marketrank.models.networks import small_cnn  # noqa: E402
from marketrank.models.preprocess import to_pixels  # noqa: E402
from marketrank.models.vision_training import see_by_network  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def jpeg(seed: int) -> bytes:
    """Blobs of colour between black bars."""
    draw = np.random.default_rng(seed).integers(60, 256, (4, 4, 3), dtype=np.uint8)
    framed = Image.new("RGB", (64, 64))
    framed.paste(Image.fromarray(draw).resize((64, 40)), (0, 12))
    out = io.BytesIO()
    framed.save(out, "JPEG")
    return out.getvalue()


PHOTOS = {str(n): jpeg(n) for n in range(5)} | {"torn": jpeg(9)[:-200]}
KEYS = ["0", "torn", "1", "2", "gone", "3", "4"]


def test_photos_are_seen_in_order_and_as_when_serving(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vision_training, "_AT_ONCE", 3)  # batches with and without unreadable ones
    network = small_cnn(3, seed=1)
    network.module.train()
    seen = see_by_network(network, KEYS, PHOTOS.__getitem__)
    assert seen.rows.tolist() == [0, 2, 3, 5, 6]
    np.testing.assert_allclose(np.linalg.norm(seen.vectors, axis=1), 1, rtol=1e-5)
    for row, logits, vector in zip(seen.rows, seen.logits, seen.vectors, strict=True):
        pixels = torch.tensor(to_pixels(PHOTOS[KEYS[row]], 96, crop=True))[None]
        with torch.inference_mode():
            features = network.module.eval().features(pixels)[0].numpy()
            expected = network.module(pixels)[0].numpy()
        np.testing.assert_allclose(vector, features / np.linalg.norm(features), atol=1e-5)
        np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_of_no_photo_nothing_is_seen() -> None:
    network = small_cnn(3, seed=1)
    for keys in ([], ["torn"]):
        seen = see_by_network(network, keys, PHOTOS.__getitem__)
        assert len(seen.rows) == len(seen.logits) == 0
        assert seen.vectors.shape == (0, network.width)
