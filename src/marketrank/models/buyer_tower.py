"""The buyer tower: what somebody did, who they are and where, to a point of the listing space; the
listing's side of the two towers is `buyers.listing_space`, which needs no learning. Needs the extra
[train].

A buyer's score for a listing is the inner product of their points. Trained on pairs (buyer before,
listing they then turned to), each against the other rows of its batch, corrected for how often a
listing is drawn (Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
recommendations", RecSys 2019), and against listings of the same category (hard negatives). No
parameter belongs to a buyer: one whose data are erased leaves nothing here.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from marketrank.errors import BadInput
from marketrank.models.buyer_signs import UNKNOWN, signs
from marketrank.models.schedules import cosine

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


_SMALLEST_BATCH = 64  # with fewer there is little to tell a listing from


@dataclass(frozen=True, slots=True)
class Shape:
    """`dim` is the encoder's width, `width` the whole listing space's, which ends in
    `place_width`; `signs` describe an event of the history; `values` counts each attribute's
    values, the unknown one included."""

    dim: int
    width: int
    place_width: int
    signs: int
    values: tuple[int, ...]
    hidden: int = 96
    heads: int = 4


@dataclass(frozen=True, slots=True)
class Recipe:
    """How it is trained. A batch is smaller than `batch` where an epoch would else have fewer than
    `steps` of them. `history` is how many of the latest events are looked at; in the shares
    `forget_*` of examples the tower must do without that part, so that it can."""

    batch: int = 512
    steps: int = 200
    rate: float = 1e-3
    decay: float = 1e-2
    history: int = 30
    hard: int = 16
    hard_weight: float = 0.3
    backwards_weight: float = 1.0
    forget_history: float = 0.3
    forget_attributes: float = 0.1
    forget_value: float = 0.05
    forget_place: float = 0.1
    temperature: float = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What to learn from. `listings` (m, width); `categories` (m,), their numbers; `attributes`
    (buyers, names) and `places` (buyers, place_width) by buyer. Events are sorted by buyer and
    time: `event_listing` (e,), `event_kind` (e,) and `event_day` (e,), days. An example is a pair:
    `buyer`, `listing`, `day` (n,), its `weight`, and the buyer's events before it, which are rows
    `first` to `last` of the events."""

    listings: Floats
    categories: Ints
    attributes: Ints
    places: Floats
    event_listing: Ints
    event_kind: Ints
    event_day: NDArray[np.float64]
    buyer: Ints
    listing: Ints
    day: NDArray[np.float64]
    weight: Floats
    first: Ints
    last: Ints

    def __len__(self) -> int:
        return len(self.buyer)


class BuyerTower(nn.Module):
    """Inputs: `history` (n, events, width), described listings, `signs` (n, events, signs) and
    `present` (n, events), which of them are there; `attributes` (n, names), numbers of values;
    `place` (n, place_width), zeros for none. Output (n, width)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        hidden = shape.hidden
        self.token = nn.Sequential(
            nn.Linear(shape.width + shape.signs, hidden), nn.GELU(), nn.Linear(hidden, hidden)
        )
        self.nothing = nn.Parameter(torch.zeros(hidden))
        self.values = nn.ModuleList(nn.Embedding(n, hidden) for n in shape.values)
        self.place = nn.Linear(shape.place_width, hidden, bias=False)
        self.query = nn.Linear(hidden, hidden * shape.heads)
        self.mix = nn.Sequential(
            nn.Linear(hidden * (shape.heads + 1), 2 * hidden),
            nn.GELU(),
            nn.Linear(2 * hidden, shape.width),
        )
        # The listings themselves, as attention weighs them: what is like them is liked from the
        # first step on.
        self.echo = nn.Parameter(torch.full((shape.heads, 3), 1.0 / shape.heads))
        self.nearness = nn.Parameter(torch.zeros(1))
        for table in self.values:
            assert isinstance(table, nn.Embedding)
            nn.init.normal_(table.weight, std=0.05)

    def forward(
        self,
        history: torch.Tensor,
        signs: torch.Tensor,
        present: torch.Tensor,
        attributes: torch.Tensor,
        place: torch.Tensor,
    ) -> torch.Tensor:
        shape = self.shape
        rows = history.shape[0]
        who = self.place(place)
        if not self.values:
            # No value is frequent enough to be known; an input that nothing reads would not be part
            # of the exported graph.
            who = who + 0 * attributes.sum(dim=1, keepdim=True)
        for number, table in enumerate(self.values):
            who = who + table(attributes[:, number])
        tokens = self.token(torch.cat([history, signs], dim=2))
        nothing = self.nothing.expand(rows, 1, shape.hidden)
        tokens = torch.cat([nothing, tokens], dim=1)
        seen = torch.cat([torch.ones_like(present[:, :1]), present], dim=1)
        query = self.query(who).reshape(rows, shape.heads, shape.hidden)
        affinity = query @ tokens.transpose(1, 2) / math.sqrt(shape.hidden)
        affinity = affinity.masked_fill(~seen[:, None, :], -1e9)
        attention = affinity.softmax(dim=2)
        pooled = (attention @ tokens).reshape(rows, shape.heads * shape.hidden)
        echoes = attention[:, :, 1:] @ history
        facts = shape.width - shape.dim - shape.place_width
        blocks = echoes.split([shape.dim, facts, shape.place_width], dim=2)
        echoed = torch.cat(
            [(block * self.echo[None, :, i : i + 1]).sum(dim=1) for i, block in enumerate(blocks)],
            dim=1,
        )
        near = functional.pad(
            functional.softplus(self.nearness) * place, (shape.width - shape.place_width, 0)
        )
        found: torch.Tensor = echoed + near + self.mix(torch.cat([pooled, who], dim=1))
        return found


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs of the tower by name, and the examples' rows."""

    inputs: dict[str, torch.Tensor]
    rows: Ints


