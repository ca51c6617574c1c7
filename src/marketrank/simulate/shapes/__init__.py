"""The things on sale, as models: one function per sort of thing, all in one visible table."""

from collections.abc import Callable

from marketrank.errors import BadInput
from marketrank.simulate.mesh import Model
from marketrank.simulate.shapes import (
    accessories,
    beauty,
    building,
    carriages,
    computing,
    cycles,
    decor,
    footwear,
    gadgets,
    garden,
    garments,
    hobby,
    kitchen,
    machines,
    printed,
    seating,
    sound,
    sport,
    storage,
    tables,
    tools,
    toys,
)
from marketrank.simulate.shapes.style import Style

Shape = Callable[[Style], Model]

_MODULES = (
    accessories,
    beauty,
    building,
    carriages,
    computing,
    cycles,
    decor,
    footwear,
    gadgets,
    garden,
    garments,
    hobby,
    kitchen,
    machines,
    printed,
    seating,
    sound,
    sport,
    storage,
    tables,
    tools,
    toys,
)

SHAPES: dict[str, Shape] = {
    name: shape
    for module in _MODULES
    for name, shape in vars(module).items()
    if not name.startswith("_")
    and getattr(shape, "__module__", "") == module.__name__
    and getattr(shape, "__annotations__", {}).get("s") is Style
}


def shape_named(name: str) -> Shape:
    """The shape of that name; BadInput lists the known ones."""
    if name not in SHAPES:
        raise BadInput(f"no shape {name!r}; known: {', '.join(sorted(SHAPES))}")
    return SHAPES[name]
