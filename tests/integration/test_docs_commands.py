"""Every command in the README and the documentation: run where it can be run here, and checked
against the command line everywhere."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from documented_commands import documented, mentions
from documented_shell import Shell
from fenced import SHELLS, Block, blocks, commands
from small_market import draw

ROOT = Path(__file__).resolve().parents[2]
# These come first: the others work on the home of the one and the market of the other.
PAGES = [
    ROOT / "docs" / "tutorial.md",
    ROOT / "docs" / "simulate.md",
    ROOT / "README.md",
    *sorted(set((ROOT / "docs").rglob("*.md")) - set((ROOT / "docs" / "adr").rglob("*.md"))),
]
PAGES = list(dict.fromkeys(PAGES))
WITH_COMMANDS = [page for page in PAGES if re.search(rf"```({'|'.join(SHELLS)})", page.read_text())]
# Sizes as a reader would want them, and as a test can afford them.
SMALLER = {
    "--listings 1000": "--listings 120",
    "--sessions 500": "--sessions 10",
    "--queries 100": "--queries 10",
}
# Folders of a server, which a test may not write to.
ELSEWHERE = {" /backups/": " backups/"}
# What a page takes for granted that its reader has.
PHOTOS = ("table.jpg", "chair.jpg")
LISTINGS = (
    '{"id": "2001", "title": "Beech kitchen stool", "price": 15, "location": "Leeds"}\n'
    '{"id": "2002", "title": "Wicker basket", "price": 8, "location": "Bath"}\n'
)


def found(page: Path) -> list[Block]:
    return list(blocks(page, ROOT))


@pytest.fixture(scope="module")
def shell(
    tmp_path_factory: pytest.TempPathFactory, module_database_url: str, encoder_folder: Path
) -> Iterator[Shell]:
    for tool in ("bash", "curl", "jq"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("docs") / "here"
    models = folder / ".marketrank" / "models"
    models.mkdir(parents=True)
    (models / encoder_folder.name).symlink_to(encoder_folder)
    shutil.copytree(ROOT / "docs" / "examples", folder / "docs" / "examples")
    for name in PHOTOS:
        (folder / name).write_bytes(draw("#a5713d"))
    (folder / "listings.ndjson").write_text(LISTINGS)
    environment = {"MARKETRANK_DATABASE_URL": module_database_url, "OMP_NUM_THREADS": "1"}
    shell = Shell(folder, environment)
    yield shell
    shell.close()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_do_what_the_page_says(page: Path, shell: Shell) -> None:
    """Each block in order, in one shell for the page, until one fails."""
    runs = [block for block in found(page) if block.language in SHELLS and block.reason is None]
    if not runs:
        pytest.skip("none of its commands is run here")
    at = shell.folder / "at"
    parts = []
    for block in runs:
        text = commands(block)
        for large, small in SMALLER.items():
            text = re.sub(rf"{re.escape(large)}(?![0-9])", small, text)
        for theirs, ours in ELSEWHERE.items():
            text = text.replace(theirs, ours)
        parts.append(f"echo '{block}' > '{at}'\n{text}")
    script = "\n".join(parts)
    if "127.0.0.1:8080" in script and "marketrank serve" not in script:
        script = f"marketrank serve\n{script}"  # as the reader has done
    status, told = shell.run(script)
    assert status == 0, f"{at.read_text().strip() if at.exists() else page}: {told[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_command_hides_from_that(page: Path) -> None:
    for block in found(page):
        assert block.language, (
            f"{block}: name the language of the block: sh for commands that are run, text for "
            "what is not for a shell"
        )
        assert block.reason != "", f"{block}: say why: <!-- not run here: reason -->"
        if block.language == "text":
            told = [line for line in block.text.splitlines() if is_command(line)]
            assert not told, f"{block}: {told[0]!r} could be run: make it a block of sh"


def is_command(line: str) -> bool:
    """A line for a shell, and not a synopsis with [options], DIRs and alternatives."""
    calls = re.match(r"\s*(\$ |marketrank|curl|make|docker|kubectl|terraform|pip|sh) ?", line)
    return bool(calls) and not re.search(r"\[|…|\b[A-Z]{2,}\b|\w\|\w", line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    known = documented()
    for line, mention in mentions(page, ROOT):
        problem = known.problem(mention)
        assert problem is None, f"{page.relative_to(ROOT)}:{line}: {mention!r}: {problem}"


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        told = re.findall(r"(?:^|`)make ([a-z][a-z-]+)", page.read_text(), re.MULTILINE)
        assert set(told) <= targets, f"{page.relative_to(ROOT)}: {set(told) - targets}"
