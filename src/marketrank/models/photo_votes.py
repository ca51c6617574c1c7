"""A photo's category by a vote of the photos that a model was taught on. Needs the extra [train].

Late blocks and head remember the training photos' categories almost by heart (.97 of them on a
second-hand feed, where .55 of new photos come out right), but the space in which photos find their
titles and siblings does not only tell categories apart: what lies near in it is alike. So the
nearest taught photos vote, beside the head (k nearest neighbours beside a classifier: Khandelwal et
al., "Generalization through memorization", ICLR 2020; weights that fall with the distance: Wu et
al., CVPR 2018).
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch.nn.functional import log_softmax, one_hot

from marketrank.errors import Corrupt
from marketrank.models.probabilities import log_loss
from marketrank.models.stack import fit_stack
from marketrank.models.training_loop import save_model
from marketrank.types import Vectors

SHARPNESS = (8.0, 12.0, 16.0, 20.0, 24.0, 32.0)
_EVERY = 1e-3  # the share of a vote that is spread over all categories
FILE = "votes.safetensors"
_RULE = "rule"


@dataclass(frozen=True, slots=True)
class Rule:
    """How photos vote: each by exp(`sharpness` · cosine), and what the votes and the head count
    in the logarithm of the answer."""

    sharpness: float
    head: float
    votes: float


@dataclass(frozen=True)
class Remembered:
    """Taught photos: unit `vectors` (m, dim) and `codes` (m,) of their root categories."""

    vectors: Vectors
    codes: NDArray[np.int64]


class PhotoVotes(torch.nn.Module):
    """Unit vectors (n, dim) and the photo head's logits (n, roots) to log probabilities (n, roots).
    Its state is what it remembers, in float16."""

    keys: torch.Tensor
    codes: torch.Tensor

    def __init__(self, remembered: Remembered, roots: int, rule: Rule) -> None:
        super().__init__()
        self.rule, self._roots = rule, roots
        self.register_buffer("keys", torch.from_numpy(remembered.vectors.astype(np.float16)))
        self.register_buffer("codes", torch.from_numpy(remembered.codes.astype(np.int64)))

    def forward(self, vectors: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        mixed = self.rule.head * log_softmax(logits, dim=1) + self.rule.votes * self.votes(vectors)
        return log_softmax(mixed, dim=1)

    def votes(self, vectors: torch.Tensor) -> torch.Tensor:
        """Log probabilities (n, roots) by the taught photos alone."""
        near = torch.exp(self.rule.sharpness * (vectors @ self.keys.float().T - 1))
        shares = near @ one_hot(self.codes, self._roots).float()
        shares = shares / shares.sum(dim=1, keepdim=True)
        return torch.log((shares + _EVERY) / (1 + _EVERY * self._roots))

    def save(self, folder: Path) -> None:
        """Raises BadInput where the disk takes no more; an earlier file stays then."""
        save_model(self, folder / FILE, {_RULE: orjson.dumps(asdict(self.rule)).decode()})

    @classmethod
    def load(cls, folder: Path, roots: int) -> "PhotoVotes | None":
        """None where none were saved. Raises Corrupt where they cannot be read."""
        path = folder / FILE
        if not path.exists():
            return None
        try:
            with safe_open(path, "np") as opened:
                rule = Rule(**orjson.loads(opened.metadata()[_RULE]))
                kept = Remembered(opened.get_tensor("keys"), opened.get_tensor("codes"))
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"{path} cannot be read ({error}); train it again") from error
        return cls(kept, roots, rule)


def fit_votes(
    remembered: Remembered,
    vectors: Vectors,
    logits: NDArray[np.float32],
    codes: NDArray[np.int64],
) -> PhotoVotes | None:
    """The rule of least log loss on held-out photos: `vectors` (n, dim), `logits` (n, roots) and
    true `codes` (n,), negative where unknown. None where nobody could vote, or nothing held out
    tells whether votes help."""
    known = codes >= 0
    if not known.any() or not len(remembered.codes):
        return None
    roots = logits.shape[1]
    points, true = torch.from_numpy(vectors[known]), codes[known]
    by_head = log_softmax(torch.from_numpy(logits[known]), dim=1).numpy()
    best: tuple[float, PhotoVotes] | None = None
    for sharpness in SHARPNESS:
        votes = PhotoVotes(remembered, roots, Rule(sharpness, 0.0, 1.0))
        with torch.inference_mode():
            sources = {"head": by_head, "votes": votes.votes(points).numpy()}
        stack = fit_stack(sources, true)
        loss = log_loss(stack.mix(sources), true)
        if best is None or loss < best[0]:
            votes.rule = Rule(sharpness, **stack.weights)
            best = loss, votes
    return best[1] if best else None


def draw_voters(codes: NDArray[np.int64], *, most: int, seed: int) -> NDArray[np.int64]:
    """Rows of photos whose category is known, ascending: at most `most`, drawn by the seed."""
    rows = np.flatnonzero(codes >= 0)
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
