import os
from pathlib import Path

import numpy as np
import pytest

from marketrank.errors import Corrupt
from marketrank.pipelines.heldout import FILE, HeldOut

HELD = HeldOut(
    validation={"words": np.array([[-1.5, -0.5]], np.float32), "owner": np.array([0, 0, 2])},
    test={"words": np.zeros((0, 2), np.float32)},
)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    HELD.save(tmp_path)
    found = HeldOut.load(tmp_path)
    for one, other in ((HELD.validation, found.validation), (HELD.test, found.test)):
        assert one.keys() == other.keys()
        for name in one:
            assert one[name].dtype == other[name].dtype
            np.testing.assert_array_equal(one[name], other[name])


def test_a_missing_or_torn_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match=rf"{FILE} cannot be read.*train it again"):
        HeldOut.load(tmp_path)
    HELD.save(tmp_path)
    whole = (tmp_path / FILE).read_bytes()
    for torn in (b"", whole[:100], whole[:-20], b"no archive", _spoilt(whole)):
        (tmp_path / FILE).write_bytes(torn)
        with pytest.raises(Corrupt, match=rf"{FILE} cannot be read.*train it again"):
            HeldOut.load(tmp_path)


def test_nothing_pickled_is_opened(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "owned"),)

    np.savez(tmp_path / FILE, **{"test/x": np.array([Evil()], object)})
    with pytest.raises(Corrupt):
        HeldOut.load(tmp_path)
    assert not (tmp_path / "owned").exists()


def _spoilt(whole: bytes) -> bytes:
    """A byte of the first array is another: its checksum does not hold."""
    at = whole.index(b"PK") + 70
    return whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
