"""The order in which files of tests run."""

from pathlib import Path
from zlib import crc32

_SHORT = ("contract", "docker", "unit")


def place_in_run(file: Path) -> tuple[int, int]:
    """Rings of long files first (0), those of the shortest ones last.

    Within a ring any order but that of names: trainings, browsers and servers have names beside
    each other, and do better beside something else.
    """
    ring = file.parent.name
    return _SHORT.index(ring) + 1 if ring in _SHORT else 0, crc32(file.name.encode())
