"""Maps of photos lead, through the late blocks, to the whole network's features of those pixels."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from marketrank.errors import BadInput  # noqa: E402
from marketrank.models import photo_maps  # noqa: E402
from marketrank.models.backbones import LITES, EarlyBlocks, Lite, PooledFeatures, load  # noqa: E402
from marketrank.models.late_blocks import LateBlocks  # noqa: E402
from marketrank.models.photo_maps import PhotoMaps, map_photos  # noqa: E402
from marketrank.models.preprocess import grey_pixels, to_pixels  # noqa: E402

SIZE, SIDE = 64, 4
LITE0 = LITES["lite0"]


def file_of(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    return out.getvalue()


def photo(seed: int, bars: int = 0) -> bytes:
    """Blobs of colour, with black bars above and below."""
    coarse = np.random.default_rng(seed).integers(40, 256, (5, 5, 3), dtype=np.uint8)
    blobs = Image.fromarray(coarse).resize((96, 96), Image.Resampling.BILINEAR)
    framed = Image.new("RGB", (96, 96 + 2 * bars))
    framed.paste(blobs, (0, bars))
    return file_of(framed)


PHOTOS = {"a": photo(1), "b c": photo(2, bars=20), "torn": photo(3)[:300], "d": photo(4)}
KEYS = [*PHOTOS, "nowhere"]
READABLE = [True, True, False, True, False]


class Reader:
    """Reads PHOTOS, and keeps what was read."""

    def __init__(self, photos: dict[str, bytes] = PHOTOS) -> None:
        self.photos = photos
        self.read: list[str] = []

    def __call__(self, key: str) -> bytes:
        self.read.append(key)
        return self.photos[key]


def mapped(
    folder: Path,
    keys: Sequence[str] = ("a", "d"),
    read: Reader | None = None,
    networks: Sequence[Lite] = (LITE0,),
    **changes: Any,
) -> PhotoMaps:
    settings = {"size": SIZE, "variants": 3, "seed": 5, "threads": 1} | changes
    return map_photos(folder, keys, read or Reader(), networks, **settings)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def maps(cache: Path) -> PhotoMaps:
    return mapped(cache, KEYS, networks=[LITE0, LITES["lite2"]])


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, networks: dict[str, Any]) -> None:
    """Early blocks in torch: to export them takes a second."""

    class Session:
        def __init__(self, lite: Lite) -> None:
            self.early = EarlyBlocks(networks[lite.name], lite.start)

        def run(self, _: object, inputs: dict[str, Any]) -> list[Any]:
            with torch.no_grad():
                return [self.early(torch.from_numpy(inputs["pixels"])).numpy()]

    monkeypatch.setattr(photo_maps._Mapper, "_open", lambda _, lite: Session(lite))


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    return {name: load(lite) for name, lite in LITES.items()}


def features(networks: dict[str, Any], pixels: list[Any], name: str) -> Any:
    with torch.no_grad():
        return PooledFeatures(networks[name])(torch.from_numpy(np.stack(pixels)))


@pytest.mark.parametrize("name", LITES)
@pytest.mark.parametrize("variant", [0, 1])
def test_maps_lead_to_the_features_of_the_photo_and_its_mirror_image(
    maps: PhotoMaps, networks: dict[str, Any], name: str, variant: int
) -> None:
    """As near as half precision is."""
    known = [place for place, ok in enumerate(READABLE) if ok]
    pixels = [to_pixels(PHOTOS[KEYS[place]], SIZE, crop=True) for place in known]
    mirrored = [np.ascontiguousarray(one[:, ::-1]) for one in pixels]
    late = LateBlocks(networks[name], start=LITES[name].start, side=SIDE)
    with torch.no_grad():
        found = late(torch.from_numpy(maps.maps[name][known, variant]).float())
    expected = features(networks, (pixels, mirrored)[variant], name)
    other = features(networks, (mirrored, pixels)[variant], name)
    assert (found - expected).abs().max() < 0.03
    assert (found - other).abs().max() > 0.3


def test_maps_have_a_row_for_each_variant_and_photo(maps: PhotoMaps) -> None:
    assert list(maps.maps) == ["lite0", "lite2"]
    for name, found in maps.maps.items():
        assert found.shape == (5, 3, LITES[name].channels, SIDE, SIDE)
        assert found.dtype == np.float16
    assert (len(maps), maps.variants) == (5, 3)


def test_an_unreadable_photo_is_marked_and_grey(maps: PhotoMaps, networks: dict[str, Any]) -> None:
    assert maps.readable.tolist() == READABLE
    with torch.no_grad():
        early = EarlyBlocks(networks["lite0"], LITE0.start)
        grey = early(torch.from_numpy(grey_pixels(SIZE)[np.newaxis])).numpy()[0]
    for place in (2, 4):
        for variant in range(3):
            assert np.abs(maps.maps["lite0"][place, variant] - grey).max() < 0.02


def test_what_is_cached_is_not_read_again(cache: Path, maps: PhotoMaps) -> None:
    read = Reader()
    again = mapped(cache, KEYS, read, [LITE0, LITES["lite2"]], threads=2)
    assert read.read == []
    assert all((again.maps[name] == maps.maps[name]).all() for name in maps.maps)
    assert again.readable.tolist() == READABLE


@pytest.mark.usefixtures("opened")
def test_of_a_changed_feed_only_new_photos_are_read(tmp_path: Path) -> None:
    before = mapped(tmp_path).maps["lite0"].copy()
    read = Reader()
    after = mapped(tmp_path, ("b c", "d", "a"), read).maps["lite0"]
    assert set(read.read) == {"b c"}
    assert (after[[2, 1]] == before).all()


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"size": 96},
        {"variants": 2},
        {"networks": [LITES["lite2"]]},
    ],
)
def test_what_decides_the_maps_tells_caches_apart(tmp_path: Path, change: dict[str, Any]) -> None:
    mapped(tmp_path)
    read = Reader()
    mapped(tmp_path, read=read, **change)
    assert set(read.read) == {"a", "d"}


@pytest.mark.usefixtures("opened")
def test_crops_are_the_seeds_and_each_another(tmp_path: Path) -> None:
    one = mapped(tmp_path / "one", variants=4).maps["lite0"]
    same = mapped(tmp_path / "same", ("d", "nowhere", "a"), variants=4, threads=2).maps["lite0"]
    other = mapped(tmp_path / "other", variants=4, seed=6).maps["lite0"]
    # Nor do they depend on the other photos; half precision hides how batches differ.
    assert np.abs(one - same[[2, 0]]).max() < 0.02
    for place in (0, 1):
        assert (one[place, :2] == other[place, :2]).all()
        drawn = [*one[place], *other[place, 2:]]
        for n, first in enumerate(drawn):
            assert all(np.abs(first - second).max() > 0.1 for second in drawn[n + 1 :])


@pytest.mark.usefixtures("opened")
def test_bars_do_not_come_back_in_crops(tmp_path: Path) -> None:
    """All that can be cut from a plain photo is plain, however it lay in its frame."""
    plain = Image.new("RGB", (96, 96), (180, 180, 180))
    frame = Image.new("RGB", (96, 160))
    frame.paste(plain, (0, 32))
    wide = Image.new("RGB", (160, 64), (180, 180, 180))
    photos = {"plain": file_of(plain), "framed": file_of(frame), "wide": file_of(wide)}
    found = mapped(tmp_path, list(photos), Reader(photos), variants=5).maps["lite0"]
    assert np.abs(found - found[0, 0]).max() < 0.02


@pytest.mark.usefixtures("opened")
def test_no_photos_are_no_maps(tmp_path: Path) -> None:
    found = mapped(tmp_path, ())
    assert found.maps["lite0"].shape == (0, 3, LITE0.channels, SIDE, SIDE)
    assert len(found) == 0


@pytest.mark.parametrize("size", [48, 80, 225])
def test_a_size_that_strides_do_not_divide_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(BadInput, match=f"{size} pixels do not divide by 32; give 224"):
        mapped(tmp_path, size=size)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("opened")
def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    mapped(tmp_path, progress=lambda stage, done, total: seen.append((stage, done, total)))
    assert seen == [("early blocks", 0, 2), ("early blocks", 2, 2)]
