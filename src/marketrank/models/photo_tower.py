"""Where the features of training photos come from: a table that frozen networks made, or late
blocks that are being tuned on cached maps. Needs the extra [train]."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from marketrank.models.backbones import LITES
from marketrank.models.device import Runtime
from marketrank.models.late_blocks import LateBlocks
from marketrank.models.photo_maps import PhotoMaps

_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class Blend:
    """Photos laid over others: `rows` and `variants` (m,) of what is laid over m photos, of each
    of which `share` is left."""

    rows: torch.Tensor
    variants: torch.Tensor
    share: float

    def at(self, part: torch.Tensor | slice) -> "Blend":
        return Blend(self.rows[part], self.variants[part], self.share)


class Photos(Protocol):
    """Features of photos by row; each photo has `variants` versions, 0 being itself."""

    @property
    def variants(self) -> int: ...

    def __call__(
        self, rows: torch.Tensor, variants: torch.Tensor, blend: Blend | None = None
    ) -> torch.Tensor:
        """Shape (m, width), for rows and variants of shape (m,)."""


class FixedPhotos:
    """A table (n, variants, width); implements `Photos`."""

    def __init__(self, table: NDArray[np.floating[Any]]) -> None:
        self._table = table

    @property
    def variants(self) -> int:
        return int(self._table.shape[1])

    def __call__(
        self, rows: torch.Tensor, variants: torch.Tensor, blend: Blend | None = None
    ) -> torch.Tensor:
        found = self._at(rows, variants)
        if blend is None:
            return found
        return blend.share * found + (1 - blend.share) * self._at(blend.rows, blend.variants)

    def _at(self, rows: torch.Tensor, variants: torch.Tensor) -> torch.Tensor:
        chosen = self._table[rows.cpu().numpy(), variants.cpu().numpy()]
        return torch.from_numpy(np.asarray(chosen, np.float32)).to(rows.device)


class PhotoTower(torch.nn.Module):
    """The late blocks of several networks side by side: their maps to features (n, width)."""

    def __init__(self, networks: Mapping[str, Any], *, side: int) -> None:
        super().__init__()
        self.late = torch.nn.ModuleDict(
            {
                name: LateBlocks(network, start=LITES[name].start, side=side)
                for name, network in networks.items()
            }
        )

    @property
    def width(self) -> int:
        return sum(LITES[name].width for name in self.late)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        parts = [late(one) for late, one in zip(self.late.values(), maps, strict=True)]
        return torch.cat(parts, dim=1)

    def write_back(self, networks: Mapping[str, Any]) -> None:
        """Set the networks' weights to what was tuned."""
        for name, late in self.late.items():
            cast("LateBlocks", late).write_back(networks[name])


class TunedPhotos:
    """Features by a tower on cached maps; implements `Photos`. Gradients reach the tower."""

    def __init__(self, tower: PhotoTower, maps: PhotoMaps, device: torch.device) -> None:
        self._tower, self._device = tower, device
        self._runtime, self._teaching = Runtime.on(device), Runtime.for_products(device)
        self._maps = [maps.maps[name] for name in tower.late]
        self._variants = maps.variants

    @property
    def variants(self) -> int:
        return self._variants

    @property
    def width(self) -> int:
        return self._tower.width

    def __call__(
        self, rows: torch.Tensor, variants: torch.Tensor, blend: Blend | None = None
    ) -> torch.Tensor:
        if len(rows) == 0:
            return torch.zeros((0, self.width), device=self._device)
        runtime = self._teaching if torch.is_grad_enabled() else self._runtime
        with runtime.autocast():
            parts = [
                self._tower(self._gather(rows[some], variants[some], blend and blend.at(some)))
                for some in _chunks(len(rows))
            ]
        return torch.cat(parts).float()

    def _gather(
        self, rows: torch.Tensor, variants: torch.Tensor, blend: Blend | None
    ) -> list[torch.Tensor]:
        own = self._read(rows, variants)
        if blend is None:
            return own
        laid = self._read(blend.rows, blend.variants)
        return [a.lerp_(b, 1 - blend.share) for a, b in zip(own, laid, strict=True)]

    def _read(self, rows: torch.Tensor, variants: torch.Tensor) -> list[torch.Tensor]:
        at, which = rows.cpu().numpy(), variants.cpu().numpy()
        return [torch.from_numpy(m[at, which]).to(self._device).float() for m in self._maps]


def _chunks(n: int) -> list[slice]:
    return [slice(first, first + _AT_ONCE) for first in range(0, n, _AT_ONCE)]
