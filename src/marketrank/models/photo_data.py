"""Photos and listings as PyTorch data sets. Needs the extra [train].

What comes out for an index depends on the data, the seed, the epoch and the index alone, so that
it is the same for any number of worker processes, and after a kill.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from marketrank.errors import BadInput
from marketrank.models.augment import Augment
from marketrank.models.labels import UNKNOWN, Codes
from marketrank.models.preprocess import Pixels, grey_pixels, to_pixels

Read = Callable[[str], bytes]
"""The bytes of the photo of a key; raises KeyError or BadInput where there are none. Where data
are loaded by spawned worker processes it must be picklable."""

_log = logging.getLogger(__name__)


class ListingItem(NamedTuple):
    """One listing: its row, its text, its first `k` photos, uint8 (k, size, size, 3), grey where
    `present` (k,) is False, and its label's code."""

    row: int
    text: str
    pixels: torch.Tensor
    present: torch.Tensor
    code: int


class ListingBatch(NamedTuple):
    """n listings: `rows` (n,) int64, n texts, `pixels` (n, k, size, size, 3) uint8, `present`
    (n, k) bool, `codes` (n,) int64."""

    rows: torch.Tensor
    texts: tuple[str, ...]
    pixels: torch.Tensor
    present: torch.Tensor
    codes: torch.Tensor


class PhotoData(Dataset[tuple[torch.Tensor, int]]):
    """Photos by key, each with the code of its label.

    An item is (pixels, code): uint8 (size, size, 3), and UNKNOWN where there is no label. A photo
    that cannot be read or decoded is logged once, with its key, and is a plain grey picture of
    label UNKNOWN, which losses ignore: it costs itself and not the run. Nothing is changed at
    random unless `augment` is given: give it for training only. With `crop` photos lose their dark
    bars (see `preprocess.to_pixels`), as learned towers see them when they serve.
    """

    def __init__(
        self,
        keys: Sequence[str],
        codes: Codes,
        *,
        read: Read,
        size: int,
        augment: Augment | None = None,
        crop: bool = True,
        seed: int = 0,
    ) -> None:
        """Raises BadInput unless there is one code, of shape (n,), a key."""
        _need_rows("keys", len(keys), codes)
        self.codes = codes
        self._photos = _Photos(keys, read, size, augment, crop=crop, seed=seed)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Call it before an epoch is loaded. Worker processes get a copy of the data set when they
        start: workers that outlive an epoch (`persistent_workers`) would not hear of it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        pixels = self._photos.get(index, self._epoch)
        if pixels is None:
            return torch.from_numpy(grey_pixels(self._photos.size)), UNKNOWN
        return torch.from_numpy(pixels), int(self.codes[index])


class ListingData(Dataset[ListingItem]):
    """Listings: a text and the keys of its photos each, of which the first `k` are loaded.

    A photo that is not there or cannot be read is grey and not `present`, and logged once where
    it was named. `augment` and `crop` are as of PhotoData.
    """

    def __init__(
        self,
        texts: Sequence[str],
        keys: Sequence[Sequence[str]],
        codes: Codes,
        *,
        read: Read,
        size: int,
        k: int,
        augment: Augment | None = None,
        crop: bool = True,
        seed: int = 0,
    ) -> None:
        """Raises BadInput unless there are photo keys (or none) and one code, of shape (n,), a
        text, and `k` is 1 or more."""
        _need_rows("texts", len(texts), codes)
        if len(keys) != len(texts) or k < 1:
            raise BadInput(
                f"{len(texts)} texts came with {len(keys)} lists of photos, of which to load {k}; "
                "give a list, which may be empty, for each text, and load 1 or more"
            )
        self.codes = codes
        self._texts = texts
        self._counts = [min(k, len(some)) for some in keys]
        self._k = k
        self._starts = np.cumsum([0, *self._counts])
        flat = [key for some in keys for key in some[:k]]
        self._photos = _Photos(flat, read, size, augment, crop=crop, seed=seed)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """As of PhotoData."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: int) -> ListingItem:
        pixels = np.stack([grey_pixels(self._photos.size)] * self._k)
        present = np.zeros(self._k, np.bool_)
        for slot in range(self._counts[index]):
            found = self._photos.get(int(self._starts[index]) + slot, self._epoch)
            if found is not None:
                pixels[slot], present[slot] = found, True
        return ListingItem(
            index,
            self._texts[index],
            torch.from_numpy(pixels),
            torch.from_numpy(present),
            int(self.codes[index]),
        )


def collate(items: Sequence[ListingItem]) -> ListingBatch:
    """Listings as one batch: the `collate_fn` of a DataLoader of ListingData."""
    return ListingBatch(
        torch.tensor([item.row for item in items]),
        tuple(item.text for item in items),
        torch.stack([item.pixels for item in items]),
        torch.stack([item.present for item in items]),
        torch.tensor([item.code for item in items]),
    )


class _Photos:
    """Reads, decodes and augments photos by their position among `keys`."""

    def __init__(
        self,
        keys: Sequence[str],
        read: Read,
        size: int,
        augment: Augment | None,
        *,
        crop: bool,
        seed: int,
    ) -> None:
        self.size = size
        self._keys, self._read, self._augment = keys, read, augment
        self._crop, self._seed = crop, seed
        # Shared, so that what a worker process has logged its successors in the next epoch know.
        self._logged = torch.zeros(len(keys), dtype=torch.bool)
        self._logged.share_memory_()  # type: ignore[no-untyped-call]

    def get(self, index: int, epoch: int) -> Pixels | None:
        """Writable pixels (size, size, 3); None, and a log line the first time, where the photo
        cannot be read."""
        key, augment = self._keys[index], self._augment
        try:
            photo = self._read(key)
            if augment is None:
                # A copy: torch takes no read-only arrays.
                return to_pixels(photo, self.size, crop=self._crop).copy()
            source = to_pixels(photo, augment.source_size(self.size), crop=self._crop)
        except (BadInput, KeyError) as error:
            if not self._logged[index]:
                self._logged[index] = True
                _log.warning("photo %s cannot be read: %s; it teaches nothing", key, error)
            return None
        generator = np.random.default_rng([self._seed, epoch, index])
        return augment.apply(source, self.size, generator)


def _need_rows(what: str, n: int, codes: Codes) -> None:
    if codes.shape != (n,):
        raise BadInput(
            f"{n} {what} came with label codes of shape {codes.shape}; give one code each, "
            f"{UNKNOWN} where it is unknown"
        )
