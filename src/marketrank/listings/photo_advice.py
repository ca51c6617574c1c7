"""What a seller could do better about a photo: seen from the cleaned picture and its first size."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALL_SIDE = 400
"""Pixels of the shorter side: below it a phone's screen shows the photo blown up."""
DARK = 60.0
"""Mean grey level, 0 to 255. Of 600 photos of a second-hand feed 2 % are darker."""
BRIGHT = 220.0
"""Mean grey level; 1 % are brighter."""
BLURRED = 180.0
"""Variance of the Laplacian at 224 pixels; 1 % have less. A Gaussian blur of 2 pixels takes a
usual photo from 980 to 20."""
_SIDE = 224
_BAR = 20  # darker rows and columns at the edge are a letterbox's bars
_SMALLEST = 16


@dataclass(frozen=True, slots=True)
class Advice:
    """`code` for programs; `advice` for the seller, in plain words."""

    code: str
    advice: str


def advise(jpeg: bytes, width: int, height: int) -> tuple[Advice, ...]:
    """What to mend of a cleaned photo whose original had this many pixels; () for a good one."""
    grey = _picture(jpeg)
    mean = float(grey.mean())
    found = []
    if min(width, height) < SMALL_SIDE:
        found.append(
            Advice(
                "too_small",
                f"It is {width} × {height} pixels. Take a larger one: buyers look closely, and "
                f"{SMALL_SIDE} pixels are the least for that.",
            )
        )
    if mean < DARK:
        found.append(Advice("dark", "It is dark. Take it by a window, or with more light."))
    elif mean > BRIGHT:
        found.append(
            Advice("bright", "It is so bright that details are lost. Turn from the light.")
        )
    # Without light there is no contrast either: that says nothing of the focus.
    elif sharpness(grey) < BLURRED:
        found.append(Advice("blurred", "It is blurred. Hold still, and touch the thing to focus."))
    return tuple(found)


def sharpness(grey: NDArray[np.float32]) -> float:
    """Variance of the Laplacian: edges make it large (Pech-Pacheco et al., ICPR 2000)."""
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * inner).var())


def _picture(jpeg: bytes) -> NDArray[np.float32]:
    """Grey levels without the bars of the letterbox, whose edges would count as sharp."""
    with Image.open(BytesIO(jpeg), formats=("JPEG",)) as image:
        image.draft("L", (_SIDE, _SIDE))
        small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, np.float32)
    rows = np.flatnonzero(grey.max(axis=1) > _BAR)
    columns = np.flatnonzero(grey.max(axis=0) > _BAR)
    if min(len(rows), len(columns)) < _SMALLEST:
        return grey  # black all over
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
