"""Category from the text by a transformer that is tuned for it. Needs the extra [train].

The last layers of a pretrained tower are tuned, with a small rate for them and a larger one for the
new head, warmed up and falling linearly (Devlin et al., "BERT", NAACL 2019; the layers below are
frozen: Lee et al., "What would Elsa do?", 2019), on what the frozen ones made of the texts once.
The tuned tower only classifies: search keeps the frozen one, which has not forgotten the words that
are not here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marketrank.errors import BadInput, NotReady
from marketrank.evaluation.model_metrics import classified
from marketrank.models import schedules
from marketrank.models.device import Runtime, pick
from marketrank.models.labels import UNKNOWN
from marketrank.models.losses import hierarchy
from marketrank.models.pretrained import TextTower
from marketrank.models.team import Rows, team
from marketrank.models.text_layers import EarlyLayers, LateLayers, open_tower
from marketrank.models.text_states import TextStates
from marketrank.models.training_loop import load_model

_BATCHES_A_BUCKET = 32  # texts of a bucket are sorted by length: little padding, still mixed
_SCORED_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """What a person may change. Of the `tower` (see `text_layers.TOWERS`) the first `frozen` layers
    stay as they are; `head_rate` is how many times faster the new head learns."""

    tower: str = "mpnet"
    frozen: int = 8
    batch: int = 16
    learning_rate: float = 5e-5
    head_rate: float = 20.0
    weight_decay: float = 0.01
    dropout: float = 0.2
    smoothing: float = 0.1
    second_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Texts:
    """n of the texts whose states are there, by row (n,), and their categories' codes (n,),
    negative where unknown."""

    states: TextStates
    rows: NDArray[np.int64]
    roots: torch.Tensor
    seconds: torch.Tensor

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """In tokens, (n,)."""
        return self.states.lengths[self.rows]

    def at(self, rows: NDArray[np.int64]) -> "Texts":
        picked = torch.from_numpy(rows)
        return Texts(self.states, self.rows[rows], self.roots[picked], self.seconds[picked])


def text_learner(
    tower: TextTower,
    states: TextStates,
    codes: tuple[NDArray[np.int64], NDArray[np.int64]],
    widths: tuple[int, int],
    parts: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    recipe: TextRecipe,
    epochs: int,
    seed: int,
    device: str,
    class_weights: NDArray[np.float32],
) -> "TextLearner":
    """A learner of the root and second-level codes of all texts of `states`, with the last layers
    of the tower and a head drawn from the seed. `widths` counts labels of both levels, `parts` are
    the rows to train and to validate on, `class_weights` (roots,)."""
    torch.manual_seed(seed)
    where = pick(device)
    roots, seconds = (torch.from_numpy(one) for one in codes)
    whole = Texts(states, np.arange(len(states)), roots, seconds)
    return TextLearner(
        TunedText.of(tower, recipe, widths).to(where),
        whole.at(parts[0]),
        whole.at(parts[1]),
        recipe,
        whole=whole,
        epochs=epochs,
        device=where,
        class_weights=torch.from_numpy(class_weights).to(where),
    )


class TunedText(torch.nn.Module):
    """What the frozen layers make of texts (n, tokens, dim), and the mask, int64 (n, tokens), to
    logits of roots and second levels."""

    def __init__(self, late: LateLayers, *, roots: int, seconds: int, dropout: float) -> None:
        super().__init__()
        self.late = late
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(late.dim, roots + seconds)
        self._roots = roots

    @classmethod
    def of(cls, tower: TextTower, recipe: TextRecipe, widths: tuple[int, int]) -> "TunedText":
        """With the tower's own last layers, and a new head."""
        late = LateLayers(tower, recipe.frozen)
        return cls(late, roots=widths[0], seconds=widths[1], dropout=recipe.dropout)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.head(self.dropout(self.late(hidden, mask)))
        return logits[:, : self._roots], logits[:, self._roots :]


class TextClassifier(torch.nn.Module):
    """ids and mask, int64 (n, tokens), to logits of roots and second levels: the frozen layers of
    `tower` and what was `tuned` on them."""

    def __init__(self, tower: TextTower, recipe: TextRecipe, widths: tuple[int, int]) -> None:
        super().__init__()
        self.tower = tower
        self.early, self.tuned = (
            EarlyLayers(tower, recipe.frozen),
            TunedText.of(tower, recipe, widths),
        )

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found: tuple[torch.Tensor, torch.Tensor] = self.tuned(self.early(ids, mask), mask)
        return found


def load_tuned(file: Path, *, labels: tuple[int, int], recipe: Mapping[str, Any]) -> TextClassifier:
    """With the weights of an epoch's file and the recipe of its config, in evaluation mode. Raises
    NotReady for a run of before towers were named, and Corrupt where the file does not fit."""
    if "tower" not in recipe:
        raise NotReady(
            f"{file} tunes all layers of MiniLM, as earlier releases did; "
            "run `marketrank train text` again"
        )
    told = TextRecipe(**recipe)
    model = TextClassifier(open_tower(told.tower), told, labels)
    load_model(model.tuned, file)
    return model.eval()


