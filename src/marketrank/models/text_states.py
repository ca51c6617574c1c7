"""What the first layers of a text tower make of the training texts, computed once and kept on disk,
so that tuning the last layers starts there. Needs the extra [train].

A text takes as many bytes as the longest may, 192 KiB of MPNet: a third of a photo's maps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from marketrank.models.device import Runtime, pick
from marketrank.models.export import MAX_TOKENS
from marketrank.models.feature_cache import Arrays, Report, Spec, cached
from marketrank.models.pretrained import TextTower
from marketrank.models.text_layers import EarlyLayers

_AT_ONCE = 32
Tokens = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class TextStates:
    """Of n texts: `hidden` has shape (n, MAX_TOKENS, dim), float16, mapped from disk, in which text
    i lies at `places[i]` and has `lengths[i]` tokens."""

    hidden: NDArray[np.float16]
    places: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def batch(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Hidden states (n, tokens, dim), float32, and mask (n, tokens) of these texts."""
        lengths = self.lengths[rows]
        longest = max(1, int(lengths.max()))
        hidden = self.hidden[self.places[rows], :longest].astype(np.float32)
        mask = np.arange(longest) < lengths[:, None]
        return torch.from_numpy(hidden), torch.from_numpy(mask.astype(np.int64))


def tokenise(tower: TextTower, texts: Sequence[str]) -> Tokens:
    """As the exported tower reads them: cut to MAX_TOKENS."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(tower.tokenizer.decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    clean = [text.encode("utf-8", "ignore").decode("utf-8") for text in texts]
    return tuple(tuple(one.ids) for one in tokenizer.encode_batch(clean))


def text_states(
    folder: Path,
    tower: TextTower,
    texts: Sequence[str],
    *,
    layers: int,
    device: str,
    progress: Report | None = None,
) -> TextStates:
    """The states after this many layers, from the cache in `folder` as far as it has them. Raises
    BadInput for a full disk."""
    tokens = tokenise(tower, texts)
    lengths = np.array([len(one) for one in tokens], np.int64)
    # Those of like length are computed together, with little padding.
    order = np.argsort(lengths, kind="stable")
    read = {" ".join(map(str, one)): one for one in tokens}
    names = [" ".join(map(str, tokens[row])) for row in order]
    where = pick(device)
    runtime = Runtime.for_products(where)
    early = EarlyLayers(tower, layers)

    @torch.inference_mode()
    def compute(some: Sequence[str]) -> Arrays:
        batch = [read[name] for name in some]
        ids, mask = padded(batch, tower.pad_id, device=where)
        early.to(where)
        with runtime.autocast():
            found = early(ids, mask)
        states = np.zeros((len(batch), MAX_TOKENS, tower.dim), np.float16)
        states[:, : found.shape[1]] = (found * mask.unsqueeze(-1)).float().cpu().numpy()
        return {"hidden": states}

    found = cached(
        folder,
        names,
        {"hidden": Spec((MAX_TOKENS, tower.dim), "float16")},
        compute,
        kind="text-states",
        identity=repr([tower.source.sha256, len(early.layer), runtime.half]),
        batch=_AT_ONCE,
        stage="first layers of the text tower",
        progress=progress,
    )
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return TextStates(found["hidden"], places, lengths)


def padded(
    batch: Sequence[Sequence[int]], pad_id: int, *, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """ids and mask, int64 (n, tokens), of token ids."""
    longest = max(1, *(len(one) for one in batch))
    ids = torch.full((len(batch), longest), pad_id)
    mask = torch.zeros((len(batch), longest), dtype=torch.int64)
    for place, one in enumerate(batch):
        ids[place, : len(one)] = torch.tensor(one)
        mask[place, : len(one)] = 1
    return ids.to(device), mask.to(device)
