"""One space for listings, texts and photos: a head on each tower, and a gate that fuses. Needs the
extra [train].

The parts, and where each is from: texts and photos meet by a contrastive loss with a learned
temperature (CLIP: Radford et al., ICML 2021); a frozen text tower under a trained head keeps what
the tower knows (LiT: Zhai et al., CVPR 2022); two photos of one listing are each other's positives
(SimCLR: Chen et al., ICML 2020, with the seller as the augmentation); a gate fuses (see
`fusion_head`); root and second-level categories are learned beside all that (see `losses`).
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import gelu, normalize

from marketrank.models.fusion_head import FusionHead
from marketrank.models.losses import Scale


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a person may change. `text_dropout` and `photo_dropout` are of features;
    `hide_text` and `hide_photos` the shares of modality dropout; one of `gate_every` leak groups
    teaches the gate (see `MultimodalLearner`); `balance` is the power of the class weights, and
    `hardness` what negatives of a pair's own category weigh more (see `losses.contrast`) after
    `hard_from` of the epochs; `mix` how evenly photos are laid over each other where late blocks
    are tuned, 0 for not at all (see `MultimodalLearner`); the last four weigh losses."""

    dim: int = 256
    hidden: int = 512
    batch: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    text_dropout: float = 0.2
    photo_dropout: float = 0.3
    hide_text: float = 0.15
    hide_photos: float = 0.15
    gate_every: int = 15
    smoothing: float = 0.1
    balance: float = 0.25
    hardness: float = 0.5
    hard_from: float = 0.5
    mix: float = 0.4
    categories: float = 1.0
    second_share: float = 0.5
    text_photo: float = 1.0
    siblings: float = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a head says of n inputs: unit `vectors` (n, dim) and logits of both levels."""

    vectors: torch.Tensor
    roots: torch.Tensor
    seconds: torch.Tensor

    def at(self, rows: torch.Tensor) -> "Answer":
        return Answer(self.vectors[rows], self.roots[rows], self.seconds[rows])

    def fixed(self) -> "Answer":
        """The same values, through which nothing learns."""
        return Answer(self.vectors.detach(), self.roots.detach(), self.seconds.detach())


class Head(torch.nn.Module):
    """From one tower's features (n, features) to the common space and to category logits, past a
    hidden layer and beside it, so that training starts from a linear map. Features are
    standardised by what `fit` saw."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(
        self, features: int, recipe: Recipe, dropout: float, *, roots: int, seconds: int
    ) -> None:
        super().__init__()
        self._roots = roots
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.dropout = torch.nn.Dropout(dropout)
        self.inner = torch.nn.Linear(features, recipe.hidden)
        self.norm = torch.nn.LayerNorm(recipe.hidden)
        self.outer = torch.nn.Linear(recipe.hidden, recipe.dim)
        self.beside = torch.nn.Linear(features, recipe.dim)
        self.categories = torch.nn.Linear(recipe.hidden, roots + seconds)
        self.categories_beside = torch.nn.Linear(features, roots + seconds)

    def fit(self, features: torch.Tensor) -> None:
        """Take mean and deviation from (n, features) of the training data."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0, correction=0) + 1e-3)

    def forward(self, features: torch.Tensor) -> Answer:
        x = self.dropout((features - self.mean) / self.spread)
        hidden = self.dropout(gelu(self.norm(self.inner(x))))
        logits = self.categories(hidden) + self.categories_beside(x)
        vectors = normalize(self.outer(hidden) + self.beside(x), dim=-1)
        return Answer(vectors, logits[..., : self._roots], logits[..., self._roots :])


class Multimodal(torch.nn.Module):
    """Text head, photo head and fusion."""

    def __init__(
        self, *, text_features: int, photo_features: int, roots: int, seconds: int, recipe: Recipe
    ) -> None:
        super().__init__()
        levels = {"roots": roots, "seconds": seconds}
        self.text = Head(text_features, recipe, recipe.text_dropout, **levels)
        self.photo = Head(photo_features, recipe, recipe.photo_dropout, **levels)
        self.fusion = FusionHead(recipe.dim)
        self.text_scale = Scale()
        self.sibling_scale = Scale()

    def texts(self, features: torch.Tensor) -> Answer:
        answer: Answer = self.text(features)
        return answer

    def photos(self, features: torch.Tensor) -> Answer:
        answer: Answer = self.photo(features)
        return answer

    def listings(
        self,
        texts: Answer,
        photos: Answer,
        owner: torch.Tensor,
        has_text: torch.Tensor,
        has_photo: torch.Tensor,
    ) -> tuple[Answer, torch.Tensor]:
        """The answers for n texts and m photos as one answer a listing, and how much text and
        photos counted (n, 2). `owner` (m,) is the row of each photo's listing, ascending;
        `has_text` (n,) and `has_photo` (n,) say what may count.

        Logits are mixed by the weights that fuse the vectors: a listing's category is read from
        what its vector is made of.
        """
        n = len(has_text)
        padded, present = pad(photos.vectors, owner, n)
        weights: torch.Tensor
        vectors, weights = self.fusion(
            texts.vectors, padded, has_text, present & has_photo[:, None]
        )
        count = torch.bincount(owner, minlength=n).clamp(min=1)[:, None]

        def mix(words: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
            pooled = words.new_zeros(words.shape).index_add(0, owner, pictures) / count
            # Twice the mean: two modalities that agree are surer than either alone.
            return 2 * (weights[:, :1] * words + weights[:, 1:] * pooled)

        fused = Answer(vectors, mix(texts.roots, photos.roots), mix(texts.seconds, photos.seconds))
        return fused, weights


def pad(vectors: torch.Tensor, owner: torch.Tensor, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (m, dim) of n owners as (n, k, dim) and which of them are there (n, k); k is as many as
    one owner has, at least 1. `owner` (m,) is ascending."""
    counts = torch.bincount(owner, minlength=n)
    most = max(1, int(counts.max())) if n else 1
    place = torch.arange(len(owner), device=owner.device) - (counts.cumsum(0) - counts)[owner]
    padded = vectors.new_zeros((n, most, vectors.shape[1]))
    padded = padded.index_put((owner, place), vectors)
    present = torch.zeros((n, most), dtype=torch.bool, device=owner.device)
    present[owner, place] = True
    return padded, present
