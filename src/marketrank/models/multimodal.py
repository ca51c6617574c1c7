"""One space for listings, texts and photos: the towers' heads and how they are trained together, on
features that frozen towers made. Needs the extra [train].

The parts, and where each is from: texts and photos meet by a contrastive loss with a learned
temperature (CLIP: Radford et al., ICML 2021); frozen towers under trained heads keep what the
towers know (LiT: Zhai et al., CVPR 2022); two photos of one listing are each other's positives
(SimCLR: Chen et al., ICML 2020, with the seller as the augmentation); a gate fuses (see
`fusion_head`); root and second-level categories are learned beside all that (see `losses`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import gelu, normalize

from marketrank.errors import BadInput
from marketrank.models.fusion_head import FusionHead, drop_modalities
from marketrank.models.losses import Scale, contrast, hierarchy


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a person may change. `text_dropout` and `photo_dropout` are of features;
    `hide_text` and `hide_photos` the shares of modality dropout; one of `gate_every` leak groups
    teaches the gate (see `MultimodalLearner`); the last four weigh losses."""

    dim: int = 256
    hidden: int = 1024
    batch: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    text_dropout: float = 0.2
    photo_dropout: float = 0.3
    hide_text: float = 0.15
    hide_photos: float = 0.15
    gate_every: int = 10
    smoothing: float = 0.1
    categories: float = 1.0
    second_share: float = 0.5
    text_photo: float = 2.0
    siblings: float = 1.0


