"""The last blocks of an EfficientNet-Lite as plain matrix products: what fine-tuning trains on a
CPU, on cached outputs of the blocks before. Needs the extra [train].

PyTorch trains depthwise convolutions slowly on CPUs: they are many tiny sums. On the small maps of
the last blocks (14 × 14 and below) the depthwise convolution of one channel is a product with a
(positions × positions) matrix that repeats the k² weights (a Toeplitz matrix), so that a block is
three large products and nothing else. Maps lie as (channels, photos, positions) throughout:
1 × 1 convolutions and the products per channel both read that without moving anything.

Batch norms are folded into the weights before them. Their statistics stay those of ImageNet, as
usual when batches are small (He et al., "Mask R-CNN", ICCV 2017, freeze them likewise).
"""

from collections.abc import Sequence
from typing import Any, cast

import torch

_RELU6 = 6.0


class LateBlocks(torch.nn.Module):
    """Blocks `start` … last of an `efficientnet_lite_pytorch.EfficientNet`, its head convolution
    and the mean over positions: maps (n, channels, side, side) to features (n, 1280).

    Computes what the network in evaluation mode does, up to rounding. The network is not changed;
    `write_back` puts what was trained into it.
    """

    def __init__(self, network: Any, *, start: int, side: int) -> None:
        super().__init__()
        self.start = start
        blocks: list[_Block] = []
        for block in network._blocks[start:]:
            blocks.append(_Block(block, side))
            side = blocks[-1].side_out
        self.blocks = torch.nn.ModuleList(blocks)
        self.head, self.head_bias = _folded(network._conv_head, network._bn1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        n = maps.shape[0]
        x = maps.flatten(2).transpose(0, 1).contiguous()
        for block in self.blocks:
            x = block(x)
        return (
            _pointwise(x, self.head, self.head_bias)
            .clamp(0, _RELU6)
            .view(-1, n, x.shape[2])
            .mean(2)
            .T
        )

    @torch.no_grad()
    def write_back(self, network: Any) -> None:
        """Set the network's weights so that it computes, with its own convolutions, what this
        does: for the export."""
        for mine, theirs in zip(self.blocks, network._blocks[self.start :], strict=True):
            cast("_Block", mine).write_back(theirs)
        _unfold(self.head, self.head_bias, network._conv_head, network._bn1)


class _Block(torch.nn.Module):
    """One inverted residual (Sandler et al., "MobileNetV2", CVPR 2018): (channels, n, positions) to
    the same of fewer or as many positions."""

    repeats: torch.Tensor

    def __init__(self, block: Any, side: int) -> None:
        super().__init__()
        arguments = block._block_args
        stride = _stride(arguments.stride)
        self.expand, self.expand_bias = _folded(block._expand_conv, block._bn0)
        self.depthwise, self.depthwise_bias = _folded(block._depthwise_conv, block._bn1)
        self.project, self.project_bias = _folded(block._project_conv, block._bn2)
        repeats = toeplitz(side, kernel=arguments.kernel_size, stride=stride)
        self.side_out = -(-side // stride)
        self.positions = (side**2, self.side_out**2)
        self.register_buffer("repeats", repeats, persistent=False)
        self.residual = stride == 1 and arguments.input_filters == arguments.output_filters

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[1]
        before, after = self.positions
        wide = _pointwise(x, self.expand, self.expand_bias).clamp(0, _RELU6).view(-1, n, before)
        matrices = (self.depthwise @ self.repeats).view(-1, before, after)
        wide = torch.bmm(wide, matrices) + self.depthwise_bias.unsqueeze(2)
        narrow = _pointwise(wide.clamp(0, _RELU6), self.project, self.project_bias)
        narrow = narrow.view(-1, n, after)
        return narrow + x if self.residual else narrow

    def write_back(self, block: Any) -> None:
        _unfold(self.expand, self.expand_bias, block._expand_conv, block._bn0)
        _unfold(self.depthwise, self.depthwise_bias, block._depthwise_conv, block._bn1)
        _unfold(self.project, self.project_bias, block._project_conv, block._bn2)


def toeplitz(side: int, *, kernel: int, stride: int) -> torch.Tensor:
    """Shape (kernel², side² · out²), zeros and ones: a channel's k² weights times this is the
    matrix, flattened, by which its positions are multiplied.

    Padding is TensorFlow's "same", as in the published weights: of an odd sum the larger half is
    on the right.
    """
    out = -(-side // stride)
    before = max((out - 1) * stride + kernel - side, 0) // 2
    repeats = torch.zeros(kernel * kernel, side, side, out, out)
    for row_out in range(out):
        for row in range(kernel):
            y = row_out * stride + row - before
            if not 0 <= y < side:
                continue
            for column_out in range(out):
                for column in range(kernel):
                    x = column_out * stride + column - before
                    if 0 <= x < side:
                        repeats[row * kernel + column, y, x, row_out, column_out] = 1
    return repeats.flatten(1)


def _pointwise(x: torch.Tensor, weights: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """A 1 × 1 convolution; the result has shape (channels, n · positions)."""
    return torch.addmm(bias, weights, x.reshape(x.shape[0], -1))


def _folded(convolution: Any, norm: Any) -> tuple[torch.nn.Parameter, torch.nn.Parameter]:
    """Weights (out, inputs · k²) and bias (out, 1) of a convolution and the norm after it."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weights = (convolution.weight.flatten(1) * scale[:, None]).detach()
    bias = (norm.bias - norm.running_mean * scale).detach()[:, None]
    return torch.nn.Parameter(weights.clone()), torch.nn.Parameter(bias.clone())


def _unfold(weights: torch.Tensor, bias: torch.Tensor, convolution: Any, norm: Any) -> None:
    """The norm keeps its statistics and scale; weights and shift take up what was trained."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    convolution.weight.copy_((weights / scale[:, None]).view_as(convolution.weight))
    norm.bias.copy_(bias[:, 0] + norm.running_mean * scale)


def _stride(stride: int | Sequence[int]) -> int:
    return stride if isinstance(stride, int) else stride[0]
