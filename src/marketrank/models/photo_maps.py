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

_BATCH = 16
_CROPS = Augment(smallest_area=0.4, ratio=4 / 3, mirror=0.5)
Read = Callable[[str], bytes]
"""The bytes of a photo by its key; raises KeyError where there are none."""


@dataclass(frozen=True, slots=True)
class PhotoMaps:
    """`maps[name]` has shape (variants, n, channels, side, side), float16, mapped from disk: what
    the early blocks of each network make of n photos. Variant 0 is the photo itself, 1 its mirror
    image. `readable` (n,): the maps of unreadable photos are those of a grey picture."""

    maps: dict[str, NDArray[np.float16]]
    readable: NDArray[np.bool_]

    @property
    def variants(self) -> int:
        return int(next(iter(self.maps.values())).shape[0])

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
        raise BadInput(f"photos of {size} pixels do not divide by {2 * MAP_STRIDE}; give 224")
    side = size // MAP_STRIDE
    specs = {one.name: Spec((one.channels, side, side), "float16") for one in networks}
    specs["readable"] = Spec((), "bool")
    items = [f"{variant} {key}" for variant in range(variants) for key in keys]
    described = [[one.name, one.start, one.sha256] for one in networks]
    identity = orjson.dumps(["crop", described, size, seed, repr(_CROPS)]).decode()
    with _Mapper(networks, read, size=size, seed=seed, threads=threads) as mapper:
        found = cached(
            folder,
            items,
            specs,
            mapper,
            identity=identity,
            batch=_BATCH,
            stage="early blocks",
            progress=progress,
        )
    n = len(keys)
    shaped = {name: a.reshape(variants, n, *a.shape[1:]) for name, a in found.items()}
    return PhotoMaps(
        {one.name: shaped[one.name] for one in networks}, np.asarray(shaped["readable"][0])
    )


class _Mapper:
    """Computes rows of the cache; opens the networks at the first that is missing."""

    def __init__(
        self, networks: Sequence[Lite], read: Read, *, size: int, seed: int, threads: int
    ) -> None:
        self._networks, self._read = networks, read
        self._size, self._seed, self._threads = size, seed, threads
        self._sessions: dict[str, Any] = {}
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __enter__(self) -> "_Mapper":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def __call__(self, items: Sequence[str]) -> Arrays:
        if not self._sessions:
            self._sessions = {one.name: self._open(one) for one in self._networks}
        decoded = list(self._pool.map(self._pixels, items))
        grey = grey_pixels(self._size)
        pixels = np.stack([grey if one is None else one for one in decoded])
        maps = {
            name: session.run(None, {"pixels": pixels})[0].astype(np.float16)
            for name, session in self._sessions.items()
        }
        return {**maps, "readable": np.array([one is not None for one in decoded], np.bool_)}

    def _pixels(self, item: str) -> Pixels | None:
        variant, key = item.split(" ", 1)
        try:
            photo = self._read(key)
            if variant == "0":
                return to_pixels(photo, self._size, crop=True)
            if variant == "1":
                return np.ascontiguousarray(to_pixels(photo, self._size, crop=True)[:, ::-1])
            # Square already, as the photo itself is: `apply` would give it its bars back.
            picture = to_pixels(photo, _CROPS.source_size(self._size), crop=True)
        except (BadInput, KeyError):
            return None
        digest = hashlib.blake2b(f"{self._seed} {item}".encode(), digest_size=8).digest()
        generator = np.random.default_rng(int.from_bytes(digest))
        return _CROPS.apply(picture, self._size, generator)

    def _open(self, lite: Lite) -> Any:
        module = EarlyBlocks(load(lite), lite.start).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "early.onnx"
            to_onnx(module, {"pixels": grey_pixels(self._size)[np.newaxis].repeat(2, 0)}, path)
            return open_session(path, threads=self._threads)