@dataclass(frozen=True, slots=True)
class Examples:
    """Listings as frozen features. `titles` and `texts` (n, t); `photos` (n, k, p) with
    `has_photo` (n, k), each listing's present ones first; `roots`, `seconds` (codes, negative
    where unknown) and `groups` (leak groups) (n,), int64."""

    titles: torch.Tensor
    texts: torch.Tensor
    photos: torch.Tensor
    has_photo: torch.Tensor
    roots: torch.Tensor
    seconds: torch.Tensor
    groups: torch.Tensor

    def __len__(self) -> int:
        return self.titles.shape[0]

    def at(self, rows: torch.Tensor) -> "Examples":
        return Examples(
            **{name: getattr(self, name)[rows] for name in Examples.__dataclass_fields__}
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a head says of n inputs: unit `vectors` (n, dim) and logits of both levels."""

    vectors: torch.Tensor
    roots: torch.Tensor
    seconds: torch.Tensor


class Head(torch.nn.Module):
    """From one tower's features to the common space, past a hidden layer and beside it, so that
    training starts from a linear map. Features are standardised by what `fit` saw."""

    mean: torch.Tensor
    spread: torch.Tensor

    def __init__(self, features: int, recipe: Recipe, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.dropout = torch.nn.Dropout(dropout)
        self.inner = torch.nn.Linear(features, recipe.hidden)
        self.norm = torch.nn.LayerNorm(recipe.hidden)
        self.outer = torch.nn.Linear(recipe.hidden, recipe.dim)
        self.beside = torch.nn.Linear(features, recipe.dim)

    def fit(self, features: torch.Tensor) -> None:
        """Take mean and deviation from (n, features) of the training data."""
        self.mean.copy_(features.mean(0))
        self.spread.copy_(features.std(0, correction=0) + 1e-3)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Unit vectors (n, dim), and the hidden layer (n, hidden) that categories are read from."""
        x = self.dropout((features - self.mean) / self.spread)
        hidden = self.dropout(gelu(self.norm(self.inner(x))))
        return normalize(self.outer(hidden) + self.beside(x), dim=-1), hidden


class Multimodal(torch.nn.Module):
    """Text head, photo head and fusion, with a category head for each."""

    def __init__(
        self, *, text_features: int, photo_features: int, roots: int, seconds: int, recipe: Recipe
    ) -> None:
        super().__init__()
        self.text = Head(text_features, recipe, recipe.text_dropout)
        self.photo = Head(photo_features, recipe, recipe.photo_dropout)
        self.fusion = FusionHead(recipe.dim)
        self.text_categories = torch.nn.Linear(recipe.hidden, roots + seconds)
        self.photo_categories = torch.nn.Linear(recipe.hidden, roots + seconds)
        self.text_scale = Scale()
        self.sibling_scale = Scale()
        self._roots = roots

    def texts(self, features: torch.Tensor) -> Answer:
        vectors, hidden = self.text(features)
        return self._answer(vectors, self.text_categories(hidden))

    def photos(self, features: torch.Tensor) -> Answer:
        vectors, hidden = self.photo(features)
        return self._answer(vectors, self.photo_categories(hidden))

    def listings(
        self,
        texts: Answer,
        photos: Answer,
        has_text: torch.Tensor,
        has_photo: torch.Tensor,
    ) -> tuple[Answer, torch.Tensor]:
        """The answers for n texts and (n, k) photos as one answer a listing, and how much text
        and photos counted (n, 2). Logits are mixed by the weights that fuse the vectors: a
        listing's category is read from what its vector is made of."""
        weights: torch.Tensor
        vectors, weights = self.fusion(texts.vectors, photos.vectors, has_text, has_photo)
        seen = has_photo.unsqueeze(2).to(photos.roots.dtype)
        count = seen.sum(1).clamp(min=1)

        def mix(words: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
            pooled = (pictures * seen).sum(1) / count
            # Twice the mean: two modalities that agree are surer than either alone.
            return 2 * (weights[:, :1] * words + weights[:, 1:] * pooled)

        fused = Answer(vectors, mix(texts.roots, photos.roots), mix(texts.seconds, photos.seconds))
        return fused, weights

    def _answer(self, vectors: torch.Tensor, logits: torch.Tensor) -> Answer:
        return Answer(vectors, logits[..., : self._roots], logits[..., self._roots :])


class MultimodalLearner:
    """Trains a Multimodal on `training`, scores it on `validation`; a `training_loop.Learner`.

    The gate learns from listings whose categories the heads are not taught (stacking: Wolpert,
    1992). Taught on the same ones it trusts whichever head remembers them best, which is the
    photos': on a second-hand feed combined accuracy then fell from .78 to .72 over 12 epochs,
    below that of texts alone.
    """

    def __init__(
        self,
        model: Multimodal,
        training: Examples,
        validation: Examples,
        recipe: Recipe,
        *,
        epochs: int,
    ) -> None:
        """`epochs` is what the learning rate's cosine ends at. Fits the heads' standardisation.
        Raises BadInput for fewer than two training listings."""
        if len(training) < 2:
            raise BadInput(f"{len(training)} listings cannot train a model; ingest more")
        self.model = model
        self._training, self._validation, self._recipe = training, validation, recipe
        self._epochs = epochs
        model.text.fit(training.texts)
        if bool(training.has_photo.any()):
            model.photo.fit(training.photos[training.has_photo])
        scales = {id(model.text_scale.log), id(model.sibling_scale.log)}
        decayed = [p for p in model.parameters() if id(p) not in scales]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.weight_decay},
                # A decayed scale would creep back to 1; at the heads' rate it hardly moves.
                {
                    "params": [model.text_scale.log, model.sibling_scale.log],
                    "weight_decay": 0.0,
                    "times": 10.0,
                },
            ],
            lr=recipe.learning_rate,
        )

    def train_epoch(self, epoch: int) -> Mapping[str, float]:
        self.model.train()
        order = torch.randperm(len(self._training))
        batches = list(torch.split(order, self._recipe.batch))
        if len(batches) > 1 and len(batches[-1]) < self._recipe.batch // 2:
            batches.pop()  # a few pairs have few negatives: their gradient is mostly noise
        total = 0.0
        for number, rows in enumerate(batches):
            self._set_rate((epoch - 1 + number / len(batches)) / self._epochs)
            loss = self._loss(self._training.at(rows))
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            total += float(loss.detach())
        return {"loss": total / len(batches)}

    def evaluate(self) -> Mapping[str, float]:
        """Accuracies of root categories per photo, text and listing; recall@10 of siblings and
        of titles' photos among the validation photos; "score", the mean of those that exist."""
        self.model.eval()
        with torch.inference_mode():
            return score(self.model, self._validation)

    def _set_rate(self, done: float) -> None:
        """A tenth of the run up to the full rate, then a cosine down to 0."""
        warm = 0.1
        share = done / warm if done < warm else 0.5 * (1 + math.cos(math.pi * (done - warm) / 0.9))
        for group in self.optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * share * group.get("times", 1.0)

    def _loss(self, batch: Examples) -> torch.Tensor:
        model, recipe = self.model, self._recipe
        titles, texts = model.texts(batch.titles), model.texts(batch.texts)
        photos = model.photos(batch.photos)
        every = torch.ones(len(batch), dtype=torch.bool, device=batch.texts.device)
        has_text, has_photo = drop_modalities(
            every,
            batch.has_photo,
            text=recipe.hide_text,
            photos=recipe.hide_photos,
            generator=torch.default_generator,
        )
        taught = batch.groups % recipe.gate_every != 0
        heads = self._categories(batch, taught, titles, texts, photos)
        fused, _ = model.listings(_fixed(texts), _fixed(photos), has_text, has_photo)
        gate = self._categories(batch, ~taught, fused)
        return recipe.categories * (heads + gate) + self._contrasts(batch, titles, texts, photos)

    def _categories(self, batch: Examples, counted: torch.Tensor, *answers: Answer) -> torch.Tensor:
        """The losses of these answers, added up, over the listings that are `counted`."""
        losses = []
        for answer in answers:
            if answer.roots.dim() == 3:  # of photos: one row each
                rows = batch.has_photo & counted[:, None]
                owners = torch.where(rows)[0]
            else:
                rows, owners = counted, torch.where(counted)[0]
            losses.append(
                hierarchy(
                    answer.roots[rows],
                    answer.seconds[rows],
                    batch.roots[owners],
                    batch.seconds[owners],
                    smoothing=self._recipe.smoothing,
                    second_share=self._recipe.second_share,
                )
            )
        return torch.stack(losses).sum()

    def _contrasts(
        self, batch: Examples, titles: Answer, texts: Answer, photos: Answer
    ) -> torch.Tensor:
        """Title and text each against one photo of their listing, drawn anew each time; and that
        photo against another of the listing's."""
        model, recipe = self.model, self._recipe
        chance = torch.rand(batch.has_photo.shape, device=batch.has_photo.device)
        drawn = chance.masked_fill(~batch.has_photo, -1).argsort(1, descending=True)
        one = photos.vectors[torch.arange(len(batch)), drawn[:, 0]]
        shown = batch.has_photo.any(1)
        scale = model.text_scale()
        groups = batch.groups[shown]
        pairs = [
            contrast(side.vectors[shown], one[shown], scale, groups=groups)
            for side in (titles, texts)
        ]
        loss = recipe.text_photo * torch.stack(pairs).mean()
        if drawn.shape[1] > 1:
            other = photos.vectors[torch.arange(len(batch)), drawn[:, 1]]
            two = batch.has_photo.sum(1) > 1
            scale = model.sibling_scale()
            siblings = contrast(one[two], other[two], scale, groups=batch.groups[two])
            loss = loss + recipe.siblings * siblings
        return loss


