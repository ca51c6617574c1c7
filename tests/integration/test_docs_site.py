"""The site of `make docs`: what it takes from the code, and that it needs no other host."""

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from documented_commands import documented
from marketrank.config import Settings
from marketrank.monitoring.metrics import Metrics
from marketrank.ranking.session_features import NAMES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def made(generate: ModuleType) -> dict[str, str]:
    return {name: make() for name, make in generate.PAGES.items()}


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_command_and_option_is_in_the_reference(made: dict[str, str]) -> None:
    page = made["reference/commands.md"]
    for words, options in documented().options.items():
        part = page.partition(f"\n## marketrank {' '.join(words)}\n")[2].partition("\n## ")[0]
        assert part, words
        for option in options:
            assert option in part or option.upper() in part, (words, option)
    assert "| `--limit N` | Results a page. | `10` |" in page
    assert "`--sort relevance|price|-price|newest|distance`" in page


def test_every_setting_is_in_the_reference_with_its_default(made: dict[str, str]) -> None:
    page = made["reference/settings.md"]
    for name in Settings.model_fields:
        assert f"`{name}`<br>`MARKETRANK_{name.upper()}`" in page
    row = next(line for line in page.splitlines() if line.startswith("| `photo_weight`"))
    assert "| number, 0 to 1 | `0.36` |" in row
    assert "password" not in page
    assert str(Path.home()) not in page  # nothing of the machine that made it


def test_every_request_and_shape_is_in_the_reference(made: dict[str, str]) -> None:
    page = made["reference/http.md"]
    for heading in ("GET /v1/search", "PUT /v1/listings", "POST /predict/image", "SearchAnswer"):
        assert f"\n## {heading}\n" in page
    targets = {name.lower() for name in re.findall(r"^## (\w+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= targets


def test_features_metrics_and_decisions_are_in_the_reference(made: dict[str, str]) -> None:
    for name in NAMES:
        assert f"| `{name}` |" in made["reference/features.md"]
    for line in Metrics().render().decode().splitlines():
        if line.startswith("# TYPE marketrank_") and not line.split()[2].endswith("_created"):
            assert f"| `{line.split()[2]}" in made["reference/metrics.md"]
    for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"):
        assert f"]({path.name})" in made["adr/index.md"]


def test_a_page_that_the_nav_does_not_name_joins_the_guides(
    generate: ModuleType, tmp_path: Path
) -> None:
    for name in ("index.md", "api.md", "new.md"):
        (tmp_path / name).touch()
    nav = [{"Home": "index.md"}, {"How to": [{"Call the API": "api.md"}]}]
    config = generate.on_config(SimpleNamespace(nav=nav, docs_dir=str(tmp_path)))
    assert config.nav == [{"Home": "index.md"}, {"How to": [{"Call the API": "api.md"}, "new.md"]}]


class _Loaded(HTMLParser):
    """The addresses that a browser loads for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "srcset", "data", "poster") or (tag == "link" and name == "href"):
                self.found.append(value or "")


def test_the_site_builds_strictly_and_asks_no_other_host(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the extra docs is not installed")
    pytest.importorskip("mkdocstrings", reason="the extra docs is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(list((ROOT / "docs").rglob("*.md")))
    for page in pages:
        loaded = _Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert [one for one in loaded.found if re.match(r"\w+:|//", one)] == [], page
    for sheet in tmp_path.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(https?:|//)|@import", sheet.read_text()), sheet
    assert not list(tmp_path.rglob("*.py"))
    assert (tmp_path / "repository" / "benchmarks" / "results" / "unbiased.svg").is_file()
    client = re.sub(r"<[^>]+>|\s+", "", (tmp_path / "reference" / "client.html").read_text())
    assert "suggest(q:str" in client  # a method without a docstring
