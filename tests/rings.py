"""The order in which rings run."""

from pathlib import Path

_SHORT = ("contract", "docker", "unit")


def place_in_run(file: Path) -> int:
    """Rings of long files first (0), those of the shortest ones last."""
    ring = file.parent.name
    return _SHORT.index(ring) + 1 if ring in _SHORT else 0
