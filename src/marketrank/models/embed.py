"""The Encoder that serves and indexes: an exported folder in ONNX Runtime, without torch."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from marketrank.errors import BadInput, Corrupt
from marketrank.models import artefact
from marketrank.models.towers import PhotoEncoder, TextEncoder
from marketrank.types import ModelVersion, Vectors

_log = logging.getLogger(__name__)
FUSION = "concatenate"


class OnnxEncoder:
    """Listings and queries in one space by concatenation; implements `ports.Encoder`.

    With t the unit vector of a text, p that of the photos (of the normalised mean of a listing's
    photo vectors) and w = `photo_weight`:

        listing, query with text and photo    [√(1-w)·t ; √w·p]
        query of text only                    [t ; 0]
        query of a photo only                 [0 ; p]

    All have unit length, and dot products are weighted sums of cosines: between listings, or for
    a query with both, (1-w)·cos(t, t') + w·cos(p, p'); for a text query √(1-w)·cos(t, t'); for a
    photo query √w·cos(p, p').

    A listing without a readable photo gets the image tower's answer to a plain grey picture as
    its p. A zero in its place would shorten the vector, and making that unit length again would
    lift the listing above equal ones with photos in every text query.

    `version` is the folder's with the weight appended: vectors made with different weights must
    not meet in one index. May be called from several threads.
    """

    def __init__(self, folder: Path, *, photo_weight: float, threads: int) -> None:
        """Raises Corrupt where a file of the folder is not as it was written, BadInput for a
        weight outside [0, 1]."""
        if not 0 <= photo_weight <= 1:
            raise BadInput(f"photo_weight is {photo_weight}; give a number from 0 to 1")
        described = artefact.verify(folder)
        if described.fusion != FUSION:
            raise Corrupt(
                f"{folder} fuses by {described.fusion!r}; this version knows {FUSION!r}: "
                "update marketrank"
            )
        self._described = described
        self._photo_weight = photo_weight
        self._texts = TextEncoder(folder, described.text, threads=threads)
        self._photos = PhotoEncoder(folder, described.image, threads=threads)
        self._absent = np.array(described.absent_photo, np.float32)

    @property
    def version(self) -> ModelVersion:
        return ModelVersion(f"{self._described.version}-w{self._photo_weight:g}")

    @property
    def dim(self) -> int:
        return self._described.dim

    def encode_listings(self, texts: Sequence[str], photos: Sequence[Sequence[bytes]]) -> Vectors:
        """Shape (n, dim): one unit vector a listing. An unreadable photo counts as absent."""
        if len(texts) != len(photos):
            raise BadInput(f"{len(texts)} texts came with photos of {len(photos)} listings")
        return self._fuse(self._texts.encode(texts), self._mean_photos(photos))

    def knows(self, word: str) -> bool:
        """See ports.Encoder."""
        return self._texts.knows(word)

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        """Shape (1, dim). Raises BadInput without text and photo, or for a photo that cannot be
        decoded."""
        words = self._texts.ask(text)["vector"] if text.strip() else None
        picture = None if photo is None else self._query_photo(photo)
        if words is None and picture is None:
            raise BadInput("a query needs a text, a photo or both")
        if words is not None and picture is not None:
            return self._fuse(words, picture)
        vector = np.zeros((1, self.dim), np.float32)
        width = self._described.text.dim
        if words is not None:
            vector[:, :width] = words
        else:
            vector[:, width:] = picture
        return vector

    def encode_photos(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        """Shape (n, width of the image tower), and which photos could be decoded; zeros for
        those that could not."""
        return self._photos.encode(photos)

    def _query_photo(self, photo: bytes) -> Vectors:
        vectors, readable = self._photos.encode([photo])
        if not readable[0]:
            raise BadInput("the photo of the query cannot be decoded; send a whole JPEG")
        return vectors

    def _mean_photos(self, photos: Sequence[Sequence[bytes]]) -> Vectors:
        """Shape (n, image width), unit rows; the absent photo's vector where there is none."""
        vectors, readable = self._photos.encode([photo for group in photos for photo in group])
        means = np.empty((len(photos), self._described.image.dim), np.float32)
        start = 0
        for row, group in enumerate(photos):
            end = start + len(group)
            # Unreadable ones are zero rows: they do not turn the sum.
            total = vectors[start:end].sum(axis=0)
            length = float(np.linalg.norm(total))
            means[row] = total / length if any(readable[start:end]) and length else self._absent
            start = end
        return means

    def _fuse(self, words: Vectors, pictures: Vectors) -> Vectors:
        w = self._photo_weight
        joined = np.hstack([np.sqrt(1 - w) * words, np.sqrt(w) * pictures]).astype(np.float32)
        # The parts are unit length up to float32's rounding; so is the whole after this.
        unit: Vectors = joined / np.linalg.norm(joined, axis=1, keepdims=True)
        return unit
