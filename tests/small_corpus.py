"""Made-up listings: what dictionary, spelling and completions are tested on."""

from itertools import product

from marketrank.types import Listing, ListingId, SellerId

_TABLES = ("Home & Garden", "Dining, Living Room Furniture", "Tables")
_LAMPS = ("Home & Garden", "Lighting")
_TABLETS = ("Computers", "Tablets")


def listing(
    n: int | str,
    title: str,
    description: str = "",
    category: tuple[str, ...] = (),
    seller: str | None = None,
) -> Listing:
    return Listing(
        ListingId(str(n)),
        title,
        description,
        category,
        seller=None if seller is None else SellerId(seller),
    )


def corpus() -> list[Listing]:
    """Each sort of thing in several colours and conditions; no two texts alike."""
    found: list[Listing] = []

    def add(title: str, category: tuple[str, ...], times: int) -> None:
        looks = product(("red", "blue", "green", "grey", "brown"), ("tidy", "worn", "scratched"))
        for _, (colour, look) in zip(range(times), looks, strict=False):
            text = f"Painted {colour} and rather {look}, from a pet free home."
            found.append(listing(len(found), title, text, category))

    add("Oak dining table", _TABLES, 12)
    add("Pine coffee table", _TABLES, 6)
    add("Dining chairs", _TABLES, 5)
    add("Brass table lamp", _LAMPS, 8)
    add("Bedside table", _TABLES, 5)
    add("Bed side lamp", _LAMPS, 3)
    add("Apple ipad pro", _TABLETS, 9)
    add("Sony ps5 console", ("Games",), 4)
    add("Leather armchair", _TABLES, 4)
    add("Arm chair with footrest", _TABLES, 3)
    return found
