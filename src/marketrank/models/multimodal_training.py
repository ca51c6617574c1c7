"""The multimodal training from features to a fitted model, in two stages: heads on what frozen
networks say (LP-FT: Kumar et al., ICLR 2022), then heads and late blocks together. Needs the extra
[train]."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marketrank.models.backbones import LITES, MAP_STRIDE, load
from marketrank.models.device import pick
from marketrank.models.export import write_text
from marketrank.models.feature_cache import Report, Spec, cached
from marketrank.models.multimodal import Multimodal, Recipe
from marketrank.models.multimodal_learner import (
    Examples,
    MultimodalLearner,
    answer_all,
    answer_photos,
)
from marketrank.models.photo_maps import PhotoMaps
from marketrank.models.photo_tower import FixedPhotos, PhotoTower, TunedPhotos
from marketrank.models.photo_votes import PhotoVotes, Remembered, Rule, draw_voters, fit_votes
from marketrank.models.pretrained import MINILM_SHA256, minilm
from marketrank.models.probabilities import log_softmax, mean_by_owner
from marketrank.models.towers import TextEncoder
from marketrank.models.training_loop import Outcome, Plan, load_model, save_model, train
from marketrank.types import Vectors

Rows = NDArray[np.int64]
NETWORKS = ("lite0", "lite2")
TEXT_WIDTH = 384
_TEXT_BATCH = 256
_FEATURE_BATCH = 128
_FIXED_VARIANTS = 2  # the photo and its mirror image: crops teach the heads little more


@dataclass(frozen=True, slots=True)
class Schedule:
    """`size` is the side at which photos are read, in pixels; epochs of both stages, the patience
    of the second, and its batch and rates: a batch is small there, since maps are large. `way` is
    how far weights are left from where the second stage began to where it ended (WiSE-FT: Wortsman
    et al., CVPR 2022), and `votes` how many photos are remembered, at most (see `photo_votes`)."""

    size: int = 288
    head_epochs: int = 15
    tower_epochs: int = 5
    patience: int = 2
    tower_batch: int = 64
    tower_head_rate: float = 3e-4
    tower_rate: float = 4e-4
    way: float = 0.7
    votes: int = 20_000


@dataclass(frozen=True)
class Material:
    """n listings as what frozen towers make of them: `titles` and `texts` (n, t); `photos` (n, k)
    rows of `maps` and of `features` (variants, m, width), -1 where there is none; codes of `roots`
    and `seconds` and leak `groups` (n,)."""

    titles: Vectors
    texts: Vectors
    photos: Rows
    maps: PhotoMaps
    features: NDArray[np.float16]
    roots: Rows
    seconds: Rows
    groups: Rows

    def examples(self, rows: Rows, device: torch.device) -> Examples:
        columns = (self.titles, self.texts, self.photos, self.roots, self.seconds, self.groups)
        return Examples(*(torch.from_numpy(one[rows]).to(device) for one in columns))


@dataclass(frozen=True)
class Fitted:
    """The trained parts, in evaluation mode, and how the second stage went. They are not those of
    its best epoch, but `Schedule.way` of the way to them."""

    heads: Multimodal
    tower: PhotoTower
    outcome: Outcome


@dataclass(frozen=True)
class HeldOutAnswers:
    """Of n listings with m photos: log probabilities of root categories by text `space` (n, k), by
    photo `photo_logs` (m, k) and their mean `photos` (n, k), unit vectors, the row of each photo's
    listing, and how much text and photos counted `weights` (n, 2). `photo_logs` are the head's
    alone before `vote`."""

    space: NDArray[np.float32]
    photo_logs: NDArray[np.float32]
    photos: NDArray[np.float32]
    owner: Rows
    titles: Vectors
    photo_vectors: Vectors
    fused: Vectors
    weights: NDArray[np.float32]


def encode_texts(
    folder: Path, texts: Sequence[str], *, kind: str, threads: int, progress: Report | None = None
) -> Vectors:
    """Unit vectors (n, 384) of the frozen text tower; `folder` caches them by their `kind`."""
    with tempfile.TemporaryDirectory() as place:
        opened: list[TextEncoder] = []

        def compute(some: Sequence[str]) -> Mapping[str, Vectors]:
            if not opened:
                part = write_text(Path(place), minilm())
                opened.append(TextEncoder(Path(place), part, threads=threads))
            return {"text": opened[0].encode(some)}

        found = cached(
            folder,
            list(texts),
            {"text": Spec((TEXT_WIDTH,), "float32")},
            compute,
            kind=kind,
            identity=MINILM_SHA256,
            batch=_TEXT_BATCH,
            stage="frozen text tower",
            progress=progress,
        )
    return np.asarray(found["text"])


def frozen_features(
    folder: Path, maps: PhotoMaps, keys: Sequence[str], *, progress: Report | None = None
) -> NDArray[np.float16]:
    """What the ImageNet networks' late blocks make of the first variants' maps: (m, variants,
    width), from the cache in `folder` where it has them. `keys` name the photos."""
    tower = _tower(maps)
    photos = TunedPhotos(tower.eval(), maps, torch.device("cpu"))
    variants = min(_FIXED_VARIANTS, maps.variants)
    row_of = {key: row for row, key in enumerate(keys)}

    @torch.inference_mode()
    def compute(some: Sequence[str]) -> Mapping[str, NDArray[np.float32]]:
        rows = torch.tensor([row_of[key] for key in some]).repeat_interleave(variants)
        which = torch.arange(variants).repeat(len(some))
        return {"features": photos(rows, which).numpy().reshape(len(some), variants, -1)}

    found = cached(
        folder,
        keys,
        {"features": Spec((variants, photos.width), "float16")},
        compute,
        kind="photo-features",
        identity=repr([maps.side, *(LITES[name] for name in maps.maps)]),
        batch=_FEATURE_BATCH,
        stage="frozen late blocks",
        progress=progress,
    )
    return np.asarray(found["features"])


@dataclass(frozen=True)
class Setup:
    """What the trainings of one run share. `labels` counts root and second-level labels;
    `class_weights` (roots,); each training is a run of `training_loop` in `folder`, and goes on
    where it was killed."""

    material: Material
    folder: Path
    recipe: Recipe
    schedule: Schedule
    labels: tuple[int, int]
    class_weights: NDArray[np.float32]
    seed: int
    device: str
    progress: Report | None = None

    def run(self, learner: MultimodalLearner, name: str, plan: Plan, stage: str) -> Outcome:
        config = {
            "name": name,
            "recipe": asdict(self.recipe),
            "schedule": asdict(self.schedule),
        }
        return train(
            learner,
            self.folder / name,
            plan,
            config=config,
            seed=self.seed,
            stage=stage,
            progress=self.progress,
        )


def fit(setup: Setup, training: Rows, validation: Rows) -> Fitted:
    """Both stages on the rows of `training`, each keeping its best epoch on those of
    `validation`."""
    schedule = setup.schedule
    plans = (
        Plan(schedule.head_epochs, schedule.head_epochs, "score"),
        Plan(schedule.tower_epochs, schedule.patience, "score"),
    )
    return _fit(setup, "measured", (training, validation), plans)


def finish(setup: Setup) -> Fitted:
    """Both stages from the start on all listings, for all epochs: on new listings that does better
    than to go on from what was measured on a part (docs/adr/0102)."""
    every = np.arange(len(setup.material.roots))
    epochs = (setup.schedule.head_epochs, setup.schedule.tower_epochs)
    heads, tower = (Plan(n, 1, None) for n in epochs)
    return _fit(setup, "kept", (every, every[:0]), (heads, tower))


def _fit(setup: Setup, name: str, parts: tuple[Rows, Rows], plans: tuple[Plan, Plan]) -> Fitted:
    """Heads on frozen features, then heads and tower together."""
    where = pick(setup.device)
    torch.manual_seed(setup.seed)
    heads = _heads(setup.material, setup.labels, setup.recipe).to(where)
    training, validation = (setup.material.examples(rows, where) for rows in parts)
    learner = MultimodalLearner(
        heads,
        training,
        validation,
        FixedPhotos(setup.material.features),
        setup.recipe,
        epochs=plans[0].epochs,
        class_weights=torch.from_numpy(setup.class_weights).to(where),
    )
    on = {"measured": "on a part", "kept": "on all listings"}[name]
    setup.run(learner, f"{name}/heads", plans[0], f"heads {on}")
    tower = _tower(setup.material.maps).to(where)
    schedule = setup.schedule
    learner = MultimodalLearner(
        heads,
        training,
        validation,
        TunedPhotos(tower, setup.material.maps, where),
        replace(setup.recipe, batch=schedule.tower_batch, learning_rate=schedule.tower_head_rate),
        epochs=plans[1].epochs,
        tower=tower,
        tower_rate=schedule.tower_rate,
        class_weights=torch.from_numpy(setup.class_weights).to(where),
    )
    begun = {key: value.clone() for key, value in learner.model.state_dict().items()}
    second = setup.run(learner, f"{name}/tower", plans[1], f"late blocks {on}")
    _go_back(learner.model, begun, way=schedule.way)
    return Fitted(heads.eval(), tower.eval(), second)


@torch.no_grad()
def _go_back(model: torch.nn.Module, begun: Mapping[str, torch.Tensor], *, way: float) -> None:
    """Leave weights `way` of the way from where they were to where they are."""
    for name, value in model.state_dict().items():
        if value.dtype.is_floating_point:
            value.copy_(torch.lerp(begun[name], value, way))


def save_fitted(path: Path, fitted: Fitted) -> None:
    """See `load_fitted`. Raises BadInput where the disk is full."""
    save_model(torch.nn.ModuleDict({"heads": fitted.heads, "tower": fitted.tower}), path)


def load_fitted(
    file: Path, *, labels: tuple[int, int], recipe: Mapping[str, Any], size: int
) -> tuple[Multimodal, PhotoTower]:
    """Heads and tower of a file of `save_fitted`, or of an epoch of the second stage, with the
    recipe and the `size` of its config. Raises Corrupt where the file does not fit."""
    networks = {name: load(LITES[name]) for name in NETWORKS}
    tower = PhotoTower(networks, side=size // MAP_STRIDE)
    heads = Multimodal(
        text_features=TEXT_WIDTH,
        photo_features=tower.width,
        roots=labels[0],
        seconds=labels[1],
        recipe=Recipe(**recipe),
    )
    load_model(torch.nn.ModuleDict({"heads": heads, "tower": tower}), file)
    return heads.eval(), tower.eval()


def answer(fitted: Fitted, material: Material, rows: Rows) -> HeldOutAnswers:
    """What the fitted model says of these rows."""
    where = next(fitted.heads.parameters()).device
    examples = material.examples(rows, where)
    photos = TunedPhotos(fitted.tower, material.maps, where)
    found = answer_all(fitted.heads, examples, photos)

    def plain(tensor: torch.Tensor) -> NDArray[np.float32]:
        return np.asarray(tensor.float().cpu().numpy(), np.float32)

    owner = found.owner.cpu().numpy()
    photo_logs = log_softmax(plain(found.photos.roots))
    return HeldOutAnswers(
        space=log_softmax(plain(found.texts.roots)),
        photo_logs=photo_logs,
        photos=mean_by_owner(photo_logs, owner, len(rows)),
        owner=owner,
        titles=plain(found.titles.vectors),
        photo_vectors=plain(found.photos.vectors),
        fused=plain(found.fused.vectors),
        weights=plain(found.weights),
    )


def vote(votes: PhotoVotes | None, said: HeldOutAnswers) -> HeldOutAnswers:
    """The same answers, with the votes of remembered photos in them."""
    if votes is None:
        return said
    with torch.inference_mode():
        mixed = votes(torch.from_numpy(said.photo_vectors), torch.from_numpy(said.photo_logs))
    logs = mixed.numpy()
    return replace(said, photo_logs=logs, photos=mean_by_owner(logs, said.owner, len(said.space)))


def choose_votes(
    setup: Setup, fitted: Fitted, training: Rows, said: HeldOutAnswers, validation: Rows
) -> PhotoVotes | None:
    """How the training photos vote, chosen by what is `said` of the validation listings."""
    codes = setup.material.roots[validation][said.owner]
    taught = _remember(setup, fitted, training)
    return fit_votes(taught, said.photo_vectors, said.photo_logs, codes)


def kept_votes(setup: Setup, fitted: Fitted, rule: Rule) -> PhotoVotes:
    """The photos of all listings, which vote by this rule."""
    every = np.arange(len(setup.material.roots))
    return PhotoVotes(_remember(setup, fitted, every), setup.labels[0], rule)


def _remember(setup: Setup, fitted: Fitted, rows: Rows) -> Remembered:
    """Of these listings; only photos that are to vote are looked at."""
    material = setup.material
    owner, place = np.nonzero(material.photos[rows] >= 0)
    codes = material.roots[rows][owner]
    kept = draw_voters(codes, most=setup.schedule.votes, seed=setup.seed)
    where = next(fitted.heads.parameters()).device
    found = answer_photos(
        fitted.heads,
        TunedPhotos(fitted.tower, material.maps, where),
        torch.from_numpy(material.photos[rows][owner, place][kept]).to(where),
    )
    return Remembered(found.vectors.float().cpu().numpy(), codes[kept])


def _heads(material: Material, labels: tuple[int, int], recipe: Recipe) -> Multimodal:
    return Multimodal(
        text_features=material.texts.shape[1],
        photo_features=material.features.shape[2],
        roots=labels[0],
        seconds=labels[1],
        recipe=recipe,
    )


def _tower(maps: PhotoMaps) -> PhotoTower:
    return PhotoTower({name: load(LITES[name]) for name in maps.maps}, side=maps.side)
