"""From the bytes of a photo to the pixels that an image tower reads: the one implementation for
export, embedding and training, so that they cannot differ."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from marketrank.errors import BadInput

Pixels = NDArray[np.uint8]
"""Shape (size, size, 3), RGB. Scaling to floats is part of the tower's graph."""

_BLACK = (0, 0, 0)
_GREY = (127, 127, 127)


def to_pixels(photo: bytes, size: int) -> Pixels:
    """Decode a cleaned photo (square JPEG) and scale it to `size` × `size`.

    A picture that is not square gets black bars, as cleaning would have given it; it is never
    stretched. Raises BadInput for bytes that are not a whole JPEG.
    """
    try:
        with Image.open(io.BytesIO(photo), formats=("JPEG",)) as image:
            # Lets the JPEG decoder drop frequencies that the scaling would drop anyway: at twice
            # the size, which cleaning stores, 0.5 ms where decoding in full and scaling takes 6.5.
            image.draft("RGB", (size, size))
            rgb = image.convert("RGB")
    except UnidentifiedImageError as error:  # its own message is an object's address
        raise BadInput(f"{len(photo)} bytes are not a JPEG; clean photos first") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"a photo of {len(photo)} bytes cannot be decoded: {error}") from error
    if rgb.size != (size, size):
        rgb = ImageOps.pad(rgb, (size, size), Image.Resampling.BILINEAR, color=_BLACK)
    return np.asarray(rgb, dtype=np.uint8)


def grey_pixels(size: int) -> Pixels:
    """A plain mid-grey picture: what stands in for a photo that is not there."""
    return np.full((size, size, 3), _GREY, dtype=np.uint8)
