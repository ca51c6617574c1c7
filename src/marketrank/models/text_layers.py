"""A pretrained text tower in two halves: layers that stay as they are, and those that are tuned.

Needs the extra [train]."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from marketrank.errors import BadInput
from marketrank.models.mpnet import mpnet
from marketrank.models.pretrained import TextTower, minilm

TOWERS: dict[str, Callable[[], TextTower]] = {"mpnet": mpnet, "minilm": minilm}
"""Those that can be tuned, by name."""


def open_tower(name: str) -> TextTower:
    """Raises BadInput for a name that is not in TOWERS, and what reading its weights raises."""
    if name not in TOWERS:
        raise BadInput(f"there is no text tower {name!r} to tune; known are {', '.join(TOWERS)}")
    return TOWERS[name]()


class EarlyLayers(torch.nn.Module):
    """ids and mask, int64 (n, tokens), to hidden states (n, tokens, dim): the embeddings and the
    first `layers` of a tower."""

    def __init__(self, tower: TextTower, layers: int) -> None:
        super().__init__()
        bert: Any = tower.module.bert
        self.embeddings, self._encoder = bert.embeddings, (bert.encoder,)
        self.layer = bert.encoder.layer[: _frozen(bert, layers)]
        self.position = _position(bert)
        self.requires_grad_(False)
        self.eval()

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return _run(self._encoder[0], self.layer, self.embeddings(input_ids=ids), mask)


class LateLayers(torch.nn.Module):
    """What `EarlyLayers` of as many layers gives, and the mask, to the mean over the unmasked
    tokens of the last hidden states (n, dim)."""

    def __init__(self, tower: TextTower, layers: int) -> None:
        super().__init__()
        bert: Any = tower.module.bert
        self._encoder = (bert.encoder,)
        self.layer = bert.encoder.layer[_frozen(bert, layers) :]
        self.position = _position(bert)
        self.position.requires_grad_(False)
        self.dim = tower.dim

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = _run(self._encoder[0], self.layer, hidden, mask)
        kept = mask.unsqueeze(-1).to(hidden.dtype)
        mean: torch.Tensor = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1.0)
        return mean


def _frozen(bert: Any, layers: int) -> int:
    """Of a tower with fewer layers, all but the last."""
    return min(layers, len(bert.encoder.layer) - 1)


def _position(bert: Any) -> torch.nn.Module:
    """What MPNet's layers share: how much a token looks at those so many places away. Held by both
    halves, so that it is on their device."""
    found: torch.nn.Module = getattr(bert.encoder, "relative_attention_bias", torch.nn.Identity())
    return found


def _run(
    encoder: Any, layers: torch.nn.ModuleList, hidden: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    lowest = torch.finfo(torch.float32).min
    shared: Mapping[str, Any] = {"attention_mask": (1.0 - mask[:, None, None, :].float()) * lowest}
    if hasattr(encoder, "compute_position_bias"):
        shared = {**shared, "position_bias": encoder.compute_position_bias(hidden)}
    for layer in layers:
        found = layer(hidden, **shared)
        hidden = found[0] if isinstance(found, tuple) else found
    return hidden
