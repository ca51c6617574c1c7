"""The Encoder of an exported multimodal model: an encoder folder with a learned fusion."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, Corrupt
from marketrank.models import artefact
from marketrank.models.sessions import open_session
from marketrank.models.towers import PhotoEncoder, TextEncoder
from marketrank.types import ModelVersion, Vectors

FUSION = "learned"
_ROWS_AT_ONCE = 1024


class LearnedEncoder:
    """Listings and queries by a frozen text space beside a learned one; implements
    `ports.Encoder`.

    With t the unit vector of the frozen text tower, m the unit vector of the learned space and s
    the `share` of the folder's `FusionPart`:

        listing, query with text and photo    [√(1-s)·t ; √s·m of text and photos, fused]
        query of text only                    [√(1-s)·t ; √s·m of the text]
        query of a photo only                 [0 ; m of the photo]

    All have unit length, and dot products are weighted sums of cosines. The frozen space knows
    words that no listing here has used; the learned one knows what photos show. A listing without
    photos is fused from its text alone, which is what the fusion was trained to do.

    May be called from several threads.
    """

    def __init__(self, folder: Path, *, threads: int) -> None:
        """Raises Corrupt where a file of the folder is not as it was written."""
        described = artefact.verify(folder)
        if described.fusion != FUSION or described.learned is None:
            raise Corrupt(
                f"{folder} fuses by {described.fusion!r}, not {FUSION!r}; update marketrank"
            )
        self._described = described
        self._part = described.learned
        self._texts = TextEncoder(folder, described.text, threads=threads)
        self._photos = PhotoEncoder(folder, described.image, threads=threads)
        self._fusion = open_session(folder / self._part.file, threads=threads)

    @property
    def version(self) -> ModelVersion:
        return self._described.version

    @property
    def dim(self) -> int:
        return self._described.dim

    def encode_listings(self, texts: Sequence[str], photos: Sequence[Sequence[bytes]]) -> Vectors:
        """Shape (n, dim): one unit vector a listing. An unreadable photo counts as absent."""
        if len(texts) != len(photos):
            raise BadInput(f"{len(texts)} texts came with photos of {len(photos)} listings")
        words = self._texts.outputs(texts)
        pictures, readable = self._photos.encode([photo for group in photos for photo in group])
        owner = np.repeat(np.arange(len(photos)), [len(group) for group in photos])
        seen = np.array(readable, np.bool_)
        fused, _ = self.fuse(words["shared"], pictures[seen], owner[seen])
        return self.join(words["vector"], fused)

    def knows(self, word: str) -> bool:
        """See ports.Encoder."""
        return self._texts.knows(word)

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        """Shape (1, dim). Raises BadInput without text and photo, or for a photo that cannot be
        decoded."""
        picture = None if photo is None else self._query_photo(photo)
        if text.strip():
            words = self._texts.ask(text)
            shared = words["shared"]
            if picture is not None:
                shared, _ = self.fuse(shared, picture, np.zeros(1, np.int64))
            return self.join(words["vector"], shared)
        if picture is None:
            raise BadInput("a query needs a text, a photo or both")
        nothing = np.zeros((1, self._described.text.dim), np.float32)
        return np.hstack([nothing, picture])

    def embed_titles(self, titles: Sequence[str]) -> Vectors:
        """Shape (n, width of the learned space): comparable with photos' `vector` of `look_at`."""
        return self._texts.outputs(titles)["shared"]

    def encode_photos(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        """Shape (n, width of the learned space), and which photos could be decoded; zeros for
        those that could not."""
        return self._photos.encode(photos)

    def read(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """All that the text graph says of each text: `vector`, `shared`, and `roots`, the logits of
        root categories."""
        return self._texts.outputs(texts)

    def look_at(self, photos: Sequence[bytes]) -> tuple[dict[str, Vectors], NDArray[np.bool_]]:
        """All that the image graph says of each photo: `vector`, in the learned space, and `roots`,
        the logits of root categories; and which photos could be decoded (zeros for others)."""
        found, readable = self._photos.outputs(photos)
        return found, np.array(readable, np.bool_)

    def fuse(
        self, shared: Vectors, pictures: Vectors, owner: NDArray[np.int64]
    ) -> tuple[Vectors, NDArray[np.float32]]:
        """Vectors (n, dim of the space) of listings, and how much text and photos counted (n, 2).

        `shared` (n, dim) are their texts, `pictures` (m, dim) their photos, `owner` (m,) the row
        of the listing that each photo belongs to, ascending."""
        n, dim = shared.shape
        vectors = np.empty((n, dim), np.float32)
        weights = np.empty((n, 2), np.float32)
        for first in range(0, n, _ROWS_AT_ONCE):
            rows = slice(first, min(first + _ROWS_AT_ONCE, n))
            own = slice(*np.searchsorted(owner, [rows.start, rows.stop]))
            photos, present = _padded(pictures[own], owner[own] - first, rows.stop - first)
            inputs = {"text": shared[rows], "photos": photos, "present": present}
            vectors[rows], weights[rows] = self._fusion.run(None, inputs)
        return vectors, weights

    def _query_photo(self, photo: bytes) -> Vectors:
        vectors, readable = self._photos.encode([photo])
        if not readable[0]:
            raise BadInput("the photo of the query cannot be decoded; send a whole JPEG")
        return vectors

    def join(self, words: Vectors, shared: Vectors) -> Vectors:
        """The vectors (n, dim) of listings or queries from `vector` of `read` and the vectors of
        `fuse`."""
        s = self._part.share
        joined = np.hstack([np.sqrt(1 - s) * words, np.sqrt(s) * shared]).astype(np.float32)
        # The parts are unit length up to float32's rounding; so is the whole after this.
        unit: Vectors = joined / np.linalg.norm(joined, axis=1, keepdims=True)
        return unit


def _padded(
    pictures: Vectors, owner: NDArray[np.int64], n: int
) -> tuple[Vectors, NDArray[np.bool_]]:
    """Photos (n, k, dim) and which of them are there (n, k), k as many as one listing has, at
    least 1."""
    counts = np.bincount(owner, minlength=n)
    most = max(1, int(counts.max(initial=0)))
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    photos = np.zeros((n, most, pictures.shape[1]), np.float32)
    present = np.zeros((n, most), np.bool_)
    photos[owner, place] = pictures
    present[owner, place] = True
    return photos, present