class BuyerLearner:
    """Trains a tower on some of the examples and scores it on others; a `training_loop.Learner`."""

    def __init__(
        self,
        examples: Examples,
        shape: Shape,
        recipe: Recipe,
        *,
        train: Ints,
        held: Ints,
        epochs: int,
    ) -> None:
        """`train` and `held` are rows of the examples. Raises BadInput where nothing is to be
        learned from."""
        if len(train) < 2:
            raise BadInput(
                f"{len(train)} pairs of a buyer and a listing are too few to learn from; collect "
                "more events, or simulate some with `marketrank simulate`"
            )
        torch.manual_seed(0)  # the first weights; the loop seeds each epoch
        self.examples, self.shape, self.recipe = examples, shape, recipe
        self.model = BuyerTower(shape)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self._train, self._held, self._epochs = train, held, epochs
        self._listings = torch.from_numpy(examples.listings)
        counts = np.bincount(examples.listing[train], minlength=len(examples.listings))
        # Of a listing drawn never: as if once.
        shares = np.maximum(counts, 1) / len(train)
        self._log_q = torch.from_numpy(np.log(shares).astype(np.float32))
        order = np.argsort(examples.categories, kind="stable")
        self._by_category = order
        numbers = examples.categories[order]
        self._starts = np.searchsorted(numbers, np.arange(numbers.max(initial=0) + 2))

    def train_epoch(self, epoch: int) -> Mapping[str, float]:
        self.model.train()
        rng = np.random.default_rng(epoch)
        order = rng.permutation(self._train)
        size = max(min(self.recipe.batch, len(order) // self.recipe.steps), _SMALLEST_BATCH)
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        batches = [rows for rows in batches if len(rows) > 1]
        total = 0.0
        for number, rows in enumerate(batches):
            done = (epoch - 1 + number / len(batches)) / self._epochs
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate * cosine(min(done + 1e-3, 1.0))
            loss = self._loss(rows, rng)
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            total += float(loss.detach())
        return {"loss": total / max(len(batches), 1)}

    def evaluate(self) -> Mapping[str, float]:
        """`recall@50` of held-out pairs among all listings, with all that is known and (`cold`)
        without a history: the mean of both is what is watched."""
        if not len(self._held):
            return {}
        warm = self._recall(50, with_history=True)
        cold = self._recall(50, with_history=False)
        return {"recall@50": warm, "cold_recall@50": cold, "both": (warm + cold) / 2}

    def vectors(self, rows: Ints, *, with_history: bool = True) -> Floats:
        """Points (n, width) of the examples' buyers before them."""
        self.model.eval()
        found = []
        with torch.inference_mode():
            for start in range(0, len(rows), 1024):
                part = rows[start : start + 1024]
                inputs = self._inputs(part)
                if not with_history:
                    inputs["present"] = torch.zeros_like(inputs["present"])
                found.append(self.model(**inputs).numpy())
        return np.concatenate(found) if found else np.empty((0, self.shape.width), np.float32)

    def _recall(self, k: int, *, with_history: bool) -> float:
        rows = self._held[:2000]
        points = torch.from_numpy(self.vectors(rows, with_history=with_history))
        scores = points @ self._listings.T
        own = scores.gather(1, torch.from_numpy(self.examples.listing[rows])[:, None])
        return float(((scores > own).sum(dim=1) < k).float().mean())

    def _loss(self, rows: Ints, rng: np.random.Generator) -> torch.Tensor:
        recipe = self.recipe
        points = self.model(**self._forgetful(self._inputs(rows), rng))
        own = torch.from_numpy(self.examples.listing[rows])
        weight = torch.from_numpy(self.examples.weight[rows])
        logits = points @ self._listings[own].T / recipe.temperature
        target = torch.arange(len(rows))
        twins = (own[:, None] == own[None, :]) & ~torch.eye(len(rows), dtype=torch.bool)
        logits = logits.masked_fill(twins, -1e9)
        forwards = functional.cross_entropy(logits - self._log_q[own], target, reduction="none")
        # No correction here: against other buyers as often as they come, what is learned is how
        # much likelier than usual the pair is.
        backwards = functional.cross_entropy(logits.T, target, reduction="none")
        hard = self._listings[torch.from_numpy(self._alike(rows, rng))]
        against = torch.einsum("nd,nhd->nh", points, hard) / recipe.temperature
        both = torch.cat([logits.diagonal()[:, None], against], dim=1)
        hardest = functional.cross_entropy(
            both, torch.zeros(len(rows), dtype=torch.long), reduction="none"
        )
        loss = forwards + recipe.backwards_weight * backwards + recipe.hard_weight * hardest
        return (loss * weight).sum() / weight.sum()

    def _alike(self, rows: Ints, rng: np.random.Generator) -> Ints:
        """Other listings of the same category, drawn evenly: shape (n, hard)."""
        numbers = self.examples.categories[self.examples.listing[rows]]
        starts, ends = self._starts[numbers], self._starts[numbers + 1]
        spread = rng.random((len(rows), self.recipe.hard))
        places = starts[:, None] + (spread * (ends - starts)[:, None]).astype(np.int64)
        found = self._by_category[places]
        # The listing itself is no negative: any other stands in for it.
        other = rng.integers(0, len(self.examples.listings), found.shape)
        return np.where(found == self.examples.listing[rows][:, None], other, found)

    def _inputs(self, rows: Ints) -> dict[str, torch.Tensor]:
        examples, longest = self.examples, self.recipe.history
        last = examples.last[rows]
        first = np.maximum(examples.first[rows], last - longest)
        width = max(1, int((last - first).max(initial=0)))
        places = last[:, None] - 1 - np.arange(width)  # the latest first
        present = places >= first[:, None]
        places = np.maximum(places, 0)
        # A pair's own listing tells of itself.
        if len(examples.event_listing):
            events = examples.event_listing[places]
            ages = examples.day[rows][:, None] - examples.event_day[places]
            kinds = examples.event_kind[places]
        else:
            events = np.zeros(places.shape, np.int64)
            ages, kinds = np.zeros(places.shape), events
        present &= events != examples.listing[rows][:, None]
        history = self._listings[torch.from_numpy(events)]
        history = history * torch.from_numpy(present)[:, :, None]
        return {
            "history": history,
            "signs": torch.from_numpy(signs(kinds, ages, self.shape.signs)),
            "present": torch.from_numpy(present),
            "attributes": torch.from_numpy(examples.attributes[examples.buyer[rows]]),
            "place": torch.from_numpy(examples.places[examples.buyer[rows]]),
        }

    def _forgetful(
        self, inputs: dict[str, torch.Tensor], rng: np.random.Generator
    ) -> dict[str, torch.Tensor]:
        recipe = self.recipe
        n, names = inputs["attributes"].shape

        def drawn(share: float, *shape: int) -> torch.Tensor:
            return torch.from_numpy(rng.random(shape) < share)

        nobody = drawn(recipe.forget_attributes, n, 1) | drawn(recipe.forget_value, n, names)
        present = inputs["present"] & ~drawn(recipe.forget_history, n, 1)
        return {
            **inputs,
            "present": present,
            "attributes": inputs["attributes"].masked_fill(nobody, UNKNOWN),
            "place": inputs["place"].masked_fill(drawn(recipe.forget_place, n, 1), 0.0),
        }