def _fixed(answer: Answer) -> Answer:
    return Answer(answer.vectors.detach(), answer.roots.detach(), answer.seconds.detach())


def score(model: Multimodal, examples: Examples, *, k: int = 10) -> dict[str, float]:
    """See `MultimodalLearner.evaluate`; what has no examples is left out."""
    titles, texts = model.texts(examples.titles), model.texts(examples.texts)
    photos = model.photos(examples.photos)
    every = torch.ones(len(examples), dtype=torch.bool, device=examples.texts.device)
    fused, _ = model.listings(texts, photos, every, examples.has_photo)
    owners = torch.where(examples.has_photo)[0]
    pool = photos.vectors[examples.has_photo]
    found = {
        "text_accuracy": _accuracy(texts.roots, examples.roots),
        "image_accuracy": _accuracy(photos.roots[examples.has_photo], examples.roots[owners]),
        "combined_accuracy": _accuracy(fused.roots, examples.roots),
        "sibling_recall": recall(pool, pool, owners, owners, k=k, same=True),
        "title_to_image_recall": recall(
            titles.vectors, pool, torch.arange(len(examples), device=owners.device), owners, k=k
        ),
    }
    scores = {name: value for name, value in found.items() if value is not None}
    if not scores:
        raise BadInput("the validation listings have neither categories nor photos; ingest more")
    return {**scores, "score": sum(scores.values()) / len(scores)}


def recall(
    queries: torch.Tensor,
    pool: torch.Tensor,
    owners: torch.Tensor,
    pool_owners: torch.Tensor,
    *,
    k: int,
    same: bool = False,
) -> float | None:
    """The share of queries that find a row of their owner among the `k` most similar of the
    pool; with `same` queries are the pool, and none finds itself. Counted over queries that have
    something to find; None where none has."""
    matches = owners[:, None] == pool_owners[None, :]
    similar = queries @ pool.T
    if same:
        matches.fill_diagonal_(False)
        similar = similar.clone().fill_diagonal_(-math.inf)
    counted = matches.any(1)
    if not bool(counted.any()):
        return None
    top = similar[counted].topk(min(k, similar.shape[1]), dim=1).indices
    return float(matches[counted].gather(1, top).any(1).float().mean())


def _accuracy(logits: torch.Tensor, codes: torch.Tensor) -> float | None:
    known = codes >= 0
    if not bool(known.any()):
        return None
    return float((logits[known].argmax(1) == codes[known]).float().mean())
