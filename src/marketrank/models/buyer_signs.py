"""What the buyer tower is told beside vectors, in training as in serving: events and attributes as
numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
UNKNOWN = 0
"""The number of a value of an attribute that is not given, not agreed to, or was never seen."""
AGES = 2
"""How many signs tell of an event's age; the others are of its kind."""
_RECENT_DAYS = 7


def signs(kinds: Ints, ages_days: NDArray[np.float64], width: int) -> Floats:
    """Events of any shape (…), to (…, width): the kind, one of `width - AGES`, and twice the
    age."""
    ages = np.maximum(ages_days, 0.0)
    one_hot = kinds[..., np.newaxis] == np.arange(width - AGES)
    age = np.stack([np.log1p(ages) / 4, np.exp2(-ages / _RECENT_DAYS)], axis=-1)
    return np.concatenate([one_hot, age], axis=-1, dtype=np.float32)


def numbered(
    attributes: Sequence[Mapping[str, str]], vocabulary: Mapping[str, Sequence[str]]
) -> Ints:
    """Values as numbers by name, in the vocabulary's order: shape (n, names), UNKNOWN for what it
    does not have. Names that it does not have are not looked at; without any name there is one
    column of UNKNOWN, as a graph has no input that it does not use."""
    if not vocabulary:
        return np.full((len(attributes), 1), UNKNOWN, np.int64)
    tables = [
        (name, {value: number for number, value in enumerate(values, start=UNKNOWN + 1)})
        for name, values in vocabulary.items()
    ]
    found = [
        [table.get(one.get(name, ""), UNKNOWN) for name, table in tables] for one in attributes
    ]
    return np.array(found, np.int64).reshape(len(attributes), len(tables))
