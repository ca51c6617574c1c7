"""Lines of text from bytes whose newlines and encoding are not to be relied on."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_BLOCK = 1 << 20  # bytes read at a time
_NEWLINE = re.compile(r"\r\n|\r|\n")


def read_lines(data: bytes | Path | BinaryIO) -> Iterator[str]:
    """Lines without their ends, which may be LF, CR LF and CR, even mixed.

    UTF-8 or, with a byte order mark, UTF-16. A line that is not UTF-8 is read as Windows-1252, for
    itself, so that one foreign line does not spoil the others. A stream is read block by block and
    left open.
    """
    if isinstance(data, Path):
        with data.open("rb") as file:
            yield from read_lines(file)
        return
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    head = stream.read(_BLOCK)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # Excel's "Unicode text"
        yield from _NEWLINE.split((head + stream.read()).decode("utf-16", "replace"))
        return
    rest = head.removeprefix(b"\xef\xbb\xbf")
    while block := stream.read(_BLOCK):
        # A "\r" at the end may be half of a "\r\n".
        cut = max(rest.rfind(b"\n"), rest.rfind(b"\r", 0, len(rest) - 1)) + 1
        if cut:
            yield from _decode(rest[:cut])
        rest = rest[cut:] + block
    yield from _decode(rest)


def _decode(block: bytes) -> Iterator[str]:
    lines = block.splitlines()  # of bytes: only at \n, \r and \r\n
    try:
        yield from [line.decode() for line in lines]
    except UnicodeDecodeError:
        yield from map(_decode_line, lines)


def _decode_line(line: bytes) -> str:
    for encoding in ("utf-8", "cp1252"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("latin-1")
