"""The exported towers at work: texts and photos to unit vectors, without torch."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from marketrank.errors import BadInput, Corrupt
from marketrank.models.artefact import ImagePart, TextPart
from marketrank.models.preprocess import Pixels, to_pixels
from marketrank.models.sessions import open_session, output_widths
from marketrank.types import Vectors

_log = logging.getLogger(__name__)
# Larger batches cost more CPU, not less: 21.5 ms a text at 32 against 18.3, 12.5 ms a photo at 16
# against 10, and memory in proportion (ADR 43).
_TEXT_BATCH = 8
_PHOTO_BATCH = 8
_BATCHES_AHEAD = 2  # decoded photos that wait for the tower: bounds memory, keeps it busy
_CHARACTERS_PER_TOKEN = 32  # English has 5; a text cut here still fills max_tokens


class TextEncoder:
    """Texts to unit vectors. May be called from several threads."""

    def __init__(self, folder: Path, part: TextPart, *, threads: int) -> None:
        self._part = part
        self._session = open_session(folder / part.file, threads=threads)
        self._widths = output_widths(self._session)
        self._queries = (
            open_session(folder / part.queries, threads=threads) if part.queries else self._session
        )
        path = folder / part.tokenizer
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises nothing more special
            raise Corrupt(f"{path} cannot be read: {error}") from error
        self._tokenizer.no_padding()  # each batch is padded to its own longest text
        self._tokenizer.enable_truncation(part.max_tokens)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Shape (n, dim), in the order given. A text's vector does not depend on the others."""
        return self.outputs(texts)["vector"]

    def outputs(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """All that the graph says of each text, by the name of the output: shapes (n, width)."""
        ids = [self._tokenizer.encode(self._cut(text)).ids for text in texts]
        found = {name: np.empty((len(ids), width), np.float32) for name, width in self._widths}
        by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        for start in range(0, len(by_length), _TEXT_BATCH):
            rows = by_length[start : start + _TEXT_BATCH]
            batch = self._run(self._session, [ids[row] for row in rows])
            for (name, _), values in zip(self._widths, batch, strict=True):
                found[name][rows] = values
        return found

    def ask(self, text: str) -> dict[str, Vectors]:
        """As `outputs`, of one text that somebody has typed, by the graph for these, where there
        is one: nearly what `outputs` gives, in less time (docs/adr/0241)."""
        ids = self._tokenizer.encode(self._cut(text)).ids
        found = self._run(self._queries, [ids])
        return {name: values for (name, _), values in zip(self._widths, found, strict=True)}

    def knows(self, word: str) -> bool:
        """Whether the word is a token of its own, and not put together of pieces."""
        tokens = self._tokenizer.encode(self._cut(word), add_special_tokens=False).tokens
        return len(tokens) == 1 and tokens[0].isalpha()

    def _cut(self, text: str) -> str:
        """What can matter of a text of any length, without what UTF-8 cannot hold."""
        short = text[: _CHARACTERS_PER_TOKEN * self._part.max_tokens]
        return short.encode("utf-8", "ignore").decode("utf-8")

    def _run(self, session: Any, ids: Sequence[Sequence[int]]) -> list[Vectors]:
        longest = max(len(row) for row in ids)
        padded = np.full((len(ids), longest), self._part.pad_id, np.int64)
        mask = np.zeros((len(ids), longest), np.int64)
        for row, tokens in enumerate(ids):
            padded[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        outputs: list[Vectors] = session.run(None, {"ids": padded, "mask": mask})
        return outputs


class PhotoEncoder:
    """Photos to unit vectors. May be called from several threads."""

    def __init__(self, folder: Path, part: ImagePart, *, threads: int) -> None:
        self._part = part
        self._threads = threads
        self._session = open_session(folder / part.file, threads=threads)
        self._widths = output_widths(self._session)

    def encode(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        """Vectors of shape (n, dim), and which photos could be decoded. The rows of those that
        could not are zero; each is logged."""
        found, readable = self.outputs(photos)
        return found["vector"], readable

    def outputs(self, photos: Sequence[bytes]) -> tuple[dict[str, Vectors], list[bool]]:
        """All that the graph says of each photo, by the name of the output, as in `encode`."""
        found = {name: np.zeros((len(photos), width), np.float32) for name, width in self._widths}
        readable = [False] * len(photos)
        start = 0
        for batch in self._decoded(photos):
            rows = [start + i for i, pixels in enumerate(batch) if pixels is not None]
            if rows:
                outputs = self._run([pixels for pixels in batch if pixels is not None])
                for (name, _), values in zip(self._widths, outputs, strict=True):
                    found[name][rows] = values
            for row in rows:
                readable[row] = True
            start += len(batch)
        return found, readable

    def _decoded(self, photos: Sequence[bytes]) -> Iterator[list[Pixels | None]]:
        """Batches of decoded photos, in order; threads decode while the tower runs."""
        batches = [photos[i : i + _PHOTO_BATCH] for i in range(0, len(photos), _PHOTO_BATCH)]
        if len(photos) == 1:
            yield [self._decode(photos[0])]
            return
        with ThreadPoolExecutor(self._threads, thread_name_prefix="decode") as pool:
            waiting: deque[list[Future[Pixels | None]]] = deque()
            for batch in batches:
                waiting.append([pool.submit(self._decode, photo) for photo in batch])
                if len(waiting) > _BATCHES_AHEAD:
                    yield [future.result() for future in waiting.popleft()]
            while waiting:
                yield [future.result() for future in waiting.popleft()]

    def _decode(self, photo: bytes) -> Pixels | None:
        try:
            return to_pixels(photo, self._part.size, crop=self._part.crop)
        except BadInput as error:
            _log.warning("treated as absent: %s", error)
            return None

    def _run(self, pixels: Sequence[Pixels]) -> list[Vectors]:
        outputs: list[Vectors] = self._session.run(None, {"pixels": np.stack(pixels)})
        return outputs
