"""Lines from bytes, whatever their newlines and encoding."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.listings import lines
from marketrank.listings.lines import read_lines


def test_newlines_of_all_kinds() -> None:
    assert list(read_lines(b"a\nb\r\nc\rd\n\ne")) == ["a", "b", "c", "d", "", "e"]


@given(
    parts=st.lists(st.tuples(st.text(max_size=6), st.sampled_from(["\n", "\r\n", "\r"]))),
    block=st.integers(1, 9),
)
def test_blocks_do_not_show(parts: list[tuple[str, str]], block: int) -> None:
    """Wherever a block ends, in a letter or between CR and LF, the lines are the same."""
    data = "".join(text + end for text, end in parts).encode(errors="replace")
    whole = list(read_lines(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", block)
        # A mark of byte order needs its two or three bytes in the first block.
        if not data.startswith((b"\xef", b"\xff", b"\xfe")):
            assert list(read_lines(io.BytesIO(data))) == whole


def test_a_stream_stays_open() -> None:
    stream = io.BytesIO(b"a\nb")
    assert list(read_lines(stream)) == ["a", "b"]
    assert not stream.closed


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_byte_order_marks_are_no_text(encoding: str) -> None:
    assert list(read_lines("é✓\r\nb".encode(encoding))) == ["é✓", "b"]


def test_one_foreign_line_does_not_spoil_the_others() -> None:
    data = "✓\n".encode() + "£5\n".encode("cp1252") + b"\x81\n"
    assert list(read_lines(data)) == ["✓", "£5", "\x81"]


def test_a_separator_of_unicode_is_no_newline() -> None:
    assert list(read_lines("a\u2028b\x0bc".encode())) == ["a\u2028b\x0bc"]
