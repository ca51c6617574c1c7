"""What models that never saw them say of the validation and test listings: what stacks are fitted
to, and what scores are made of. Kept with each run."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import Corrupt

FILE = "heldout.npz"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class HeldOut:
    """Arrays by name, rows in the order of the split's ids, for both parts."""

    validation: Arrays
    test: Arrays

    def save(self, folder: Path) -> None:
        parts = {"validation": self.validation, "test": self.test}
        arrays = {f"{part}/{name}": a for part, some in parts.items() for name, a in some.items()}
        np.savez_compressed(folder / FILE, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path) -> "HeldOut":
        """Raises Corrupt where the file is missing or torn."""
        path = folder / FILE
        try:
            with np.load(path, allow_pickle=False) as opened:
                arrays = {name: opened[name] for name in opened.files}
        except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise Corrupt(f"{path} cannot be read ({error}); train it again") from error
        return cls(_part(arrays, "validation"), _part(arrays, "test"))


def _part(arrays: Arrays, part: str) -> Arrays:
    prefix = f"{part}/"
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
