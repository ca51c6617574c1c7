"""What a sort of thing on sale is: its names, where it belongs, what it costs, how it looks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the truth that tests and evaluations may use; `nouns` are what sellers call it.

    `shape` is an entry of `shapes.SHAPES`, `place` where it is photographed. `category` is the
    path below the root. `price` is the median in pounds of one in good condition, `spread` the
    deviation of its logarithm. `wear` names the vocabulary of defects and `reason` that of reasons
    for selling (`phrases`). `specs` go before the noun, `details` are sentences; both may hold
    alternatives "[a|b]". A size of "" is none. `weight` is how often it is sold.
    """

    name: str
    shape: str
    place: str
    category: tuple[str, ...]
    price: float
    wear: str
    reason: str
    nouns: tuple[str, ...]
    colours: tuple[str, ...]
    materials: tuple[str, ...] = ("plastic",)
    brands: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    spread: float = 0.5
    weight: float = 1.0
    tells_colour: bool = True
    """False where sellers do not name the colour: books, sealed goods."""
