"""Category from the text by a transformer that is tuned for it. Needs the extra [train].

The pretrained tower is tuned whole but for its word embeddings, with a small rate for it and a
larger one for the new head, warmed up and falling linearly (Devlin et al., "BERT", NAACL 2019;
layers above frozen embeddings: Lee et al., "What would Elsa do?", 2019). The tuned tower
only classifies: search keeps the frozen one, which has not forgotten the words that are not here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.evaluation.model_metrics import classified
from marketrank.models import schedules
from marketrank.models.device import Runtime, pick
from marketrank.models.export import MAX_TOKENS
from marketrank.models.labels import UNKNOWN
from marketrank.models.losses import hierarchy
from marketrank.models.pretrained import TextTower, minilm
from marketrank.models.team import Rows, team
from marketrank.models.training_loop import load_model

_BATCHES_A_BUCKET = 32  # texts of a bucket are sorted by length: little padding, still mixed
_SCORED_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class TextRecipe:
    """What a person may change. `head_rate` is how many times faster the new head learns."""

    batch: int = 16
    learning_rate: float = 5e-5
    head_rate: float = 20.0
    weight_decay: float = 0.01
    dropout: float = 0.2
    smoothing: float = 0.1
    second_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Texts:
    """Token ids of n texts, and their categories' codes (n,), negative where unknown."""

    tokens: tuple[tuple[int, ...], ...]
    roots: torch.Tensor
    seconds: torch.Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def at(self, rows: NDArray[np.int64]) -> "Texts":
        tokens = tuple(self.tokens[int(row)] for row in rows)
        return Texts(
            tokens, self.roots[torch.from_numpy(rows)], self.seconds[torch.from_numpy(rows)]
        )


def tokenise(tower: TextTower, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """As the exported tower reads them: cut to MAX_TOKENS."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tower.tokenizer.decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    clean = [text.encode("utf-8", "ignore").decode("utf-8") for text in texts]
    return tuple(tuple(one.ids) for one in tokenizer.encode_batch(clean))


def text_learner(
    texts: Sequence[str],
    codes: tuple[NDArray[np.int64], NDArray[np.int64]],
    widths: tuple[int, int],
    parts: tuple[NDArray[np.int64], NDArray[np.int64]],
    recipe: TextRecipe,
    *,
    epochs: int,
    seed: int,
    device: str,
    class_weights: NDArray[np.float32],
) -> "TextLearner":
    """A learner of all these texts' root and second-level codes, with the pretrained tower and a
    head drawn from the seed. `widths` counts labels of both levels, `parts` are the rows to train
    and to validate on, `class_weights` (roots,)."""
    torch.manual_seed(seed)
    tower = minilm()
    where = pick(device)
    roots, seconds = (torch.from_numpy(one) for one in codes)
    whole = Texts(tokenise(tower, texts), roots, seconds)
    model = TunedText(
        tower.module, dim=tower.dim, roots=widths[0], seconds=widths[1], dropout=recipe.dropout
    ).to(where)
    return TextLearner(
        model,
        whole.at(parts[0]),
        whole.at(parts[1]),
        recipe,
        whole=whole,
        epochs=epochs,
        pad_id=tower.pad_id,
        device=where,
        class_weights=torch.from_numpy(class_weights).to(where),
    )


class TunedText(torch.nn.Module):
    """ids and mask, int64 (n, tokens), to logits of roots and second levels. `tower` is a
    `pretrained.TextTower`'s module."""

    def __init__(self, tower: Any, *, dim: int, roots: int, seconds: int, dropout: float) -> None:
        super().__init__()
        self.bert = tower.bert
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(dim, roots + seconds)
        self._roots = roots

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1.0)
        logits = self.head(self.dropout(mean))
        return logits[:, : self._roots], logits[:, self._roots :]


def load_tuned(file: Path, *, labels: tuple[int, int], recipe: Mapping[str, Any]) -> TunedText:
    """The model of an epoch's file, with the recipe of its config, in evaluation mode. Raises
    Corrupt where the file does not fit."""
    tower = minilm()
    dropout = TextRecipe(**recipe).dropout
    model = TunedText(
        tower.module, dim=tower.dim, roots=labels[0], seconds=labels[1], dropout=dropout
    )
    load_model(model, file)
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
        pad_id: int,
        device: torch.device,
        class_weights: torch.Tensor | None = None,
    ) -> None:
        """`whole` is what `judge` answers about. Raises BadInput where no training text has a known
        category."""
        if not bool((training.roots != UNKNOWN).any()):
            raise BadInput("no training text has a known category; ingest more listings")
        self.model = model
        self._training, self._validation, self._recipe = training, validation, recipe
        self._epochs, self._pad_id, self._device, self._whole = epochs, pad_id, device, whole
        self._class_weights = class_weights
        self._runtime, self._team = Runtime.on(device), team()
        for parameter in model.bert.embeddings.parameters():
            parameter.requires_grad = False
        body = [p for p in model.bert.parameters() if p.requires_grad]
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
            pad_id=self._pad_id,
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
        order = sorted(range(len(texts)), key=lambda row: len(texts.tokens[row]))
        found = torch.zeros(len(texts), self.model._roots)
        for start in range(0, len(order), _SCORED_AT_ONCE):
            rows = order[start : start + _SCORED_AT_ONCE]
            with self._runtime.autocast():
                found[rows] = self.model(*self._batch(texts, rows))[0].float().cpu()
        return found

    def _deal(self) -> list[list[int]]:
        """Batches of texts of like length, in random order."""
        size = self._recipe.batch
        shuffled: list[int] = torch.randperm(len(self._training)).tolist()
        batches: list[list[int]] = []
        for start in range(0, len(shuffled), size * _BATCHES_A_BUCKET):
            bucket = shuffled[start : start + size * _BATCHES_A_BUCKET]
            bucket.sort(key=lambda row: (len(self._training.tokens[row]), row))
            batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
        return [batches[i] for i in torch.randperm(len(batches)).tolist()]

    def _batch(self, texts: Texts, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(texts.tokens[row]) for row in rows)
        ids = torch.full((len(rows), longest), self._pad_id)
        mask = torch.zeros((len(rows), longest), dtype=torch.int64)
        for place, row in enumerate(rows):
            ids[place, : len(texts.tokens[row])] = torch.tensor(texts.tokens[row])
            mask[place, : len(texts.tokens[row])] = 1
        return ids.to(self._device), mask.to(self._device)
