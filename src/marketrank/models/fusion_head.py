"""One vector from a listing's text and photos, and how much each of them counted. Needs the extra
[train].

A gate weighs the modalities by what they hold (Arevalo et al., "Gated Multimodal Units", 2017), and
modality dropout in training makes it ready for listings that lack one (Neverova et al., "ModDrop",
PAMI 2016). Photos of one listing are pooled by attention (Ilse et al., ICML 2018): a photo of a
receipt should count less than one of the thing.
"""

import math

import torch
from torch.nn.functional import normalize


class FusionHead(torch.nn.Module):
    """Text vectors and photo vectors of one space, `dim` wide, to one unit vector a listing."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.attention = torch.nn.Sequential(
            torch.nn.Linear(dim, dim // 2), torch.nn.Tanh(), torch.nn.Linear(dim // 2, 1)
        )
        self.gate = torch.nn.Sequential(
            torch.nn.Linear(2 * dim, dim), torch.nn.GELU(), torch.nn.Linear(dim, 2)
        )

    def forward(
        self,
        text: torch.Tensor,
        photos: torch.Tensor,
        has_text: torch.Tensor,
        has_photo: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`text` (n, dim) and `photos` (n, k, dim) are unit rows; `has_text` (n,) and `has_photo`
        (n, k) are booleans, and what they exclude may hold anything finite.

        Returns the vectors (n, dim), of unit length, and the weights of text and photos (n, 2),
        which add up to 1. Of a listing with one modality that one's weight is 1; one with neither
        gets zeros for both.
        """
        pooled, any_photo = self._pool(photos, has_photo)
        words = torch.where(has_text[:, None], text, 0.0)
        present = torch.stack([has_text, any_photo], dim=1)
        scores = self.gate(torch.cat([words, pooled], dim=1))
        weights = _softmax(scores, present)
        fused = weights[:, :1] * words + weights[:, 1:] * pooled
        return normalize(fused, dim=1), weights

    def _pool(
        self, photos: torch.Tensor, has_photo: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        known = torch.where(has_photo[:, :, None], photos, 0.0)
        weights = _softmax(self.attention(known).squeeze(2), has_photo)
        return normalize((weights[:, :, None] * known).sum(1), dim=1), has_photo.any(1)


def drop_modalities(
    has_text: torch.Tensor,
    has_photo: torch.Tensor,
    *,
    text: float,
    photos: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hide the text of a share `text` of the listings and all photos of a share `photos` of the
    others; what is a listing's only modality is never hidden. Shapes as in `FusionHead`."""
    chance = torch.rand(has_text.shape[0], generator=generator).to(has_text.device)
    both = has_text & has_photo.any(1)
    no_text = both & (chance < text)
    no_photo = both & ~no_text & (chance < text + photos)
    return has_text & ~no_text, has_photo & ~no_photo[:, None]


def _softmax(scores: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Over the last axis, among the kept; zeros where none is kept."""
    masked = scores.masked_fill(~kept, -math.inf)
    # A row of -inf alone would give NaN, and NaN gradients even where it is masked after.
    none = ~kept.any(-1, keepdim=True)
    return torch.where(kept, masked.masked_fill(none, 0.0).softmax(-1), 0.0)
