"""How the multimodal model is trained and scored. Needs the extra [train]."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from marketrank.errors import BadInput
from marketrank.models import schedules
from marketrank.models.fusion_head import drop_modalities
from marketrank.models.labels import UNKNOWN
from marketrank.models.losses import contrast, hierarchy
from marketrank.models.multimodal import Answer, Multimodal, Recipe
from marketrank.models.photo_tower import Blend, Photos, PhotoTower
from marketrank.models.team import Rows, team

_PHOTOS_A_STEP = 2  # of each listing: one is the title's positive, both are each other's
_SCORED_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Examples:
    """Listings. `titles` and `texts` (n, t) are features of the text tower; `photos` (n, k) rows of
    a `Photos`, -1 where there is none, each listing's present ones first; `roots`, `seconds`
    (codes, negative where unknown) and `groups` (leak groups) (n,), int64."""

    titles: torch.Tensor
    texts: torch.Tensor
    photos: torch.Tensor
    roots: torch.Tensor
    seconds: torch.Tensor
    groups: torch.Tensor

    def __len__(self) -> int:
        return self.titles.shape[0]

    def at(self, rows: torch.Tensor) -> "Examples":
        return Examples(
            **{name: getattr(self, name)[rows] for name in Examples.__dataclass_fields__}
        )


class MultimodalLearner:
    """Trains a Multimodal on `training`, and with it the photo tower where there is one; scores
    it on `validation`; a `training_loop.Learner`.

    The gate learns from listings whose categories the heads are not taught (stacking: Wolpert,
    1992). Taught on the same ones it trusts whichever head remembers them best, which is the
    photos': on a second-hand feed combined accuracy then fell from .78 to .72 over 12 epochs,
    below that of texts alone.

    Late blocks are tuned on photos of the batch laid over each other, which are taught the
    categories of both by their shares (manifold mixup at the cached maps: Verma et al., ICML 2019,
    after Zhang et al., "mixup", ICLR 2018; the larger share is the photo's own, since it alone is
    its title's and its sibling's positive).
    """

    def __init__(
        self,
        heads: Multimodal,
        training: Examples,
        validation: Examples,
        photos: Photos,
        recipe: Recipe,
        *,
        epochs: int,
        tower: PhotoTower | None = None,
        tower_rate: float = 2e-4,
        class_weights: torch.Tensor | None = None,
    ) -> None:
        """`epochs` is what the learning rate's cosine ends at. With a `tower`, which `photos`
        reads, the heads go on from what they know; without one they are fitted to the features
        first. Raises BadInput for fewer than two training listings."""
        if len(training) < 2:
            raise BadInput(f"{len(training)} listings cannot train a model; ingest more")
        self.heads, self._photos, self._recipe = heads, photos, recipe
        self._training, self._validation = training, validation
        self._epochs, self._class_weights = epochs, class_weights
        self._tower, self._team = tower, team()
        self._mix = 0.0 if tower is None else recipe.mix
        parts: dict[str, torch.nn.Module] = {"heads": heads}
        if tower is None:
            heads.text.fit(training.texts)
            rows = training.photos[training.photos >= 0]
            if len(rows):
                heads.photo.fit(photos(rows, torch.zeros_like(rows)))
        else:
            parts["tower"] = tower
        self.model = torch.nn.ModuleDict(parts)
        self.optimizer = _optimizer(heads, recipe, tower, tower_rate)

    def train_epoch(self, epoch: int) -> Mapping[str, float]:
        self.model.train()
        order = torch.randperm(len(self._training))
        batches = list(torch.split(order, self._recipe.batch))
        if len(batches) > 1 and len(batches[-1]) < self._recipe.batch // 2:
            batches.pop()  # a few pairs have few negatives: their gradient is mostly noise
        total, tower = 0.0, () if self._tower is None else tuple(self._tower.parameters())
        for number, rows in enumerate(batches):
            done = (epoch - 1 + number / len(batches)) / self._epochs
            for group in self.optimizer.param_groups:
                group["lr"] = group["most"] * schedules.cosine(done)
            loss = self._loss(self._training.at(rows), done, number)
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self._team.combine(tower, self.heads.parameters())
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            total += float(loss.detach())
        return {"loss": total / len(batches)}

    def evaluate(self) -> Mapping[str, float]:
        """Accuracies of root categories per photo, text and listing; recall@10 of siblings and
        of titles' photos among the validation photos; "score", the mean of those that exist. {}
        where all listings are trained on, and none are left to validate."""
        if not len(self._validation):
            return {}
        self.model.eval()
        with torch.inference_mode():
            return score(self.heads, self._validation, self._photos)

    def _loss(self, batch: Examples, done: float, step: int = 0) -> torch.Tensor:
        heads, recipe = self.heads, self._recipe
        titles, texts = heads.texts(batch.titles), heads.texts(batch.texts)
        rows, owner = _draw(batch.photos)
        variants = torch.randint(0, self._photos.variants, rows.shape).to(rows.device)
        partner, blend = self._draw_blend(rows, variants)
        photos = heads.photos(self._features(rows, variants, blend, step))
        every = torch.ones(len(batch), dtype=torch.bool, device=batch.texts.device)
        shown = torch.zeros_like(every)
        shown[owner] = True
        has_text, has_photo = drop_modalities(
            every,
            shown[:, None],
            text=recipe.hide_text,
            photos=recipe.hide_photos,
            generator=torch.default_generator,
        )
        fused, _ = heads.listings(texts.fixed(), photos.fixed(), owner, has_text, has_photo[:, 0])
        taught = batch.groups % recipe.gate_every != 0
        own = torch.arange(len(batch), device=owner.device)
        categories = (
            self._categories(batch, titles, own, taught)
            + self._categories(batch, texts, own, taught)
            + self._seen(batch, photos, (owner, owner[partner]), taught, blend)
            + self._categories(batch, fused, own, ~taught)
        )
        hardness = recipe.hardness if done >= recipe.hard_from else 0.0
        contrasts = self._contrasts(batch, (titles, texts), photos, owner, hardness=hardness)
        return recipe.categories * categories + contrasts

    def _draw_blend(
        self, rows: torch.Tensor, variants: torch.Tensor
    ) -> tuple[torch.Tensor, Blend | None]:
        """Which photo of the batch (m,) is laid over each, and how; None where none is."""
        if not self._mix:
            return torch.arange(len(rows), device=rows.device), None
        partner = torch.randperm(len(rows)).to(rows.device)
        drawn = float(torch.distributions.Beta(self._mix, self._mix).sample())
        return partner, Blend(rows[partner], variants[partner], max(drawn, 1 - drawn))

    def _features(
        self, rows: torch.Tensor, variants: torch.Tensor, blend: Blend | None, step: int
    ) -> torch.Tensor:
        """Of photos. Late blocks are the costly part: each process of a team runs some."""
        if self._tower is None:
            return self._photos(rows, variants)

        def run(part: Rows) -> torch.Tensor:
            return self._photos(rows[part], variants[part], blend and blend.at(part))

        return self._team.spread(run, len(rows), step=step)

    def _seen(
        self,
        batch: Examples,
        photos: Answer,
        owners: tuple[torch.Tensor, torch.Tensor],
        taught: torch.Tensor,
        blend: Blend | None,
    ) -> torch.Tensor:
        """The loss of photos, by the categories of their own listings and of those whose photos
        are laid over them."""
        own = self._categories(batch, photos, owners[0], taught)
        if blend is None:
            return own
        laid = self._categories(batch, photos, owners[1], taught)
        return blend.share * own + (1 - blend.share) * laid

    def _categories(
        self, batch: Examples, answer: Answer, owner: torch.Tensor, counted: torch.Tensor
    ) -> torch.Tensor:
        """The loss of an answer whose rows belong to the listings `owner`, over `counted` ones."""
        rows = torch.where(counted[owner])[0]
        kept = answer.at(rows)
        return hierarchy(
            kept.roots,
            kept.seconds,
            batch.roots[owner[rows]],
            batch.seconds[owner[rows]],
            smoothing=self._recipe.smoothing,
            second_share=self._recipe.second_share,
            weights=self._class_weights,
        )

    def _contrasts(
        self,
        batch: Examples,
        sides: tuple[Answer, Answer],
        photos: Answer,
        owner: torch.Tensor,
        *,
        hardness: float,
    ) -> torch.Tensor:
        """Titles and texts each against a photo of their listing, and that photo against another
        of the listing's; negatives are those of the batch."""
        heads, recipe = self.heads, self._recipe
        first = torch.where(torch.diff(owner, prepend=owner.new_tensor([-1])) != 0)[0]
        shown = owner[first]

        def pairs(
            left: torch.Tensor, right: torch.Tensor, scale: torch.Tensor, listings: torch.Tensor
        ) -> torch.Tensor:
            return contrast(
                left,
                right,
                scale,
                groups=batch.groups[listings],
                hardness=hardness,
                categories=batch.roots[listings],
            )

        scale = heads.text_scale()
        one = photos.vectors[first]
        crossing = [pairs(side.vectors[shown], one, scale, shown) for side in sides]
        second = torch.where(torch.diff(owner, prepend=owner.new_tensor([-1])) == 0)[0]
        siblings = pairs(
            photos.vectors[second - 1],
            photos.vectors[second],
            heads.sibling_scale(),
            owner[second],
        )
        return recipe.text_photo * torch.stack(crossing).mean() + recipe.siblings * siblings