class TextLearner:
    """Tunes on `training`, scores on `validation`; a `training_loop.Learner`."""

    def __init__(
        self,
        model: TunedText,
        training: Texts,
        validation: Texts,
        recipe: TextRecipe,
        *,
        whole: Texts,
        epochs: int,
        device: torch.device,
        class_weights: torch.Tensor | None = None,
    ) -> None:
        """`whole` is what `judge` answers about. Raises BadInput where no training text has a known
        category."""
        if not bool((training.roots != UNKNOWN).any()):
            raise BadInput("no training text has a known category; ingest more listings")
        self.model = model
        self._training, self._validation, self._recipe = training, validation, recipe
        self._epochs, self._device, self._whole = epochs, device, whole
        self._class_weights = class_weights
        self._runtime, self._judging = Runtime.for_products(device), Runtime.on(device)
        self._team = team()
        body = [p for p in model.late.parameters() if p.requires_grad]
        head = list(model.head.parameters())
        rate = recipe.learning_rate
        groups = [{"params": body, "most": rate}, {"params": head, "most": rate * recipe.head_rate}]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=recipe.weight_decay)

    def train_epoch(self, epoch: int) -> Mapping[str, float]:
        self.model.train()
        batches = self._deal()
        total = 0.0
        for number, rows in enumerate(batches):
            done = (epoch - 1 + number / len(batches)) / self._epochs
            for group in self.optimizer.param_groups:
                group["lr"] = group["most"] * schedules.line(done)
            at = torch.tensor(rows)
            roots, seconds = self._logits(at, number)
            loss = hierarchy(
                roots,
                seconds,
                self._training.roots[at].to(self._device),
                self._training.seconds[at].to(self._device),
                smoothing=self._recipe.smoothing,
                second_share=self._recipe.second_share,
                weights=self._class_weights,
            )
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self._team.combine(self.model.parameters())
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            total += float(loss.detach())
        return {"loss": total / len(batches)}

    def _logits(self, rows: torch.Tensor, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Of training texts, for roots and second levels: each process of a team runs a part."""

        def run(part: Rows) -> torch.Tensor:
            with self._runtime.autocast():
                both = self.model(*self._batch(self._training, rows[part].tolist()))
            return torch.cat(both, dim=1).float()

        found = self._team.spread(run, len(rows), step=step)
        return found[:, : self.model._roots], found[:, self.model._roots :]

    def evaluate(self) -> Mapping[str, float]:
        """Accuracy and macro-F1 of root categories; "score" is the accuracy. {} where all texts are
        trained on, and none are left to validate."""
        if not len(self._validation):
            return {}
        logits = self.logits(self._validation)
        known = self._validation.roots != UNKNOWN
        if not bool(known.any()):
            raise BadInput("no validation text has a known category; ingest more listings")
        found = classified(
            self._validation.roots[known].numpy(), logits[known].argmax(1).cpu().numpy()
        )
        return {"accuracy": found.accuracy, "macro_f1": found.macro_f1, "score": found.accuracy}

    def go_on(self, rows: NDArray[np.int64], *, rate: float, epochs: int) -> "TextLearner":
        """A learner that goes on with this model on these rows of the whole, at a share of the
        rates, with none left to validate."""
        return TextLearner(
            self.model,
            self._whole.at(rows),
            self._whole.at(rows[:0]),
            replace(self._recipe, learning_rate=self._recipe.learning_rate * rate),
            whole=self._whole,
            epochs=epochs,
            device=self._device,
            class_weights=self._class_weights,
        )

    def judge(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Root logits (n, roots) of these rows of the whole."""
        return self.logits(self._whole.at(rows)).numpy()

    @torch.inference_mode()
    def logits(self, texts: Texts) -> torch.Tensor:
        """Root logits (n, roots), in the order given."""
        self.model.eval()
        order = np.argsort(texts.lengths, kind="stable")
        found = torch.zeros(len(texts), self.model._roots)
        for start in range(0, len(order), _SCORED_AT_ONCE):
            rows = order[start : start + _SCORED_AT_ONCE]
            with self._judging.autocast():
                logits = self.model(*self._batch(texts, rows))[0]
            found[torch.from_numpy(rows)] = logits.float().cpu()
        return found

    def _deal(self) -> list[list[int]]:
        """Batches of texts of like length, in random order."""
        size = self._recipe.batch
        shuffled: list[int] = torch.randperm(len(self._training)).tolist()
        lengths = self._training.lengths.tolist()
        batches: list[list[int]] = []
        for start in range(0, len(shuffled), size * _BATCHES_A_BUCKET):
            bucket = shuffled[start : start + size * _BATCHES_A_BUCKET]
            bucket.sort(key=lambda row: (lengths[row], row))
            batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
        return [batches[i] for i in torch.randperm(len(batches)).tolist()]

    def _batch(
        self, texts: Texts, rows: Sequence[int] | NDArray[np.int64]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        hidden, mask = texts.states.batch(texts.rows[rows])
        return self._runtime.to(hidden), self._runtime.to(mask)
