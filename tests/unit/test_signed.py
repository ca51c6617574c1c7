from pathlib import Path

import pytest

from marketrank.api.signed import Signer, csrf_ok, csrf_token, signer_of
from marketrank.config import Settings
from marketrank.errors import BadSettings

KEY = b"k" * 32


class Clock:
    seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


def test_what_was_signed_comes_back() -> None:
    signer = Signer(KEY)
    for value in ("b-17", "", "a; b=c, ü.\n", "x" * 200):
        text = signer.sign("buyer", value)
        assert all(one.isalnum() or one in "-_." for one in text)
        assert signer.unsign("buyer", text, 60) == value


def test_another_purpose_key_or_letter_is_refused() -> None:
    signer = Signer(KEY)
    text = signer.sign("buyer", "b-17")
    assert signer.unsign("operator", text, 60) is None
    assert Signer(b"x" * 32).unsign("buyer", text, 60) is None
    assert signer.unsign("buyer", "A" + text[1:], 60) is None
    for nonsense in ("", ".", "a.b", "é.é.é"):
        assert signer.unsign("buyer", nonsense, 60) is None


def test_an_old_text_is_refused() -> None:
    clock = Clock()
    signer = Signer(KEY, now=clock)
    text = signer.sign("buyer", "b-17")
    clock.seconds += 60
    assert signer.unsign("buyer", text, 60) == "b-17"
    clock.seconds += 1
    assert signer.unsign("buyer", text, 60) is None


def test_a_token_fits_its_cookie_alone() -> None:
    clock = Clock()
    signer = Signer(KEY, now=clock)
    token = csrf_token(signer, "cookie")
    assert csrf_ok(signer, "cookie", token)
    assert not csrf_ok(signer, "other cookie", token)
    assert not csrf_ok(signer, "cookie", "")
    assert not csrf_ok(signer, "", csrf_token(signer, ""))
    assert not csrf_ok(signer, "cookie", signer.sign("buyer", "cookie"))
    clock.seconds += 12 * 3600 + 1
    assert not csrf_ok(signer, "cookie", token)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(BadSettings, match="at least 32"):
        Signer(b"secret")


def test_processes_of_a_home_share_a_key_that_is_made_once(tmp_path: Path) -> None:
    first = Settings(home=tmp_path)
    text = signer_of(first).sign("buyer", "b-17")
    held = tmp_path / "keys" / "pages"
    assert held.stat().st_mode & 0o077 == 0
    assert list(held.parent.iterdir()) == [held]
    assert Signer(held.read_bytes()).unsign("buyer", text, 60) == "b-17"
    elsewhere = Settings(home=tmp_path / "other", keys_folder=tmp_path / "safe")
    assert signer_of(elsewhere).unsign("buyer", text, 60) is None
    assert (tmp_path / "safe" / "pages").exists()


def test_a_key_of_the_settings_is_used(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, page_key="0123456789abcdef" * 2)
    text = Signer(b"0123456789abcdef" * 2).sign("buyer", "b-17")
    assert signer_of(settings).unsign("buyer", text, 60) == "b-17"
    assert "0123456789abcdef" not in repr(settings)
    assert not (tmp_path / "keys").exists()
