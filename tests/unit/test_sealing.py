"""Sealed texts open with their key, at their place, and as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.storage.sealing import digest, new_key, seal, unseal

KEY = bytes(range(32))


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_what_is_sealed_opens(text: bytes, about: bytes) -> None:
    sealed = seal(KEY, text, about)
    assert unseal(KEY, sealed, about) == text
    assert seal(KEY, text, about) != sealed
    if len(text) > 4:
        assert text not in sealed


@given(st.text(max_size=60), st.text(max_size=60))
def test_lengths_do_not_tell_one_word_from_another(one: str, other: str) -> None:
    short = [text.encode()[:100] for text in (one, other)]
    assert len({len(seal(KEY, text, b"row")) for text in short}) == 1


@pytest.mark.parametrize("place", range(0, 33, 4))
def test_a_changed_byte_opens_nothing(place: int) -> None:
    sealed = bytearray(seal(KEY, b"hello", b"row"))
    sealed[place] ^= 1
    assert unseal(KEY, bytes(sealed), b"row") is None


def test_another_key_or_row_opens_nothing() -> None:
    sealed = seal(KEY, b"hello", b"row 1")
    assert unseal(new_key(), sealed, b"row 1") is None
    assert unseal(KEY, sealed, b"row 2") is None


def test_digests_keep_things_apart() -> None:
    assert digest(KEY, "event", "a") == digest(KEY, "event", "a")
    assert len({digest(KEY, "event", "a"), digest(KEY, "b", "a"), digest(KEY, "event", "b")}) == 3
    assert digest(new_key(), "event", "a") != digest(KEY, "event", "a")
    assert len(digest(KEY, "event", "")) == 16