def _optimizer(
    heads: Multimodal, recipe: Recipe, tower: PhotoTower | None, tower_rate: float
) -> torch.optim.Optimizer:
    scales = [heads.text_scale.log, heads.sibling_scale.log]
    known = {id(scale) for scale in scales}
    others = [p for p in heads.parameters() if id(p) not in known]
    rate = recipe.learning_rate
    groups = [
        {"params": others, "weight_decay": recipe.weight_decay, "most": rate},
        # A decayed scale would creep back to 1; at the heads' rate it hardly moves.
        {"params": scales, "weight_decay": 0.0, "most": rate * 10},
    ]
    if tower is not None:
        groups.append(
            {"params": list(tower.parameters()), "weight_decay": 0.02, "most": tower_rate}
        )
    return torch.optim.AdamW(groups, lr=rate)


def _draw(photos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Up to _PHOTOS_A_STEP photos of each listing, drawn anew each time: their rows (m,) and
    listings (m,), ascending."""
    present = photos >= 0
    chance = torch.rand(photos.shape).to(photos.device).masked_fill(~present, -1)
    order = chance.argsort(1, descending=True)[:, :_PHOTOS_A_STEP]
    drawn = photos.gather(1, order)
    owner, place = torch.where(drawn >= 0)
    return drawn[owner, place], owner


def score(
    heads: Multimodal, examples: Examples, photos: Photos, *, k: int = 10
) -> dict[str, float]:
    """See `MultimodalLearner.evaluate`; what has no examples is left out."""
    answers = answer_all(heads, examples, photos)
    own = torch.arange(len(examples), device=examples.texts.device)
    pool, owner = answers.photos.vectors, answers.owner
    found = {
        "text_accuracy": _accuracy(answers.texts.roots, examples.roots),
        "image_accuracy": _accuracy(answers.photos.roots, examples.roots[owner]),
        "combined_accuracy": _accuracy(answers.fused.roots, examples.roots),
        "sibling_recall": recall(pool, pool, owner, owner, k=k, same=True),
        "title_to_image_recall": recall(answers.titles.vectors, pool, own, owner, k=k),
    }
    scores = {name: value for name, value in found.items() if value is not None}
    if not scores:
        raise BadInput("the validation listings have neither categories nor photos; ingest more")
    return {**scores, "score": sum(scores.values()) / len(scores)}


@dataclass(frozen=True, slots=True)
class Answers:
    """What the heads say of n listings with m photos; `owner` (m,) is each photo's listing and
    `weights` (n, 2) how much text and photos counted."""

    titles: Answer
    texts: Answer
    photos: Answer
    owner: torch.Tensor
    fused: Answer
    weights: torch.Tensor


@torch.inference_mode()
def answer_all(heads: Multimodal, examples: Examples, photos: Photos) -> Answers:
    """Ask a model in evaluation mode about all of these listings and their photos as they are."""
    owner, place = torch.where(examples.photos >= 0)
    seen = answer_photos(heads, photos, examples.photos[owner, place])
    texts = heads.texts(examples.texts)
    every = torch.ones(len(examples), dtype=torch.bool, device=owner.device)
    fused, weights = heads.listings(texts, seen, owner, every, every)
    return Answers(heads.texts(examples.titles), texts, seen, owner, fused, weights)


@torch.inference_mode()
def answer_photos(heads: Multimodal, photos: Photos, rows: torch.Tensor) -> Answer:
    """What a model in evaluation mode says of the photos of these rows (m,), as they are."""
    parts = [heads.photos(photos(some, torch.zeros_like(some))) for some in _batches(rows)]
    return Answer(
        *(torch.cat([getattr(p, name) for p in parts]) for name in ("vectors", "roots", "seconds"))
    )


def _batches(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """At least one, so that shapes are known."""
    yield from torch.split(rows, _SCORED_AT_ONCE) if len(rows) else (rows,)


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
    known = codes != UNKNOWN
    if not bool(known.any()):
        return None
    return float((logits[known].argmax(1) == codes[known]).float().mean())
