"""Reading the blocks of a page: what escaped here would escape the test that runs them."""

from pathlib import Path

import pytest

from fenced import Block, blocks, commands, prose


def read(folder: Path, text: str) -> list[Block]:
    page = folder / "page.md"
    page.write_text(text)
    return list(blocks(page, folder))


def test_blocks_have_their_line_language_and_mark(tmp_path: Path) -> None:
    text = """a
```sh
marketrank index
```
<!-- not run here: it takes a cluster -->

~~~bash
kubectl get pods
```
~~~
- in a list
  ````console
  $ ls \\
    -l
  out
  ````
<!-- not run here -->
```sh
```
"""
    first, second, third, last = read(tmp_path, text)
    assert first == Block("page.md", 2, 4, "sh", "marketrank index", None)
    assert second == Block("page.md", 7, 10, "bash", "kubectl get pods\n```", "it takes a cluster")
    assert (third.language, commands(third)) == ("console", "ls \\\n  -l")
    assert (last.line, last.reason) == (18, "")
    words = prose(tmp_path / "page.md")
    assert words.count("\n") == text.count("\n") - 1
    assert " ".join(words.split()) == (
        "a <!-- not run here: it takes a cluster --> - in a list <!-- not run here -->"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```sh\nls\n", "page.md:1: the block has no end"),
        ("<!-- not run here: why -->\nwords\n```sh\n```\n", "right before its block"),
        ("<!-- not run here: why -->\n```text\n```\n", "for a shell block"),
        ("<!-- not run here: why -->\n", "has no block"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told):
        read(tmp_path, text)
