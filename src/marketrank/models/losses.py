"""What training minimises. Needs the extra [train].

All means are over the batch; vectors are unit rows; similarities are cosines times a learned scale
(one over the temperature), of which the logarithm is the parameter, so that it stays positive.
"""

import math

import torch
from torch.nn.functional import cross_entropy

_LARGEST_SCALE = 100.0


class Scale(torch.nn.Module):
    """A learned scale: starts at `first` and never passes 100, as in CLIP (Radford et al., ICML
    2021), beyond which training becomes unstable."""

    def __init__(self, first: float = 14.3) -> None:
        super().__init__()
        self.log = torch.nn.Parameter(torch.tensor(math.log(first)))

    def forward(self) -> torch.Tensor:
        return self.log.clamp(max=math.log(_LARGEST_SCALE)).exp()


def contrast(
    left: torch.Tensor,
    right: torch.Tensor,
    scale: torch.Tensor,
    *,
    groups: torch.Tensor | None = None,
    hardness: float = 0.0,
    categories: torch.Tensor | None = None,
) -> torch.Tensor:
    """InfoNCE both ways (van den Oord et al., 2018; symmetric as in CLIP): row i of `left` (n,
    dim) must find row i of `right` among the n, and the other way round.

    Rows of the same leak group (`groups`, (n,)) are no negatives of each other: copies of a text
    or a photo would be punished for being alike. `hardness` adds that much to the logits of
    negatives of the row's own category (`categories`, (n,), negative where unknown), so that
    telling a listing from others of its kind counts more than telling it from all else (weighting
    of hard negatives after Robinson et al., ICLR 2021). Returns a scalar; 0 for fewer than two
    rows.
    """
    n = left.shape[0]
    if n < 2:
        return (left.sum() + right.sum()) * 0.0
    logits = scale * left @ right.T
    own = torch.eye(n, dtype=torch.bool, device=logits.device)
    if hardness and categories is not None:
        known = (categories >= 0)[:, None]  # what is unknown is not alike
        alike = (categories[:, None] == categories[None, :]) & known & ~own
        logits = logits + hardness * alike
    if groups is not None:
        copies = (groups[:, None] == groups[None, :]) & ~own
        logits = logits.masked_fill(copies, -math.inf)
    target = torch.arange(n, device=logits.device)
    return (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2


def hierarchy(
    roots: torch.Tensor,
    seconds: torch.Tensor,
    root_codes: torch.Tensor,
    second_codes: torch.Tensor,
    *,
    smoothing: float,
    second_share: float,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy of root categories plus `second_share` times that of second levels: the finer
    label teaches what the coarser one hides (13 roots, 117 second levels).

    Logits have shapes (n, roots) and (n, seconds); codes (n,), negative where unknown: such rows
    do not count. `smoothing` is the share of each target spread over all labels (Szegedy et al.,
    CVPR 2016); `weights` (roots,) are class weights. Returns a scalar, 0 where no row counts.
    """
    loss = _known(roots, root_codes, smoothing, weights)
    return loss + second_share * _known(seconds, second_codes, smoothing, None)


def _known(
    logits: torch.Tensor, codes: torch.Tensor, smoothing: float, weights: torch.Tensor | None
) -> torch.Tensor:
    known = codes >= 0
    if not bool(known.any()):
        return logits.sum() * 0.0
    return cross_entropy(logits[known], codes[known], weight=weights, label_smoothing=smoothing)
