import io
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from marketrank.errors import BadInput  # noqa: E402
from marketrank.models.augment import Augment  # noqa: E402
from marketrank.models.photo_data import ListingData, PhotoData, collate  # noqa: E402
from marketrank.models.preprocess import grey_pixels, to_pixels  # noqa: E402

SIZE = 16


def jpeg(seed: int) -> bytes:
    """Blobs of colour between black bars."""
    draw = np.random.default_rng(seed).integers(60, 256, (4, 4, 3), dtype=np.uint8)
    framed = Image.new("RGB", (64, 64))
    framed.paste(Image.fromarray(draw).resize((64, 48), Image.Resampling.BICUBIC), (0, 8))
    out = io.BytesIO()
    framed.save(out, "JPEG")
    return out.getvalue()


PHOTOS = {f"p{n}": jpeg(n) for n in range(6)} | {"torn": jpeg(9)[:-300], "text": b"no picture"}
KEYS = [*PHOTOS, "gone"]
BAD = {"torn", "text", "gone"}


def photos(keys: Sequence[str] = KEYS, **changed: Any) -> PhotoData:
    codes = np.arange(len(keys), dtype=np.int64) % 3
    return PhotoData(keys, codes, **({"read": PHOTOS.__getitem__, "size": SIZE} | changed))


def listings(**changed: Any) -> ListingData:
    keys = [["p0", "p1", "p2"], [], ["torn", "p3"], ["gone"]]
    arguments = {"read": PHOTOS.__getitem__, "size": SIZE, "k": 2} | changed
    return ListingData(list("abcd"), keys, np.array([0, 1, -1, 2]), **arguments)


def seen(key: str, crop: bool = True) -> Any:
    """As towers read it."""
    return to_pixels(PHOTOS[key], SIZE, crop=crop)


def load(data: PhotoData, epoch: int, workers: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    data.set_epoch(epoch)
    parts = list(DataLoader(data, batch_size=4, num_workers=workers))
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def test_items_are_pixels_as_towers_read_them_and_codes() -> None:
    data = photos()
    assert len(data) == len(KEYS)
    for index in range(6):
        pixels, code = data[index]
        assert pixels.dtype == torch.uint8
        assert (pixels.numpy() == seen(KEYS[index])).all()
        assert code == index % 3


def test_bars_are_cut_off_unless_they_are_wanted() -> None:
    whole = seen("p0", crop=False)
    assert (whole[0] < 50).all()
    assert (seen("p0")[0] > 50).any()
    assert (photos(crop=False)[0][0].numpy() == whole).all()
    assert (listings(crop=False)[0].pixels[0].numpy() == whole).all()
    still = Augment(smallest_area=1.0, ratio=1.0, mirror=0.0)
    for crop in (True, False):
        assert (photos(augment=still, crop=crop)[0][0].numpy() == seen("p0", crop=crop)).all()


def test_a_photo_that_cannot_be_read_is_grey_unlabelled_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = photos()
    for epoch in (1, 2):
        pixels, codes = load(data, epoch)
        for row, key in enumerate(KEYS):
            assert (codes[row] == -1) == (key in BAD)
            assert bool((pixels[row].numpy() == grey_pixels(SIZE)).all()) == (key in BAD)
    logged = [record.getMessage() for record in caplog.records]
    assert len(logged) == 3
    assert all(any(key in line for line in logged) for key in BAD)


def test_what_a_worker_logged_is_not_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    data = photos()
    load(data, 1, workers=1)
    with caplog.at_level(logging.WARNING):
        load(data, 2)
    assert caplog.records == []


def test_a_store_that_fails_is_no_bad_photo() -> None:
    def down(key: str) -> bytes:
        raise ConnectionError(key)

    with pytest.raises(ConnectionError):
        photos(read=down)[0]


def test_the_same_seed_and_epoch_give_the_same_pixels_for_any_number_of_workers() -> None:
    first, codes = load(photos(augment=Augment(), seed=3), epoch=2)
    again, again_codes = load(photos(augment=Augment(), seed=3), epoch=2, workers=2)
    assert torch.equal(first, again)
    assert torch.equal(codes, again_codes)


def test_seed_epoch_and_index_each_change_the_pixels() -> None:
    data = photos(["p0", "p0"], augment=Augment(), seed=3)
    first, _ = load(data, epoch=1)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, load(data, epoch=2)[0])
    other = photos(["p0", "p0"], augment=Augment(), seed=4)
    assert not torch.equal(first, load(other, epoch=1)[0])


