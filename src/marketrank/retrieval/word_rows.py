"""What rankers read of listings, numbered when a release is built: each word by 31 bits of its
CRC-32.

    <folder>/rows.json      {"format", "schema"}: of the rows, and of the analysis of words
    <folder>/keys.npy       (n,) int64, in ascending order
    <folder>/seqs.npy       (n,) int64: the change that each row was made from
    <folder>/starts.npy     (n,) int64: where each row begins among the words
    <folder>/lengths.npy    (n, PARTS) uint16: how many words each of its parts has
    <folder>/facts.npy      (n, FACTS) int32
    <folder>/words.i32      all words, row by row, int32, little endian

Without these every process prepares each listing anew, 0.1 ms and 1 kB a time; the files are
mapped, and processes share what they read of them (docs/adr/0223-listings-are-prepared-once.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.durable import write
from marketrank.errors import Corrupt
from marketrank.retrieval.text_folder import SCHEMA

FORMAT = 1  # raise it when `ranking.seen.see` makes something else of a listing
PARTS = 4
FACTS = 4
_MOST = np.iinfo(np.uint16).max  # words of a part
_WORD = np.dtype("<i4")

Keys = NDArray[np.int64]
Words = NDArray[np.int32]
Row = tuple[int, int, Sequence[Words], Sequence[int]]
"""Key, number of the change, PARTS arrays of words, FACTS numbers."""


class WordRows:
    """May be read by several threads."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], words: Words) -> None:
        """What the files hold."""
        self._keys: Keys = columns["keys"]
        self._seqs: Keys = columns["seqs"]
        starts, lengths = columns["starts"], columns["lengths"]
        # (n, PARTS + 1): where each part begins, and the last one ends.
        self._bounds = starts[:, np.newaxis] + np.pad(
            np.cumsum(lengths, axis=1, dtype=np.int64), ((0, 0), (1, 0))
        )
        self._facts, self._words = columns["facts"], words

    def places(self, keys: Keys, seqs: Keys) -> Keys:
        """Where each key's row is, made from this very change; -1 where there is none. (n,)"""
        if not len(self._keys):
            return np.full(len(keys), -1, np.int64)
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        found = (self._keys[places] == keys) & (self._seqs[places] == seqs)
        return np.where(found, places, -1)

    def read(self, places: Keys) -> tuple[tuple[Words, ...], NDArray[np.int32]]:
        """Of these rows (m,): PARTS tables of words, each (m, the longest) and filled up with 0;
        and their facts, (m, FACTS)."""
        bounds = self._bounds[places]
        parts = (self._part(bounds[:, part], bounds[:, part + 1]) for part in range(PARTS))
        return tuple(parts), self._facts[places]

    def _part(self, starts: Keys, ends: Keys) -> Words:
        width = int((ends - starts).max(initial=0))
        if not width:
            return np.zeros((len(starts), 0), _WORD)
        at = starts[:, np.newaxis] + np.arange(width)
        beyond = at >= ends[:, np.newaxis]
        at[beyond] = 0
        words: Words = self._words[at]
        words[beyond] = 0
        return words


def save(folder: Path, rows: Iterable[Row]) -> None:
    """Write into a new folder, a row at a time. Words beyond 65,535 of a part are left out."""
    folder.mkdir(parents=True)
    keys, seqs, facts = [], [], []
    lengths: list[list[int]] = []
    with (folder / "words.i32").open("wb") as file:
        for key, seq, parts, fact in rows:
            kept = [part[:_MOST] for part in parts]
            keys.append(key)
            seqs.append(seq)
            facts.append(fact)
            lengths.append([len(part) for part in kept])
            file.write(np.concatenate(kept).astype(_WORD).tobytes())
    counts = np.array(lengths, np.int64).reshape(-1, PARTS)
    ends = np.cumsum(counts.sum(axis=1))
    order = np.argsort(np.array(keys, np.int64))
    columns = {
        "keys": np.array(keys, np.int64),
        "seqs": np.array(seqs, np.int64),
        "starts": ends - counts.sum(axis=1),
        "lengths": counts.astype(np.uint16),
        "facts": np.array(facts, np.int32).reshape(-1, FACTS),
    }
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column[order], allow_pickle=False)
    write(folder / "rows.json", orjson.dumps({"format": FORMAT, "schema": SCHEMA}))


def read(folder: Path) -> WordRows | None:
    """None where there are none, or of another format or analysis: then listings are prepared when
    they are found. Raises Corrupt where they cannot be read."""
    if not folder.is_dir():
        return None
    try:
        if orjson.loads((folder / "rows.json").read_bytes()) != {
            "format": FORMAT,
            "schema": SCHEMA,
        }:
            return None
        columns = {
            name: np.load(folder / f"{name}.npy", allow_pickle=False)
            for name in ("keys", "seqs", "starts", "lengths", "facts")
        }
        file = folder / "words.i32"
        # A file of no bytes cannot be mapped. As a plain array: a cut of a memmap takes 2 µs, of
        # this 0.2.
        words = np.empty(0, _WORD) if not file.stat().st_size else np.memmap(file, _WORD, "r")
        return WordRows(columns, np.asarray(words))
    except (OSError, ValueError, EOFError) as error:
        raise Corrupt(
            f"the words of listings in {folder} cannot be read ({error}); run `marketrank index "
            "--rebuild`"
        ) from error
