"""What a shape is asked to be: colours, material and chance, and the paints that follow."""

import random
from dataclasses import dataclass

from marketrank.simulate.mesh import RGB, Paint

WHITE: RGB = (242, 242, 240)
BLACK: RGB = (38, 38, 41)
CHROME = Paint((214, 216, 220), gloss=0.5, metal=0.9)
STEEL = Paint((178, 180, 184), gloss=0.3, metal=0.7)
BRASS = Paint((196, 156, 80), gloss=0.4, metal=0.8)
RUBBER = Paint((44, 44, 46), gloss=0.05)
GLASS = Paint((44, 52, 58), gloss=0.7)
DARK = Paint((58, 58, 62), gloss=0.2)
HANDLE = Paint((190, 140, 84), gloss=0.12, grain=0.5)
PALE = Paint((236, 236, 232), gloss=0.12)


@dataclass(frozen=True, slots=True)
class Style:
    """`colour` is the thing's own; `accent` goes with it; `rng` decides the rest."""

    colour: RGB
    accent: RGB
    material: str
    rng: random.Random

    def main(self) -> Paint:
        """The paint of the main surface in this material."""
        return MATERIALS.get(self.material, _plastic)(self.colour)

    def second(self) -> Paint:
        return MATERIALS.get(self.material, _plastic)(self.accent)

    def chance(self, share: float) -> bool:
        return self.rng.random() < share


def _wood(c: RGB) -> Paint:
    return Paint(c, gloss=0.1, grain=1.0)


def _plastic(c: RGB) -> Paint:
    return Paint(c, gloss=0.28)


def _cloth(c: RGB) -> Paint:
    return Paint(c, gloss=0.0, weave=0.35)


MATERIALS = {
    "wood": _wood,
    "oak": _wood,
    "pine": _wood,
    "walnut": _wood,
    "mahogany": _wood,
    "rattan": lambda c: Paint(c, gloss=0.06, weave=1.6),
    "fabric": _cloth,
    "cotton": _cloth,
    "wool": lambda c: Paint(c, gloss=0.0, weave=0.7),
    "velvet": lambda c: Paint(c, gloss=0.16, weave=0.2),
    "leather": lambda c: Paint(c, gloss=0.24, weave=0.12),
    "metal": lambda c: Paint(c, gloss=0.3, metal=0.35),
    "steel": lambda c: Paint(c, gloss=0.3, metal=0.7),
    "brass": lambda c: Paint(c, gloss=0.4, metal=0.8),
    "silver": lambda c: Paint(c, gloss=0.5, metal=0.9),
    "gold": lambda c: Paint(c, gloss=0.5, metal=0.85),
    "painted": lambda c: Paint(c, gloss=0.12),
    "ceramic": lambda c: Paint(c, gloss=0.5),
    "glass": lambda c: Paint(c, gloss=0.8),
    "stone": lambda c: Paint(c, gloss=0.05, weave=0.6),
    "plastic": _plastic,
}


def shaded(colour: RGB, by: float) -> RGB:
    """Darker (below 1) or lighter, kept in 0–255."""
    return (min(255, colour[0] * by), min(255, colour[1] * by), min(255, colour[2] * by))
