"""Training a whole image network on photos of known categories. Needs the extra [train]."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from marketrank.errors import BadInput
from marketrank.evaluation.model_metrics import classified
from marketrank.models import schedules
from marketrank.models.device import Runtime
from marketrank.models.labels import UNKNOWN, Labels, class_weights
from marketrank.models.networks import Network
from marketrank.models.photo_data import PhotoData

_LONGEST_GRADIENT = 5.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained. Rates and decay are AdamW's (Loshchilov and Hutter, ICLR 2019);
    `warm_up` is a share of the run; `smoothing` the share of each target spread over all labels
    (Szegedy et al., CVPR 2016); classes weigh count^-`balance` a member. Two things hold for a
    pretrained body alone: it learns at `body_share` of the rate, and not at all in the first
    `freeze_epochs` (Howard and Ruder, "Universal Language Model Fine-tuning", ACL 2018): a new
    head's first gradients are noise, which would undo what the body knows."""

    batch: int = 64
    learning_rate: float = 1e-3
    body_share: float = 0.1
    weight_decay: float = 0.05
    warm_up: float = 0.1
    smoothing: float = 0.1
    balance: float = 0.5
    freeze_epochs: int = 1


class VisionLearner:
    """Trains a Network on `training`, scores it on `validation`; a `training_loop.Learner`.

    On a CPU the same seeds give the same numbers, for any number of `workers`, processes that load
    photos. Photos of label UNKNOWN are left out on both sides, also those found unreadable.
    """

    def __init__(
        self,
        network: Network,
        training: PhotoData,
        validation: PhotoData,
        labels: Labels,
        recipe: Recipe,
        *,
        epochs: int,
        runtime: Runtime,
        workers: int = 0,
    ) -> None:
        """`epochs` is what the learning rate's cosine ends at. Moves the network to the runtime's
        device. Raises BadInput where either side has no photo of a known label, or batches are
        of fewer than two photos, which batch norms cannot learn from."""
        if recipe.batch < 2:
            raise BadInput(f"batches of {recipe.batch} photos train no batch norm; give 2 or more")
        self._rows = _labelled("training", training)
        self._asked = _labelled("validation", validation)
        self.model = network.module
        self._training, self._validation = training, validation
        self._recipe, self._epochs = recipe, epochs
        self._runtime, self._workers = runtime, workers
        self._run = runtime.prepare(network.module)
        self._body = network.module.get_submodule("body")
        self._freeze = 0 if network.source is None else recipe.freeze_epochs
        weights = class_weights(training.codes, labels, power=recipe.balance)
        self._weights = runtime.to(torch.from_numpy(weights))
        body_share = 1.0 if network.source is None else recipe.body_share
        self.optimizer = torch.optim.AdamW(
            [
                *_groups(self._body, recipe.weight_decay, body_share),
                *_groups(network.module.get_submodule("head"), recipe.weight_decay, 1.0),
            ],
            lr=recipe.learning_rate,
        )

    def train_epoch(self, epoch: int) -> Mapping[str, float]:
        """Mean loss of the batches. Raises BadInput where no photo could be read."""
        self._set_stage(epoch)
        self._training.set_epoch(epoch)
        batches = self._shuffled()
        total, n = self._weights.new_zeros(()), 0
        for number, (pixels, codes) in enumerate(self._load(self._training, batches)):
            if not bool((codes != UNKNOWN).any()):
                continue  # no photo of it could be read; the mean over none is not a number
            done = (epoch - 1 + number / len(batches)) / self._epochs
            rate = self._recipe.learning_rate * schedules.cosine(done, self._recipe.warm_up)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["share"]
            total += self._step(pixels, codes)
            n += 1
        if not n:
            raise BadInput(f"none of the {len(self._rows)} training photos can be read")
        return {"loss": float(total) / n}

    def evaluate(self) -> Mapping[str, float]:
        """`accuracy`, `macro_f1`, and their mean `score`, on the validation photos that can be
        read. Raises BadInput where none can."""
        self.model.eval()
        true: list[torch.Tensor] = []
        guessed: list[torch.Tensor] = []
        batches = torch.split(torch.from_numpy(self._asked), self._recipe.batch)
        with torch.no_grad(), self._runtime.autocast():
            for pixels, codes in self._load(self._validation, [b.tolist() for b in batches]):
                guessed.append(self._run(self._runtime.to(pixels)).argmax(1).cpu())
                true.append(codes)
        truth, guess = torch.cat(true).numpy(), torch.cat(guessed).numpy()
        known = truth != UNKNOWN
        if not known.any():
            raise BadInput(f"none of the {len(truth)} validation photos can be read")
        found = classified(truth[known], guess[known])
        score = (found.accuracy + found.macro_f1) / 2
        return {"accuracy": found.accuracy, "macro_f1": found.macro_f1, "score": score}

    def _step(self, pixels: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """One step of the optimizer; the loss, still on the device: to read it is to wait."""
        with self._runtime.autocast():
            logits = self._run(self._runtime.to(pixels))
            loss = cross_entropy(
                logits.float(),
                self._runtime.to(codes),
                weight=self._weights,
                ignore_index=UNKNOWN,
                label_smoothing=self._recipe.smoothing,
            )
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _LONGEST_GRADIENT)
        self.optimizer.step()
        return loss.detach()

    def _set_stage(self, epoch: int) -> None:
        """What is frozen is a function of the epoch, and the optimizer's groups are the same in
        every stage: so a run can go on anywhere. A frozen body's batch norms keep their
        statistics."""
        frozen = epoch <= self._freeze
        self.model.train()
        self._body.requires_grad_(not frozen)
        if frozen:
            self._body.eval()

    def _shuffled(self) -> list[list[int]]:
        order = self._rows[torch.randperm(len(self._rows)).numpy()]
        batches = list(torch.split(torch.from_numpy(order), self._recipe.batch))
        if len(batches) > 1 and len(batches[-1]) < self._recipe.batch // 2:
            batches.pop()  # of a few photos gradient and batch statistics are mostly noise
        return [batch.tolist() for batch in batches]

    def _load(
        self, data: PhotoData, batches: list[list[int]]
    ) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        # Workers start anew each time, and so know the epoch: see PhotoData.set_epoch.
        loader: DataLoader[Any] = DataLoader(
            data,
            batch_sampler=batches,
            num_workers=self._workers,
            pin_memory=self._runtime.device.type == "cuda",
        )
        return loader


def _groups(module: torch.nn.Module, decay: float, share: float) -> list[dict[str, Any]]:
    """Weights, and what is not decayed: biases and the scales of norms (He et al., "Bag of Tricks
    for Image Classification", CVPR 2019)."""
    weights = [p for p in module.parameters() if p.dim() > 1]
    others = [p for p in module.parameters() if p.dim() <= 1]
    return [
        {"params": weights, "weight_decay": decay, "share": share},
        {"params": others, "weight_decay": 0.0, "share": share},
    ]


def _labelled(side: str, data: PhotoData) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The rows of known label."""
    rows = np.flatnonzero(data.codes != UNKNOWN)
    if not len(rows):
        raise BadInput(
            f"none of the {len(data)} {side} photos has a known category; ingest more listings"
        )
    return rows
