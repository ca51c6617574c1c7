"""What the documentation says of the command line, checked against the command line itself."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from fenced import SHELLS, blocks, prose
from marketrank.cli import app

# What is called ends where a comment, a quotation or another command begins.
_CALL = re.compile(r"(?<![\w/-])(?<!-n )marketrank (?=[a-z-])((?:[^`#;&|\n]|(?<=\S)\|(?=\S))*)")
_CODE = re.compile(r"`([^`]+)`")
_WORD = re.compile(r"[a-z][a-z0-9-]*(?:\|[a-z][a-z0-9-]*)*")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
# Options of other programs that pages name by themselves.
_OTHERS = frozenset({"--scale", "--json", "--editable"})


@dataclass(frozen=True)
class CommandLine:
    """Every command by its words, with its options."""

    options: Mapping[tuple[str, ...], frozenset[str]]

    def problem(self, mention: str) -> str | None:
        """What is wrong with a mention ("keys create NAME --scope write", or an option by itself);
        None where nothing is. "a|b" stands for both."""
        if mention.startswith("--"):
            known = frozenset().union(*self.options.values()) | _OTHERS
            return None if mention in known else "no command has such an option"
        named: list[tuple[str, ...]] = [()]
        for word in (one.rstrip(".,:)") for one in mention.split()):
            if any(one in self.options for one in named) or not _WORD.fullmatch(word):
                break
            named = [(*one, part) for one in named for part in word.split("|")]
        asked = _OPTION.findall(mention)
        for one in named:
            meant = [options for known, options in self.options.items() if known[: len(one)] == one]
            if not meant:
                return f"there is no command {' '.join(one)}"
            wrong = set(asked) - frozenset().union(*meant) - {"--help"}
            if wrong:
                return f"{' '.join(one)} has no option {min(wrong)}"
        return None


@cache
def documented() -> CommandLine:
    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], set[str]]]:
        below = getattr(command, "commands", None)
        if below is None:
            yield words, {name for one in command.params for name in one.opts + one.secondary_opts}
        else:
            for name, one in below.items():
                yield from walk(one, (*words, name))

    return CommandLine({words: frozenset(names) for words, names in walk(get_command(app), ())})


def mentions(page: Path, root: Path) -> Iterator[tuple[int, str]]:
    """What stands after "marketrank " in the blocks and the code of a page, and options that its
    code names by themselves; each with its line."""
    for block in blocks(page, root):
        if block.language in SHELLS | {"text", ""}:
            for number, line in enumerate(block.text.replace("\\\n", " \v").split("\n"), 1):
                for found in _CALL.finditer(line):
                    yield block.line + number, found[1].strip()
    text = prose(page)
    for code in _CODE.finditer(text):
        number = text.count("\n", 0, code.start()) + 1
        inside = " ".join(code[1].split())
        for found in _CALL.finditer(inside):
            yield number, found[1].strip()
        if inside.startswith("--"):
            yield number, inside.split()[0].split("=")[0]
