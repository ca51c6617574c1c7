from pathlib import Path

import pytest

from marketrank.config import FILE_NAME, load
from marketrank.errors import BadSettings


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("MARKETRANK_"):
            monkeypatch.delenv(name)


def test_argument_before_variable_before_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load().home == tmp_path / ".marketrank"
    monkeypatch.setenv("MARKETRANK_HOME", str(tmp_path / "variable"))
    assert load().home == tmp_path / "variable"
    assert load(tmp_path / "argument").home == tmp_path / "argument"


def test_environment_before_file_before_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE_NAME).write_text('fusion_k = 10\ncurrency = "EUR"\n')
    monkeypatch.setenv("MARKETRANK_FUSION_K", "20")
    settings = load(tmp_path)
    assert (settings.fusion_k, settings.currency, settings.country) == (20, "EUR", "GB")


def test_unknown_key_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("fusing = 10\n")
    with pytest.raises(BadSettings, match=r"unknown setting 'fusing'.*fusion_k"):
        load(tmp_path)


def test_unknown_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETRANK_FUSSION_K", "10")
    with pytest.raises(BadSettings, match="MARKETRANK_FUSSION_K"):
        load(tmp_path)


def test_value_out_of_range_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETRANK_PHOTO_SIZE", "7")
    with pytest.raises(BadSettings, match="photo_size = '7'"):
        load(tmp_path)


def test_torn_file_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("fusion_k = [")
    with pytest.raises(BadSettings, match="not valid TOML"):
        load(tmp_path)


def test_a_secret_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", "postgresql://someone:s3cret@db.example/x")
    assert "s3cret" not in repr(load(tmp_path))
