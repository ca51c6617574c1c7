"""Training on photos alone, from keys to a fitted network, and what it then sees in photos. Needs
the extra [train]."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from marketrank.models.augment import Augment
from marketrank.models.device import Runtime, pick
from marketrank.models.labels import UNKNOWN, Codes, Labels
from marketrank.models.multimodal_training import Fitted, Material
from marketrank.models.networks import Network
from marketrank.models.photo_data import PhotoData, Read
from marketrank.models.photo_tower import TunedPhotos
from marketrank.models.training_loop import Outcome, Plan, Report, train
from marketrank.models.vision_learner import Recipe, VisionLearner
from marketrank.ports import BlobStore
from marketrank.types import Vectors

_AT_ONCE = 64
_Part = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Photos:
    """Keys of n photos and the codes of their labels (n,)."""

    keys: Sequence[str]
    codes: Codes


@dataclass(frozen=True)
class Seen:
    """Of m photos that can be read: `rows` (m,), ascending, among those asked about; `logits`
    (m, k) of root categories; `vectors` (m, width), the pooled features at unit length."""

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    vectors: Vectors


def read_from(blobs: BlobStore) -> Read:
    """What photo data read by: processes that load photos are given it."""
    return cast("Read", blobs.get)


def fit_network(
    network: Network,
    parts: tuple[Photos, Photos],
    folder: Path,
    recipe: Recipe,
    plan: Plan,
    *,
    labels: Labels,
    read: Read,
    seed: int,
    device: str,
    workers: int,
    stage: str,
    progress: Report | None = None,
) -> Outcome:
    """Train on the photos of `parts[0]`, altered at random, and watch those of `parts[1]` as they
    are; the network is then that of the best epoch. A run of `training_loop` in `folder`, which
    goes on where it was killed. For a GPU `workers` processes load photos; a CPU has no cores to
    spare for them."""
    runtime = Runtime.on(pick(device))
    training, validation = (
        PhotoData(one.keys, one.codes, read=read, size=network.size, augment=augment, seed=seed)
        for one, augment in zip(parts, (Augment(), None), strict=True)
    )
    learner = VisionLearner(
        network,
        training,
        validation,
        labels,
        recipe,
        epochs=plan.epochs,
        runtime=runtime,
        workers=0 if runtime.device.type == "cpu" else workers,
    )
    config = {"network": network.name, "recipe": asdict(recipe), "epochs": plan.epochs}
    return train(learner, folder, plan, config=config, seed=seed, stage=stage, progress=progress)


def see_by_network(network: Network, keys: Sequence[str], read: Read) -> Seen:
    """What a trained network sees in these photos."""
    # Their own positions are the labels, so that the unreadable ones, which lose theirs, are known.
    data = PhotoData(keys, np.arange(len(keys), dtype=np.int64), read=read, size=network.size)
    module: Any = network.module.eval()
    where = next(network.module.parameters()).device
    loader: DataLoader[Any] = DataLoader(data, batch_size=_AT_ONCE)

    def parts() -> Iterator[_Part]:
        for pixels, rows in loader:
            features = module.features(pixels.to(where))
            yield rows, module.head(features), features

    return _gather(parts, network.width)


def see_by_tower(fitted: Fitted, material: Material, rows: NDArray[np.int64]) -> Seen:
    """What a tuned tower and the photo head see in these photos, rows of the material's maps; all
    can be read."""
    where = next(fitted.heads.parameters()).device
    photos = TunedPhotos(fitted.tower, material.maps, where)

    def parts() -> Iterator[_Part]:
        for at in torch.split(torch.arange(len(rows)), _AT_ONCE):
            some = torch.from_numpy(rows[at.numpy()])
            features = photos(some, torch.zeros_like(some))
            yield at, fitted.heads.photos(features).roots, features

    return _gather(parts, photos.width)


@torch.inference_mode()
def _gather(parts: Callable[[], Iterator[_Part]], width: int) -> Seen:
    """Rows (UNKNOWN where there was no photo), logits and features of each batch as one answer."""
    found = [tuple(one.cpu().numpy() for one in part) for part in parts()]
    if not found:
        nothing = np.zeros((0, width), np.float32)
        return Seen(np.zeros(0, np.int64), nothing[:, :0], nothing)
    rows, logits, features = (np.concatenate(column) for column in zip(*found, strict=True))
    kept = rows != UNKNOWN
    lengths = np.linalg.norm(features[kept], axis=1, keepdims=True)
    return Seen(rows[kept], logits[kept], features[kept] / np.maximum(lengths, 1e-12))
