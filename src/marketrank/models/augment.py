"""Photos changed at random so that a network learns the thing and not the picture: for training
only."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from marketrank.errors import BadInput
from marketrank.models.preprocess import Pixels

_BLACK = (0, 0, 0)
_LARGEST_ZOOM = 2.0


@dataclass(frozen=True, slots=True)
class Augment:
    """A random crop, scaled back to the full size, and a mirror image (Szegedy et al., "Going
    deeper with convolutions", CVPR 2015).

    The crop covers a share of the picture's area that is uniform in [`smallest_area`, 1]; its width
    over its height is log-uniform in [1 / `ratio`, `ratio`] as far as such a crop fits in, so that
    no draw is in vain. `mirror` is the probability of swapping left and right. Raises BadInput
    for values outside (0, 1], [1, ∞) and [0, 1].
    """

    smallest_area: float = 0.4
    ratio: float = 4 / 3
    mirror: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.smallest_area <= 1 and self.ratio >= 1 and 0 <= self.mirror <= 1):
            raise BadInput(
                f"{self} is out of range: give a smallest_area in (0, 1], a ratio of 1 or more and "
                "a mirror in [0, 1]"
            )

    def source_size(self, size: int) -> int:
        """The side at which to decode for `apply` at `size`: the smallest square crop then has
        `size` pixels a side, and is not blurred by enlarging it. At most twice `size`, since
        decoding costs time."""
        return math.ceil(size * min(_LARGEST_ZOOM, 1 / math.sqrt(self.smallest_area)))

    def apply(
        self, image: Image.Image | Pixels, size: int, generator: np.random.Generator
    ) -> Pixels:
        """Shape (size, size, 3). A picture that is not square first gets the black bars that
        cleaning gives it. The same state of `generator` gives the same pixels; each call takes
        as many numbers from it as any other."""
        box, mirrored = self._draw(generator)
        square = _square(image)
        side = square.width
        left, top, right, bottom = (edge * side for edge in box)
        cut = square.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
        return np.array(ImageOps.mirror(cut) if mirrored else cut, dtype=np.uint8)

    def _draw(self, generator: np.random.Generator) -> tuple[tuple[float, ...], bool]:
        """(left, top, right, bottom) as shares of the side, and whether to mirror."""
        area, ratio, x, y, chance = generator.random(5)
        area = self.smallest_area + (1 - self.smallest_area) * area
        # A crop of this area is sqrt(area · ratio) wide and sqrt(area / ratio) high; neither may
        # pass 1. As area nears 1 the range closes on 1: the whole picture.
        limit = math.log(min(self.ratio, 1 / area))
        ratio = math.exp(limit * (2 * ratio - 1))
        width, height = min(1.0, math.sqrt(area * ratio)), min(1.0, math.sqrt(area / ratio))
        left, top = x * (1 - width), y * (1 - height)
        # Rounding must not push an edge out of the picture, which Pillow refuses.
        box = (left, top, min(1.0, left + width), min(1.0, top + height))
        return box, bool(chance < self.mirror)


def _square(image: Image.Image | Pixels) -> Image.Image:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    rgb = picture.convert("RGB")
    if rgb.width == rgb.height:
        return rgb
    side = max(rgb.size)
    return ImageOps.pad(rgb, (side, side), Image.Resampling.BILINEAR, color=_BLACK)
