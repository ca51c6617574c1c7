"""The late blocks compute, and train, what the network's convolutions do."""

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
efficientnet = pytest.importorskip("efficientnet_lite_pytorch")

from marketrank.models.late_blocks import LateBlocks, toeplitz  # noqa: E402

START, CHANNELS, SIDE = 14, 192, 7  # the last two blocks of Lite0


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(1)
    made = efficientnet.EfficientNet.from_name("efficientnet-lite0").eval()
    with torch.no_grad():  # random statistics: those of a new norm would hide a wrong fold
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.01, 0.1)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.5)
    return made


def by_convolution(network: Any, maps: Any, start: int = START) -> Any:
    for block in network._blocks[start:]:
        maps = block(maps)
    return network._bn1(network._conv_head(maps)).clamp(0, 6).mean((2, 3))


@pytest.mark.parametrize(
    ("kernel", "stride", "side"), [(3, 1, 7), (5, 1, 9), (5, 2, 14), (3, 2, 9)]
)
def test_a_depthwise_convolution_is_a_product_with_repeated_weights(
    kernel: int, stride: int, side: int
) -> None:
    torch.manual_seed(kernel * stride)
    maps, weights = torch.randn(4, side, side), torch.randn(kernel, kernel)
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    low, high = total // 2, total - total // 2
    padded = torch.nn.functional.pad(maps[:, None], (low, high, low, high))
    expected = torch.nn.functional.conv2d(padded, weights[None, None], stride=stride)
    matrix = (weights.flatten() @ toeplitz(side, kernel=kernel, stride=stride)).view(side**2, -1)
    torch.testing.assert_close(maps.flatten(1) @ matrix, expected.flatten(1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("start", "channels", "side"), [(START, CHANNELS, SIDE), (11, 112, 14)])
def test_features_are_the_networks_own(network: Any, start: int, channels: int, side: int) -> None:
    maps = torch.randn(3, channels, side, side)
    with torch.no_grad():
        found = LateBlocks(network, start=start, side=side)(maps)
        expected = by_convolution(network, maps, start)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_what_was_trained_goes_back_into_the_network(network: Any) -> None:
    late = LateBlocks(network, start=START, side=SIDE)
    before = [value.clone() for value in network.state_dict().values()]
    maps = torch.randn(4, CHANNELS, SIDE, SIDE)
    optimizer = torch.optim.SGD(late.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        (late(maps) - 1).square().mean().backward()
        optimizer.step()
    after = list(network.state_dict().values())
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))

    with torch.no_grad():
        tuned = copy.deepcopy(network)
        late.write_back(tuned)
        expected = late(maps)
        torch.testing.assert_close(by_convolution(tuned, maps), expected, rtol=1e-3, atol=1e-3)
        assert (by_convolution(network, maps) - expected).abs().max() > 0.05


def test_every_weight_is_trained(network: Any) -> None:
    late = LateBlocks(network, start=START, side=SIDE)
    late(torch.randn(2, CHANNELS, SIDE, SIDE)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in late.parameters())
