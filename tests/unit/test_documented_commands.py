"""Checking what pages say of the command line."""

from pathlib import Path

import pytest

from documented_commands import documented, mentions


@pytest.mark.parametrize(
    ("mention", "problem"),
    [
        ('search "oak" --near Bristol', None),
        ("keys create NAME --scope write [--days N]", None),
        ("models list|show|promote", None),
        ("evaluate …", None),
        ("index --help", None),
        ("--within", None),
        ("serch lamp", "there is no command serch lamp"),
        ("keys mint", "there is no command keys mint"),
        ("models list|shuffle", "there is no command models shuffle"),
        ("search --colour red", "search has no option --colour"),
        ("train baselines|text --device cpu", "train baselines has no option --device"),
        ("--no-such", "no command has such an option"),
    ],
)
def test_commands_and_options_must_exist(mention: str, problem: str | None) -> None:
    assert documented().problem(mention) == problem


def test_mentions_are_found_in_code_and_not_in_words(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "Say `marketrank\nsearch lamp`, and marketrank finds; `--near` helps.\n"
        "```text\nmarketrank a|b [--c]   # or marketrank d\n```\n"
        "```sh\nls && marketrank keys \\\n  list --json | jq .\n"
        "kubectl -n marketrank get pods\n```\n"
        "```python\nmarketrank search\n```\n"
    )
    found = [(line, " ".join(said.split())) for line, said in mentions(page, tmp_path)]
    assert found == [
        (4, "a|b [--c]"),
        (4, "d"),
        (7, "keys list --json"),
        (1, "search lamp"),
        (2, "--near"),
    ]
