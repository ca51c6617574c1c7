"""A published model at work: what it says of listings, without torch.

<version>/encoder/                       texts, photos and listings in one space (`embed_learned`)
<version>/classifiers/manifest.json      what lies beside it, with checksums
<version>/classifiers/{labels.json, labels-second.json, text.onnx, tokenizer.json}
<version>/classifiers/baselines/         words and prices (`baseline_files`)
<version>/classifiers/trained_on.json    ids of the listings that it has seen
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import BadInput, Corrupt
from marketrank.models import baseline_files
from marketrank.models.artefact import Source, TextPart, sha256
from marketrank.models.embed_learned import LearnedEncoder
from marketrank.models.labels import Labels
from marketrank.models.price_interval import PriceRange, price_range
from marketrank.models.probabilities import Floats, log_softmax, logs, mean_by_owner, softmax
from marketrank.models.stack import Stack
from marketrank.models.towers import TextEncoder
from marketrank.types import Listing, ListingId, Vectors

if TYPE_CHECKING:
    from marketrank.models.baseline_files import Baselines

FORMAT = 1
MANIFEST = "manifest.json"
LABELS, SECONDS, TRAINED_ON = "labels.json", "labels-second.json", "trained_on.json"
_REMEDY = "go back with `marketrank models rollback`, or train it again"


@dataclass(frozen=True, slots=True)
class Described:
    """`classifiers/manifest.json`. `text` is the tuned text tower, whose one output is `roots`;
    the stacks say how much each source counts: `words` (TF-IDF), `tuned`, `space` (the text head
    of the space) and, in `combined`, `photos`."""

    text: TextPart
    stacks: Mapping[str, Mapping[str, float]]
    files: Mapping[str, str]
    kind: str = "classifiers"
    format: int = FORMAT


@dataclass(frozen=True)
class Opinion:
    """What a model says of n listings with m readable photos. Probabilities of root categories
    by text (n, k), of each photo (m, k) and of both (n, k); `owner` (m,) is the row of each photo's
    listing; `titles` (n, dim) and `photo_vectors` (m, dim) are unit rows of one space, and
    `weights` (n, 2) how much text and photos counted in each listing's vector."""

    text: Floats
    photos: Floats
    combined: Floats
    owner: NDArray[np.int64]
    titles: Vectors
    photo_vectors: Vectors
    weights: Floats


