"""An encoder without a model: a text's words, thrown into a few places by their hash."""

import zlib
from collections.abc import Sequence

import numpy as np

from marketrank.types import ModelVersion, Vectors


class HashedEncoder:
    """Implements ports.Encoder; counts what it is given."""

    def __init__(self, name: str = "hashed", dim: int = 32) -> None:
        self.version = ModelVersion(name)
        self.dim = dim
        self.encoded = 0

    def encode_listings(self, texts: Sequence[str], photos: Sequence[Sequence[bytes]]) -> Vectors:
        assert len(texts) == len(photos)
        self.encoded += len(texts)
        return self._encode(texts)

    def knows(self, word: str) -> bool:
        return False

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        self.encoded += 1
        return self._encode([text])

    def encode_photos(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        raise NotImplementedError

    def _encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.full((len(texts), self.dim), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().replace(".", " ").split():
                row[zlib.crc32(word.encode()) % self.dim] += 1
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit
