"""The photos' vectors as one JSON object, {image id: vector}: the file `image_embeddings.json` that
earlier systems of this kind exchange."""

import logging
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson

from marketrank.errors import BadInput
from marketrank.pipelines.live import live_listings
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.training_data import read_photos
from marketrank.ports import BlobStore, Encoder, ListingStore
from marketrank.types import Photo

_BATCH = 256
_log = logging.getLogger(__name__)


def export_embeddings(
    store: ListingStore,
    blobs: BlobStore,
    encoder: Encoder,
    out: Path,
    *,
    progress: Progress = silent,
) -> int:
    """Write the unit vector of each photo of each live listing; returns how many. A photo that
    cannot be read is logged and left out. The file appears whole or not at all. Raises BadInput
    where it cannot be written."""
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    written = 0
    try:
        with beside.open("wb") as file:
            file.write(b"{")
            for ids, vectors in _vectors(store, blobs, encoder, progress):
                for id, vector in zip(ids, vectors, strict=True):
                    key = orjson.dumps(id)
                    values = orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY)
                    file.write(b",\n" if written else b"\n")
                    file.write(key + b": " + values)
                    written += 1
            file.write(b"\n}\n")
        beside.replace(out)
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error}; choose another --out") from error
    finally:
        beside.unlink(missing_ok=True)
    return written


def _vectors(
    store: ListingStore, blobs: BlobStore, encoder: Encoder, progress: Progress
) -> Iterator[tuple[list[str], list[object]]]:
    photos = (photo for listing in live_listings(store) for photo in listing.photos)
    done = 0
    while batch := list(islice(photos, _BATCH)):
        vectors, readable = encoder.encode_photos(
            list(read_photos(blobs, [photo.blob for photo in batch]))
        )
        kept = [row for row in range(len(batch)) if readable[row]]
        _warn([photo for photo, well in zip(batch, readable, strict=True) if not well])
        done += len(batch)
        progress("embed photos", done, None)
        yield [batch[row].id for row in kept], [vectors[row] for row in kept]


def _warn(lost: list[Photo]) -> None:
    for photo in lost:
        _log.warning("photo %s cannot be read: left out", photo.id)
