"""The fenced blocks of a Markdown page, and the marks on those that are not run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHELLS = frozenset({"sh", "bash", "shell", "console"})
_FENCE = re.compile(r"^( *)(`{3,}|~{3,}) *(\S*)[^`]*$")
_MARK = re.compile(r"^ *<!-- *not run here(?::(.*?))? *-->$")


@dataclass(frozen=True, slots=True)
class Block:
    """`line` and `end` are those of its fences, from 1. `reason` says why it is not run; None where
    it is run, "" where the mark gives none."""

    page: str
    line: int
    end: int
    language: str
    text: str
    reason: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: Path, root: Path) -> Iterator[Block]:
    """All fenced blocks, in order. Raises ValueError for a fence without an end, and for a mark
    that stands before no shell block."""
    name = str(page.relative_to(root))
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    mark: tuple[int, str] | None = None
    for number, line in lines:
        found, marked = _FENCE.match(line), _MARK.match(line)
        if found:
            language = found[3].lower()
            inside = list(_until(lines, found, f"{name}:{number}"))
            text, end = "\n".join(inside), number + len(inside) + 1
            if mark and language not in SHELLS:
                raise ValueError(f"{name}:{mark[0]}: the mark is for a shell block: sh or console")
            yield Block(name, number, end, language, text, mark[1] if mark else None)
            mark = None
        elif marked:
            mark = (number, (marked[1] or "").strip())
        elif line.strip() and mark:
            raise ValueError(f"{name}:{mark[0]}: the mark must stand right before its block")
    if mark:
        raise ValueError(f"{name}:{mark[0]}: the mark has no block")


def _until(lines: Iterator[tuple[int, str]], fence: re.Match[str], where: str) -> Iterator[str]:
    end = re.compile(rf"^ *{fence[2][0]}{{{len(fence[2])},}} *$")
    for _, line in lines:
        if end.match(line):
            return
        yield line.removeprefix(fence[1])
    raise ValueError(f"{where}: the block has no end")


def prose(page: Path) -> str:
    """A page with its blocks as empty lines."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks(page, page.parent):
        lines[block.line - 1 : block.end] = [""] * (block.end - block.line + 1)
    return "\n".join(lines)


def commands(block: Block) -> str:
    """What a shell is to run: of a console block the lines after its prompts."""
    if block.language != "console":
        return block.text
    kept, goes_on = [], False
    for line in block.text.splitlines():
        if line.startswith("$ ") or goes_on:
            kept.append(line.removeprefix("$ ") if line.startswith("$ ") else line)
            goes_on = line.endswith("\\")
    return "\n".join(kept)
