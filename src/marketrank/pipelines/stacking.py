"""How much each classifier counts, by what the runs of a version kept of held-out listings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketrank.models.labels import Labels
from marketrank.models.probabilities import Floats
from marketrank.models.published import LABELS
from marketrank.models.stack import Stack, fit_stack, mix_crosswise
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.run_facts import SPLIT, read_facts
from marketrank.pipelines.training_data import TrainingData
from marketrank.types import ListingId

_BY_TEXT = ("words", "tuned", "space")
_SOURCES = {"text": _BY_TEXT, "combined": (*_BY_TEXT, "photos")}


@dataclass(frozen=True)
class _HeldOut:
    """The validation part, then the test part, which begins at row `test`: log probabilities by
    source, codes of categories, negative where unknown, and leak groups."""

    sources: Mapping[str, Mapping[str, Floats]]
    codes: NDArray[np.int64]
    groups: Sequence[str]
    test: int


def kept_stacks(runs: Mapping[str, Path], data: TrainingData) -> dict[str, Stack]:
    """By kind, "text" and "combined": weights by all held-out listings. Raises Corrupt where a
    file of a run is missing, and BadInput where no held-out listing has a known category."""
    held = _read(runs, data)
    return {kind: fit_stack(sources, held.codes) for kind, sources in held.sources.items()}


def said_crosswise(runs: Mapping[str, Path], data: TrainingData) -> dict[str, Floats]:
    """By kind: what stacks say of the test part (n, k), each listing's of weights that neither it
    nor its leak group decided. A listing that `data` no longer has decides none. Raises what
    `kept_stacks` and `mix_crosswise` raise."""
    held = _read(runs, data)
    return {
        kind: mix_crosswise(sources, held.codes, held.groups)[held.test :]
        for kind, sources in held.sources.items()
    }


def _read(runs: Mapping[str, Path], data: TrainingData) -> _HeldOut:
    parts = [HeldOut.load(run) for run in runs.values()]
    logs = {
        name: np.concatenate([array, part.test[name]])
        for part in parts
        for name, array in part.validation.items()
        if name in _SOURCES["combined"]
    }
    split = read_facts(runs["multimodal"], SPLIT)
    ids = [ListingId(id) for part in ("validation", "test") for id in split[part]]
    known = {one.id: one.category for one in data.listings}
    codes = Labels.load(runs["multimodal"] / LABELS).encode(known.get(id, ()) for id in ids)
    return _HeldOut(
        {kind: {name: logs[name] for name in names} for kind, names in _SOURCES.items()},
        codes,
        [data.groups.get(id, id) for id in ids],
        len(split["validation"]),
    )