def test_nothing_is_augmented_unasked() -> None:
    data = photos(seed=1)
    assert torch.equal(load(data, 1)[0], load(data, 2)[0])


def test_augmented_photos_are_not_enlarged() -> None:
    """A quarter of the area, at twice the size: not a mosaic of the pixels that `size` would have.
    Fine stripes survive in the crop, which decoding at `size` would have blurred away."""
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 3::4] = 255  # no dark bar at the edges
    out = io.BytesIO()
    Image.fromarray(stripes).save(out, "JPEG", quality=95)
    augment = Augment(smallest_area=0.25, ratio=1.0, mirror=0.0)
    data = photos(["s"] * 8, read=lambda _: out.getvalue(), size=SIZE, augment=augment)
    plain = photos(["s"], read=lambda _: out.getvalue(), size=SIZE)[0][0].float().std()
    assert max(data[index][0].float().std() for index in range(8)) > 3 * plain


def test_codes_must_fit() -> None:
    with pytest.raises(BadInput, match=r"2 keys.*\(3,\)"):
        PhotoData(["a", "b"], np.zeros(3, np.int64), read=PHOTOS.__getitem__, size=SIZE)


def test_listings_come_with_their_first_photos() -> None:
    data = listings()
    item = data[0]
    assert (item.row, item.text, item.code, len(data)) == (0, "a", 0, 4)
    for slot, key in enumerate(("p0", "p1")):
        assert (item.pixels[slot].numpy() == seen(key)).all()
    assert item.present.tolist() == [True, True]


def test_a_batch_of_listings_says_which_photos_are_there(caplog: pytest.LogCaptureFixture) -> None:
    data = listings()
    for _ in range(2):
        batch = next(iter(DataLoader(data, batch_size=4, collate_fn=collate)))
    assert batch.rows.tolist() == [0, 1, 2, 3]
    assert batch.texts == ("a", "b", "c", "d")
    assert batch.codes.tolist() == [0, 1, -1, 2]
    assert batch.pixels.shape == (4, 2, SIZE, SIZE, 3)
    assert batch.present.tolist() == [[True, True], [False, False], [False, True], [False, False]]
    assert (batch.pixels[~batch.present].numpy() == grey_pixels(SIZE)).all()
    assert (batch.pixels[2, 1].numpy() == seen("p3")).all()
    assert len(caplog.records) == 2


def test_listings_are_augmented_by_epoch() -> None:
    one, other = listings(augment=Augment()), listings(augment=Augment())
    one.set_epoch(1)
    other.set_epoch(1)
    first = one[0].pixels
    assert torch.equal(first, other[0].pixels)
    one.set_epoch(2)
    assert not torch.equal(first, one[0].pixels)
    assert torch.equal(listings()[0].pixels, listings(seed=8)[0].pixels)


@pytest.mark.parametrize("keys, k", [([["a"]], 1), ([["a"], []], 0)])
def test_listings_need_a_list_of_photos_each(keys: list[list[str]], k: int) -> None:
    with pytest.raises(BadInput, match=f"{len(keys)} lists of photos, of which to load {k}"):
        ListingData(
            ["x", "y"], keys, np.zeros(2, np.int64), read=PHOTOS.__getitem__, size=SIZE, k=k
        )
