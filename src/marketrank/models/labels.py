"""Category paths as numbers and back: the labels of every classifier, kept as JSON."""

import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import BadInput, Corrupt

Category = tuple[str, ...]
Codes = NDArray[np.int64]
"""Shape (n,): positions in `Labels.names`, or UNKNOWN."""
UNKNOWN = -1
FORMAT = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """The labels of one level of the category tree, in sorted order: a label's position is its
    code. A label is a path cut to `depth` names; where a path is shorter, it is the whole path.
    With `depth` 1 labels are root categories."""

    names: tuple[Category, ...]
    depth: int

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, categories: Iterable[Category]) -> Codes:
        """The code of each category path; UNKNOWN for () and for what has no label here."""
        codes = [self._codes.get(category[: self.depth], UNKNOWN) for category in categories]
        return np.array(codes, dtype=np.int64)

    def decode(self, codes: Iterable[int]) -> list[Category]:
        """The label of each code; () for UNKNOWN. Raises BadInput for a code that is none."""
        found = [int(code) for code in codes]
        for code in found:
            if not UNKNOWN <= code < len(self.names):
                raise BadInput(f"label code {code} is not among the {len(self.names)} labels")
        return [() if code == UNKNOWN else self.names[code] for code in found]

    def within(self, parent: "Labels") -> Codes:
        """Shape (len(self),): the code in `parent`, labels of a smaller depth, of each label."""
        return parent.encode(self.names)

    def save(self, path: Path) -> None:
        content = {"format": FORMAT, "depth": self.depth, "names": self.names}
        path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))

    @classmethod
    def load(cls, path: Path) -> "Labels":
        """Raises Corrupt where the file is missing, torn, of another format or out of order."""
        try:
            content = orjson.loads(path.read_bytes())
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}, not {FORMAT}")
            names = tuple(tuple(str(part) for part in name) for name in content["names"])
            labels = cls(names, int(content["depth"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise Corrupt(
                f"labels {path} cannot be read ({error}); train the model again"
            ) from error
        if list(names) != sorted(set(names)):
            raise Corrupt(f"labels {path} are not sorted and single; train the model again")
        return labels

    @cached_property
    def _codes(self) -> dict[Category, int]:
        return {name: code for code, name in enumerate(self.names)}


def learn_labels(categories: Iterable[Category], *, depth: int = 1, fewest: int = 2) -> Labels:
    """The labels that `fewest` or more of these category paths have.

    A rarer one cannot be learned and tested both: it is left out with a warning, and its members
    encode as UNKNOWN. Raises BadInput where fewer than two labels are left to tell apart.
    """
    counts = Counter(category[:depth] for category in categories if category)
    rare = sorted(name for name, n in counts.items() if n < fewest)
    names = tuple(sorted(set(counts) - set(rare)))
    if len(names) < 2:
        raise BadInput(
            f"a classifier needs two categories with {fewest} listings or more at level {depth}; "
            f"there are {len(names)} among {counts.total()} listings with a category: ingest more"
        )
    if rare:
        shown = "; ".join(" / ".join(name) for name in rare[:5])
        _log.warning(
            "%d categories at level %d have fewer than %d listings and are not learned: %s%s",
            *(len(rare), depth, fewest, shown, " …" if len(rare) > 5 else ""),
        )
    return Labels(names, depth)


def class_weights(codes: Codes, labels: Labels, *, power: float = 1.0) -> NDArray[np.float32]:
    """Shape (len(labels),): weights in proportion to count^-power, so that a member's mean weight
    is 1; 0 for a label without members. With power 1 all classes weigh the same ("balanced"),
    with 0 all members do; 0.5 is between. UNKNOWN codes do not count."""
    known = codes[codes != UNKNOWN]
    counts = np.bincount(known, minlength=len(labels)).astype(np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -power, 0.0)
    total = float(weights @ counts)
    scaled = weights * (counts.sum() / total) if total else weights
    return scaled.astype(np.float32)
