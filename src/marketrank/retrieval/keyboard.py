"""Which keys lie side by side (QWERTY), for slips of the finger."""

_ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.25), ("zxcvbnm", 0.75))
_PLACES = {key: (x + shift, y) for y, (row, shift) in enumerate(_ROWS) for x, key in enumerate(row)}
NEIGHBOURS: dict[str, str] = {
    key: "".join(
        other
        for other, (x2, y2) in _PLACES.items()
        if other != key and abs(x - x2) <= 1 and abs(y - y2) <= 1
    )
    for key, (x, y) in _PLACES.items()
}


def beside(one: str, other: str) -> bool:
    """Whether the keys of two letters touch."""
    return other in NEIGHBOURS.get(one, "")
