"""Features of photos come from the right rows, and from late blocks as from whole networks."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
efficientnet = pytest.importorskip("efficientnet_lite_pytorch")

from marketrank.models import photo_tower  # noqa: E402
from marketrank.models.backbones import LITES, EarlyBlocks, PooledFeatures  # noqa: E402
from marketrank.models.photo_maps import PhotoMaps  # noqa: E402
from marketrank.models.photo_tower import (  # noqa: E402
    Blend,
    FixedPhotos,
    PhotoTower,
    TunedPhotos,
)

SIZE, SIDE = 64, 4
CPU = torch.device("cpu")
Networks = dict[str, Any]


def random_network(name: str) -> Any:
    made = efficientnet.EfficientNet.from_name(f"efficientnet-{name}", image_size=SIZE).eval()
    with torch.no_grad():  # random statistics: those of a new norm would hide a wrong fold
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.3, 1.0)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
    return made


@pytest.fixture(scope="module")
def networks() -> Networks:
    torch.manual_seed(1)
    return {name: random_network(name) for name in ("lite2", "lite0")}


@pytest.fixture(scope="module")
def pixels() -> Any:
    draw = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (3, SIZE, SIZE, 3), dtype=torch.uint8, generator=draw)


@pytest.fixture(scope="module")
def maps(networks: Networks, pixels: Any) -> list[Any]:
    with torch.no_grad():
        return [EarlyBlocks(one, LITES[name].start)(pixels) for name, one in networks.items()]


def pooled(networks: Networks, pixels: Any) -> Any:
    with torch.no_grad():
        return torch.cat([PooledFeatures(one)(pixels) for one in networks.values()], dim=1)


# PhotoTower


def test_features_are_the_networks_own_side_by_side(
    networks: Networks, pixels: Any, maps: list[Any]
) -> None:
    tower = PhotoTower(networks, side=SIDE)
    expected = pooled(networks, pixels)
    with torch.no_grad():
        found = tower(maps)
    assert found.shape == (3, 2560)
    assert tower.width == 2560
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_as_many_maps_as_networks_are_asked_for(networks: Networks, maps: list[Any]) -> None:
    with pytest.raises(ValueError, match="zip"):
        PhotoTower(networks, side=SIDE)(maps[:1])


def test_what_was_tuned_goes_back_into_each_network(
    networks: Networks, pixels: Any, maps: list[Any]
) -> None:
    tower = PhotoTower(networks, side=SIDE)
    before = pooled(networks, pixels)
    with torch.no_grad():
        for value in tower.parameters():
            value.mul_(1.05)
        expected = tower(maps)
        assert torch.equal(pooled(networks, pixels), before)  # it has copies
        tuned = copy.deepcopy(networks)
        tower.write_back(tuned)
    found = pooled(tuned, pixels)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    for half in (slice(1280), slice(1280, None)):
        assert (found - before)[:, half].abs().max() > 0.05


# TunedPhotos


def cached(n: int = 5) -> PhotoMaps:
    """Two variants of n photos."""
    draw = np.random.default_rng(3)
    shapes = {name: (n, 2, LITES[name].channels, SIDE, SIDE) for name in ("lite0", "lite2")}
    made = {name: draw.normal(size=shape).astype(np.float16) for name, shape in shapes.items()}
    return PhotoMaps(made, np.ones(n, np.bool_))


def test_maps_know_how_many_they_are() -> None:
    assert (len(cached(4)), cached(4).variants) == (4, 2)


def test_a_photo_and_variant_is_found_by_its_row(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_tower, "_AT_ONCE", 3)
    tower, stored = PhotoTower(networks, side=SIDE), cached()
    sizes: list[int] = []
    tower.register_forward_hook(lambda _m, _args, out: sizes.append(len(out)))
    photos = TunedPhotos(tower, stored, CPU)
    rows, variants = torch.tensor([4, 0, 0, 3, 1, 2, 4]), torch.tensor([1, 0, 1, 0, 1, 0, 1])
    with torch.no_grad():
        found = photos(rows, variants)
        assert sizes == [3, 3, 1]
        for place, (row, variant) in enumerate(zip(rows.tolist(), variants.tolist(), strict=True)):
            # The networks' order is the tower's, whatever that of the maps.
            own = [torch.from_numpy(stored.maps[n][[row], variant]).float() for n in networks]
            torch.testing.assert_close(found[[place]], tower(own), rtol=1e-4, atol=1e-4)
    assert photos.variants == 2


def test_a_blend_is_of_the_maps_before_the_tower(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_tower, "_AT_ONCE", 2)
    tower, stored = PhotoTower(networks, side=SIDE), cached()
    photos = TunedPhotos(tower, stored, CPU)
    rows, variants = torch.tensor([4, 0, 1]), torch.tensor([1, 0, 1])
    blend = Blend(torch.tensor([2, 3, 4]), torch.tensor([0, 1, 1]), 0.75)
    with torch.no_grad():
        found = photos(rows, variants, blend)
        own, laid = photos._read(rows, variants), photos._read(blend.rows, blend.variants)
        mixed = [0.75 * a + 0.25 * b for a, b in zip(own, laid, strict=True)]
        torch.testing.assert_close(found, tower(mixed), rtol=1e-4, atol=1e-4)
        whole = Blend(blend.rows, blend.variants, 1.0)
        torch.testing.assert_close(photos(rows, variants, whole), photos(rows, variants))


def test_gradients_reach_the_tower(networks: Networks) -> None:
    tower = PhotoTower({"lite0": networks["lite0"]}, side=SIDE)
    photos = TunedPhotos(tower, cached(), CPU)
    photos(torch.tensor([0, 1]), torch.tensor([1, 0])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in tower.parameters())


# FixedPhotos


def test_a_table_is_read_by_variant_and_row() -> None:
    table = np.arange(5 * 2 * 3, dtype=np.float16).reshape(5, 2, 3)
    photos = FixedPhotos(table)
    found = photos(torch.tensor([4, 0, 4]), torch.tensor([0, 1, 1]))
    assert found.dtype == torch.float32
    assert found.tolist() == [[24, 25, 26], [3, 4, 5], [27, 28, 29]]
    assert photos.variants == 2
    blend = Blend(torch.tensor([0, 4, 0]), torch.tensor([1, 0, 1]), 0.5)
    mixed = photos(torch.tensor([4, 0, 4]), torch.tensor([0, 1, 1]), blend)
    assert mixed.tolist() == [[13.5, 14.5, 15.5], [13.5, 14.5, 15.5], [15, 16, 17]]


@pytest.mark.parametrize("kind", ["fixed", "tuned"])
def test_no_photos_have_features_of_the_width(networks: Networks, kind: str) -> None:
    made: dict[str, tuple[Callable[[], Any], int]] = {
        "fixed": (lambda: FixedPhotos(np.zeros((5, 2, 3), np.float32)), 3),
        "tuned": (lambda: TunedPhotos(PhotoTower(networks, side=SIDE), cached(), CPU), 2560),
    }
    open_photos, width = made[kind]
    nothing = torch.empty(0, dtype=torch.int64)
    assert open_photos()(nothing, nothing).shape == (0, width)
