"""How a serving process takes its memory."""

import ctypes

import pytest

from marketrank import serving


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the C library was asked for."""
    found: list[tuple[int, int]] = []

    class Library:
        def __init__(self, name: None) -> None:
            pass

        def mallopt(self, option: int, value: int) -> int:
            found.append((option, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    return found


def test_threads_share_two_arenas(asked: list[tuple[int, int]]) -> None:
    serving.share_memory()
    assert asked == [(-8, 2)]


def test_who_says_how_many_is_heard(
    asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    serving.share_memory()
    assert asked == []


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    serving.share_memory()
