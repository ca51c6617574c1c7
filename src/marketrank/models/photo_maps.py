"""What the early blocks make of the training photos and of altered copies of them, computed once by
ONNX Runtime and kept on disk, so that tuning the late blocks starts there. Needs the extra [train].

Augmentation costs a pass through the early blocks, so each photo has a fixed number of variants
instead of a new one in every epoch: the photo, its mirror image, and random crops.
"""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.models.augment import Augment
from marketrank.models.backbones import MAP_STRIDE, EarlyBlocks, Lite, load
from marketrank.models.feature_cache import Arrays, Report, Spec, cached
from marketrank.models.onnx_graphs import to_onnx
from marketrank.models.preprocess import Pixels, grey_pixels, to_pixels
from marketrank.models.sessions import open_session

_AT_ONCE = 16  # pictures in one run of a network
_CROPS = Augment(smallest_area=0.4, ratio=4 / 3, mirror=0.5)
Read = Callable[[str], bytes]
"""The bytes of a photo by its key; raises KeyError where there are none."""


@dataclass(frozen=True, slots=True)
class PhotoMaps:
    """`maps[name]` has shape (n, variants, channels, side, side), float16, mapped from disk: what
    the early blocks of each network make of n photos. Variant 0 is the photo itself, 1 its mirror
    image. `readable` (n,): the maps of unreadable photos are those of a grey picture."""

    maps: dict[str, NDArray[np.float16]]
    readable: NDArray[np.bool_]

    @property
    def variants(self) -> int:
        return int(next(iter(self.maps.values())).shape[1])

    @property
    def side(self) -> int:
        """Of a map, in its pixels."""
        return int(next(iter(self.maps.values())).shape[-1])

    def __len__(self) -> int:
        return len(self.readable)


def map_photos(
    folder: Path,
    keys: Sequence[str],
    read: Read,
    networks: Sequence[Lite],
    *,
    size: int,
    variants: int,
    seed: int,
    threads: int,
    progress: Report | None = None,
) -> PhotoMaps:
    """The maps of the photos of these keys, from the cache in `folder` as far as it has them.

    Raises BadInput for a full disk, or for a size that strides do not divide.
    """
    if size % (2 * MAP_STRIDE):
        raise BadInput(
            f"photos of {size} pixels do not divide by {2 * MAP_STRIDE}; give 224 or 288"
        )
    side = size // MAP_STRIDE
    specs = {one.name: Spec((variants, one.channels, side, side), "float16") for one in networks}
    specs["readable"] = Spec((), "bool")
    described = [[one.name, one.start, one.sha256] for one in networks]
    identity = orjson.dumps(["crop", described, size, seed, repr(_CROPS)]).decode()
    with _Mapper(
        networks, read, size=size, variants=variants, seed=seed, threads=threads
    ) as mapper:
        found = cached(
            folder,
            keys,
            specs,
            mapper,
            kind="photo-maps",
            identity=identity,
            batch=max(1, _AT_ONCE // variants),
            stage="early blocks",
            progress=progress,
        )
    return PhotoMaps({one.name: found[one.name] for one in networks}, np.asarray(found["readable"]))


class _Mapper:
    """Computes rows of the cache; opens the networks at the first that is missing."""

    def __init__(
        self,
        networks: Sequence[Lite],
        read: Read,
        *,
        size: int,
        variants: int,
        seed: int,
        threads: int,
    ) -> None:
        self._networks, self._read = networks, read
        self._size, self._variants = size, variants
        self._seed, self._threads = seed, threads
        self._sessions: dict[str, Any] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __enter__(self) -> "_Mapper":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def __call__(self, keys: Sequence[str]) -> Arrays:
        if not self._sessions:
            self._sessions = {one.name: self._open(one) for one in self._networks}
        decoded = list(self._pool.map(self._pictures, keys))
        grey = [grey_pixels(self._size)] * self._variants
        pixels = np.stack([one for each in decoded for one in each or grey])
        maps = {}
        for name, session in self._sessions.items():
            flat = session.run(None, {"pixels": pixels})[0].astype(np.float16)
            maps[name] = flat.reshape(len(keys), self._variants, *flat.shape[1:])
        return {**maps, "readable": np.array([each is not None for each in decoded], np.bool_)}

    def _pictures(self, key: str) -> list[Pixels] | None:
        """All variants of a photo, decoded once a size; None where it cannot be read."""
        try:
            photo = self._read(key)
            whole = to_pixels(photo, self._size, crop=True)
            # Square already, as the photo itself is: `apply` would give it its bars back.
            source = to_pixels(photo, _CROPS.source_size(self._size), crop=True)
        except (BadInput, KeyError):
            return None
        mirrored = np.ascontiguousarray(whole[:, ::-1])
        crops = [self._crop(source, f"{n} {key}") for n in range(2, self._variants)]
        return [whole, mirrored, *crops][: self._variants]

    def _crop(self, source: Pixels, name: str) -> Pixels:
        digest = hashlib.blake2b(f"{self._seed} {name}".encode(), digest_size=8).digest()
        generator = np.random.default_rng(int.from_bytes(digest))
        return _CROPS.apply(source, self._size, generator)

    def _open(self, lite: Lite) -> Any:
        module = EarlyBlocks(load(lite), lite.start).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "early.onnx"
            to_onnx(module, {"pixels": grey_pixels(self._size)[np.newaxis].repeat(2, 0)}, path)
            return open_session(path, threads=self._threads)