def write_classifiers(
    folder: Path, text: TextPart, stacks: Mapping[str, Stack], trained_on: Sequence[ListingId]
) -> None:
    """Describe what lies in `folder`, which holds all other files already."""
    (folder / TRAINED_ON).write_bytes(orjson.dumps(list(trained_on)))
    files = {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    weights = {name: dict(stack.weights) for name, stack in stacks.items()}
    described = asdict(Described(text, weights, files))
    (folder / MANIFEST).write_bytes(orjson.dumps(described, option=orjson.OPT_INDENT_2))


class PublishedModel:
    """One version, opened. May be used from several threads."""

    def __init__(
        self, folder: Path, *, threads: int, encoder: LearnedEncoder | None = None
    ) -> None:
        """`encoder` is that of the folder where it is open already. Raises Corrupt where a file
        is not as it was written."""
        self._folder = folder / "classifiers"
        described = _read(self._folder)
        self.encoder = encoder or LearnedEncoder(folder / "encoder", threads=threads)
        self.labels = Labels.load(self._folder / LABELS)
        self.baselines: Baselines = baseline_files.load(self._folder / "baselines")
        self._tuned = TextEncoder(self._folder, described.text, threads=threads)
        self._stacks = {name: Stack(weights) for name, weights in described.stacks.items()}

    @cached_property
    def trained_on(self) -> frozenset[ListingId]:
        return frozenset(orjson.loads((self._folder / TRAINED_ON).read_bytes()))

    def judge(self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]) -> Opinion:
        """Look once at each text and each photo; an unreadable photo is as if it were absent."""
        sources, words = self._read_texts(listings)
        seen, readable = self.encoder.look_at([photo for group in photos for photo in group])
        owner = np.repeat(np.arange(len(photos)), [len(group) for group in photos])[readable]
        by_photo = log_softmax(seen["roots"][readable])
        vectors = seen["vector"][readable]
        _, weights = self.encoder.fuse(words["shared"], vectors, owner)
        sources["photos"] = mean_by_owner(by_photo, owner, len(listings))
        return Opinion(
            text=self._stacks["text"].mix(sources),
            photos=np.exp(by_photo),
            combined=self._stacks["combined"].mix(sources),
            owner=owner,
            titles=self.encoder.embed_titles([listing.title for listing in listings]),
            photo_vectors=vectors,
            weights=weights,
        )

    def by_text(self, listings: Sequence[Listing]) -> Floats:
        """Shape (n, k): probabilities of root categories by titles and descriptions alone."""
        sources, _ = self._read_texts(listings)
        return self._stacks["text"].mix(sources)

    def by_photo(self, photos: Sequence[bytes]) -> tuple[Floats, Vectors]:
        """Of each cleaned photo: probabilities of root categories (m, k), and unit vectors
        (m, dim). Raises BadInput where one cannot be decoded."""
        seen = self._seen(photos)
        return softmax(seen["roots"]), seen["vector"]

    def by_both(self, listing: Listing, photos: Sequence[bytes]) -> Floats:
        """Shape (1, k): probabilities by the words and the cleaned photos of one listing. Raises
        BadInput where a photo cannot be decoded."""
        return self.study(listing, photos)[0]

    def study(self, listing: Listing, photos: Sequence[bytes]) -> tuple[Floats, Vectors]:
        """What `by_both` says, and the vector (1, dim) that `encoder.encode_listings` gives, from
        one look."""
        sources, words = self._read_texts([listing])
        shared, kind = words["shared"], "text"
        if photos:
            seen, kind = self._seen(photos), "combined"
            sources["photos"] = log_softmax(seen["roots"]).mean(axis=0, keepdims=True)
            owner = np.zeros(len(photos), np.int64)
        else:
            seen = {"vector": np.zeros((0, shared.shape[1]), np.float32)}
            owner = np.zeros(0, np.int64)
        fused, _ = self.encoder.fuse(shared, seen["vector"], owner)
        return self._stacks[kind].mix(sources), self.encoder.join(words["vector"], fused)

    def _seen(self, photos: Sequence[bytes]) -> dict[str, Vectors]:
        seen, readable = self.encoder.look_at(photos)
        if not readable.all():
            raise BadInput(
                f"photo {int(readable.argmin()) + 1} of {len(photos)} cannot be decoded; "
                "send a whole JPEG"
            )
        return seen

    def log_prices(self, listings: Sequence[Listing]) -> Floats | None:
        """ln(1 + price), shape (n,), not reading the listings' own; None without such a model."""
        price = self.baselines.price
        return None if price is None else price.log_prices(listings)

    def price_range(self, listing: Listing) -> PriceRange | None:
        """What listings like one ask, not reading its own price; None without a price model."""
        price = self.baselines.price
        if price is None:
            return None
        return price_range(price, self.baselines.interval, listing)

    def _read_texts(
        self, listings: Sequence[Listing]
    ) -> tuple[dict[str, Floats], Mapping[str, Vectors]]:
        texts = [listing.text for listing in listings]
        words = self.encoder.read(texts)
        by_words = self.baselines.categories.text.probabilities(listings)
        return {
            "words": logs(by_words),
            "tuned": log_softmax(self._tuned.outputs(texts)["roots"]),
            "space": log_softmax(words["roots"]),
        }, words


def _read(folder: Path) -> Described:
    path = folder / MANIFEST
    try:
        raw = orjson.loads(path.read_bytes())
        if raw["format"] != FORMAT or raw["kind"] != "classifiers":
            raise ValueError(f"it describes {raw['kind']}, format {raw['format']}")
        text = raw.pop("text")
        part = TextPart(**{**text, "source": Source(**text["source"])})
        described = Described(text=part, **raw)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"{path} cannot be read ({error}); {_REMEDY}") from error
    for name, expected in described.files.items():
        if sha256(folder / name) != expected:
            raise Corrupt(f"{folder / name} does not match its checksum; {_REMEDY}")
    return described
