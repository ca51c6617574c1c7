"""Keys of buyers as files: made once, destroyed at once, and never read by others."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from marketrank.errors import Corrupt, NotReady
from marketrank.storage import keys as keys_file
from marketrank.storage.keys import KeyFolder
from marketrank.types import BuyerId

ANN, BEN = BuyerId("ann"), BuyerId("ben")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_keys_last_and_are_each_buyers_own(folder: Path) -> None:
    keys = KeyFolder(folder)
    assert keys.find(ANN) is None
    made = keys.find_or_make(ANN)
    assert KeyFolder(folder).find(ANN) == keys.find_or_make(ANN) == made
    other = keys.find_or_make(BEN)
    secrets = {made.profile, made.history, other.profile, other.history}
    assert len(secrets) == 4
    assert keys.of([made.raw_pseudonym, b"?" * 16]) == {made.raw_pseudonym: made}
    assert made.profile.hex() not in repr(made)


def test_many_are_made_at_once(folder: Path) -> None:
    keys = KeyFolder(folder)
    first = keys.find_or_make(ANN)
    buyers = [ANN, *(BuyerId(f"b{n}") for n in range(50))]
    keys.make_missing([*buyers, *buyers])
    assert keys.find(ANN) == first
    assert len({keys.find(buyer) for buyer in buyers} - {None}) == 51
    assert len([name for name in contents(folder) if name.startswith("of/")]) == 51


def test_nobody_else_may_read_them_and_no_name_tells_an_id(folder: Path) -> None:
    KeyFolder(folder).find_or_make(BuyerId("unmistakable"))
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert not any(
        "unmistakable" in name or b"unmistakable" in data for name, data in contents(folder).items()
    )


def test_digests_need_the_secret(folder: Path, tmp_path: Path) -> None:
    keys = KeyFolder(folder)
    assert keys.digest("event", "a") == KeyFolder(folder).digest("event", "a")
    assert keys.digest("event", "a") != keys.digest("buyer", "a")
    assert keys.digest("event", "a") != KeyFolder(tmp_path / "other").digest("event", "a")


def test_what_is_destroyed_is_in_no_file(folder: Path) -> None:
    keys = KeyFolder(folder)
    made, other = keys.find_or_make(ANN), keys.find_or_make(BEN)
    held = os.open(folder / "of" / made.pseudonym[:2] / made.pseudonym, os.O_RDONLY)
    assert keys.destroy(ANN) == made.raw_pseudonym
    # Overwritten, not only unlinked: who has the file open reads nothing either.
    assert set(os.pread(held, 1000, 0)) == {0}
    os.close(held)
    everything = b"".join(contents(folder).values())
    assert made.profile not in everything
    assert made.history not in everything
    assert other.profile in everything
    assert keys.find(ANN) is None
    assert keys.of([made.raw_pseudonym]) == {}
    assert keys.destroy(ANN) is None
    assert keys.unfinished() == [made.raw_pseudonym]
    keys.finished(made.raw_pseudonym)
    assert keys.unfinished() == []
    assert keys.find_or_make(ANN).pseudonym != made.pseudonym


def test_an_erasure_that_was_cut_short_can_be_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyFolder(folder)
    made = keys.find_or_make(ANN)

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "power cut")

    with monkeypatch.context() as patch:
        patch.setattr(keys_file, "_overwrite", fail)
        with pytest.raises(OSError, match="power cut"):
            keys.destroy(ANN)
    assert keys.find(ANN) is None
    assert keys.unfinished() == [made.raw_pseudonym]
    keys.destroy_rest(made.raw_pseudonym)
    keys.destroy_rest(made.raw_pseudonym)
    assert made.profile not in b"".join(contents(folder).values())
    assert keys.of([made.raw_pseudonym]) == {}


def test_history_can_be_forgotten_alone(folder: Path) -> None:
    keys = KeyFolder(folder)
    made = keys.find_or_make(ANN)
    keys.forget_history(ANN)
    after = keys.find(ANN)
    assert after is not None
    assert (after.pseudonym, after.profile) == (made.pseudonym, made.profile)
    assert made.history not in b"".join(contents(folder).values())
    assert keys.of([made.raw_pseudonym]) == {made.raw_pseudonym: after}
    keys.forget_history(BEN)  # nothing to forget
    assert keys.find(BEN) is None


def test_of_many_who_make_them_at_once_one_wins(folder: Path) -> None:
    makers = [KeyFolder(folder) for _ in range(16)]

    def make(keys: KeyFolder) -> object:
        return keys.find_or_make(ANN)

    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(make, makers))
    assert len(made) == 1
    names = [name for name in contents(folder) if name.startswith((".", "names", "of"))]
    assert len(names) == 2, names


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file")
    with pytest.raises(NotReady, match="keys_folder"):
        KeyFolder(tmp_path / "keys").find_or_make(ANN)


def test_a_damaged_secret_is_named(folder: Path) -> None:
    KeyFolder(folder).find_or_make(ANN)
    (folder / "secret").write_bytes(b"short")
    with pytest.raises(Corrupt, match="secret is damaged"):
        KeyFolder(folder).find(ANN)
