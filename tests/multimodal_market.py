"""Listings as random features that share a cause, and heads to learn them. Shared by the tests of
the multimodal learner."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from marketrank.models.multimodal import Multimodal, Recipe
from marketrank.models.multimodal_learner import Examples, MultimodalLearner
from marketrank.models.photo_tower import Blend, FixedPhotos

RECIPE = Recipe(dim=16, hidden=32, batch=32, learning_rate=3e-3, photo_dropout=0.1)
EPOCHS = 12
SEEN = 60  # the last listings of a market are for validation


@dataclass(frozen=True)
class Market:
    """Listings, and the table of their photos: (2, photos, 12)."""

    examples: Examples
    table: Any

    @property
    def training(self) -> Examples:
        return self.examples.at(torch.arange(len(self.examples))[:-SEEN])

    @property
    def validation(self) -> Examples:
        return self.examples.at(torch.arange(len(self.examples))[-SEEN:])

    @property
    def photos(self) -> FixedPhotos:
        return FixedPhotos(self.table.swapaxes(0, 1))

    def change(self, **examples: Any) -> "Market":
        return replace(self, examples=replace(self.examples, **examples))


def market(n: int, seed: int = 0) -> Market:
    """n listings and SEEN more, whose features show, noisily, what the thing is. Each fifth has no
    photo, each third of the others one, the rest two. The table's last row is nobody's."""
    n += SEEN
    draw = torch.Generator().manual_seed(seed)
    roots = torch.randint(0, 3, (n,), generator=draw)
    thing = torch.randn(n, 8, generator=draw)
    thing = thing + 3 * torch.randn(3, 8, generator=draw)[roots]
    to_text, to_photo = (torch.randn(8, 12, generator=draw) for _ in range(2))
    noisy = thing[None, :, None] + 0.1 * torch.randn(2, n, 2, 8, generator=draw)
    index = torch.arange(n)
    shown = torch.stack([index % 5 != 0, (index % 5 != 0) & (index % 3 != 0)], dim=1)
    table = torch.cat([(noisy @ to_photo).flatten(1, 2), torch.zeros(2, 1, 12)], dim=1)
    examples = Examples(
        titles=(thing + 0.2 * torch.randn(n, 8, generator=draw)) @ to_text,
        texts=thing @ to_text,
        photos=torch.where(shown, torch.arange(2 * n).view(n, 2), -1),
        roots=roots,
        seconds=roots * 2 + (thing[:, 0] > 0),
        groups=torch.randperm(n, generator=draw),
    )
    return Market(examples, table.numpy())


def fresh(recipe: Recipe = RECIPE, seed: int = 0) -> Multimodal:
    torch.manual_seed(seed)
    return Multimodal(text_features=12, photo_features=12, roots=3, seconds=6, recipe=recipe)


def learner(
    data: Market, recipe: Recipe = RECIPE, epochs: int = EPOCHS, **others: Any
) -> MultimodalLearner:
    photos = others.pop("photos", data.photos)
    return MultimodalLearner(
        fresh(recipe), data.training, data.validation, photos, recipe, epochs=epochs, **others
    )


def losses(data: Market, recipe: Recipe = RECIPE, *, epoch: int = 1, **others: Any) -> float:
    one = learner(data, recipe, **others)
    torch.manual_seed(3)
    return one.train_epoch(epoch)["loss"]


class Tuned:
    """A `Photos` by a tower on a table; gradients reach it."""

    variants, width = 2, 12

    def __init__(self, tower: torch.nn.Module, data: Market) -> None:
        self.tower, self.table = tower, torch.from_numpy(data.table)
        self.blends: list[Blend] = []

    def __call__(
        self, rows: torch.Tensor, variants: torch.Tensor, blend: Blend | None = None
    ) -> torch.Tensor:
        found = self.table[variants, rows]
        if blend is not None:
            self.blends.append(blend)
            found = found.lerp(self.table[blend.variants, blend.rows], 1 - blend.share)
        return self.tower(found)


def tuning(data: Market, seed: int = 5, **others: Any) -> MultimodalLearner:
    torch.manual_seed(seed)
    tower: Any = torch.nn.Linear(12, 12)
    photos = others.pop("photos", None) or Tuned(tower, data)
    return learner(data, photos=photos, tower=tower, **others)
