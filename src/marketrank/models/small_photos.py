"""Small photos as plain numbers: edges, colours and a blurred picture. No learning, no network."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput
from marketrank.models.preprocess import grey_pixels, to_pixels

Floats = NDArray[np.float32]
SIDE = 64
_CELL = 8
_BEARINGS = 9
_TINY = 8
_SHADES = 4
_AT_ONCE = 256
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601."""

WIDTH = (SIDE // _CELL - 1) ** 2 * 4 * _BEARINGS + 4 * _SHADES**3 + 3 * _TINY**2


def describe(photos: Iterable[bytes]) -> tuple[Floats, NDArray[np.bool_]]:
    """Shapes (n, WIDTH) and (n,): numbers for each cleaned JPEG, and whether it could be read; an
    unreadable one is described as a plain grey picture."""
    parts: list[Floats] = []
    readable: list[bool] = []
    for some in _batches(photos):
        decoded = [_decode(photo) for photo in some]
        readable += [pixels is not None for pixels in decoded]
        grey = grey_pixels(SIDE)
        parts.append(_describe(np.stack([grey if one is None else one for one in decoded])))
    whole = np.concatenate(parts) if parts else np.zeros((0, WIDTH), np.float32)
    return whole, np.array(readable, dtype=np.bool_)


def _decode(photo: bytes) -> NDArray[np.uint8] | None:
    try:
        return to_pixels(photo, SIDE)
    except BadInput:
        return None


def _describe(pixels: NDArray[np.uint8]) -> Floats:
    """Shape (n, WIDTH) for pixels of shape (n, SIDE, SIDE, 3)."""
    scaled = pixels.astype(np.float32) / np.float32(255) - np.float32(0.5)
    tiny = _mean_squares(scaled, SIDE // _TINY)
    return np.hstack([_edges(pixels), _colours(pixels), tiny.reshape(len(pixels), -1)])


def _edges(pixels: NDArray[np.uint8]) -> Floats:
    """Histograms of oriented gradients: 9 unsigned bearings in cells of 8 × 8 pixels, blocks of
    2 × 2 cells with clipped L2 norm (Dalal and Triggs, CVPR 2005)."""
    light = np.sqrt(pixels.astype(np.float32) @ _LUMA / 255)
    down, right = np.zeros_like(light), np.zeros_like(light)
    down[:, 1:-1] = light[:, 2:] - light[:, :-2]
    right[:, :, 1:-1] = light[:, :, 2:] - light[:, :, :-2]
    strength = np.hypot(right, down)
    bearing = np.arctan2(down, right) % np.pi / np.pi * _BEARINGS
    low = np.floor(bearing)
    share = bearing - low
    low %= _BEARINGS
    cells = (
        np.stack(
            [
                _mean_squares(
                    strength
                    * ((low == one) * (1 - share) + ((low + 1) % _BEARINGS == one) * share),
                    _CELL,
                )
                for one in range(_BEARINGS)
            ],
            axis=-1,
        )
        * _CELL**2
    )
    corners = [cells[:, :-1, :-1], cells[:, 1:, :-1], cells[:, :-1, 1:], cells[:, 1:, 1:]]
    blocks = _unit(np.minimum(_unit(np.concatenate(corners, axis=-1)), 0.2))
    return blocks.reshape(len(pixels), -1).astype(np.float32)


def _colours(pixels: NDArray[np.uint8]) -> Floats:
    """Square roots of the shares of 64 colours in each quarter of the picture."""
    shade = (pixels // (256 // _SHADES)).astype(np.int64)
    code = (shade[..., 0] * _SHADES + shade[..., 1]) * _SHADES + shade[..., 2]
    n, half = len(pixels), SIDE // 2
    quarters = code.reshape(n, 2, half, 2, half).transpose(0, 1, 3, 2, 4).reshape(n * 4, -1)
    flat = quarters + np.arange(n * 4)[:, None] * _SHADES**3
    counts = np.bincount(flat.ravel(), minlength=n * 4 * _SHADES**3)
    return np.sqrt(counts / half**2).reshape(n, -1).astype(np.float32)


def _mean_squares(image: Floats, side: int) -> Floats:
    """Means over squares of `side` pixels: axes 1 and 2 shrink by `side`."""
    n, rows, columns = image.shape[:3]
    shape = (n, rows // side, side, columns // side, side, *image.shape[3:])
    means: Floats = image.reshape(shape).mean(axis=(2, 4))
    return means


def _unit(blocks: Floats) -> Floats:
    length = np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-2)
    unit: Floats = blocks / length
    return unit


def _batches(photos: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    left = iter(photos)
    while some := list(islice(left, _AT_ONCE)):
        yield some
