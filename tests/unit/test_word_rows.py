"""What rankers read of listings comes out of a release as it went in."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.errors import Corrupt
from marketrank.retrieval import text_folder, word_rows

WORDS = st.lists(st.integers(1, 2**31 - 1), max_size=6).map(lambda some: np.array(some, np.int32))
ROWS = st.dictionaries(
    st.integers(0, 2**40),
    st.tuples(
        st.integers(0, 2**40),
        st.tuples(*[WORDS] * word_rows.PARTS),
        st.tuples(*[st.integers(-1, 2**31 - 1)] * word_rows.FACTS),
    ),
    max_size=6,
)


@given(ROWS)
def test_rows_are_found_by_key_and_change(
    rows: dict[int, tuple[int, tuple[word_rows.Words, ...], tuple[int, ...]]],
) -> None:
    with TemporaryDirectory() as folder:
        word_rows.save(Path(folder) / "rows", [(key, *row) for key, row in rows.items()])
        found = word_rows.read(Path(folder) / "rows")
    assert found is not None
    keys = np.array([*rows, 2**41], np.int64)
    seqs = np.array([*(row[0] for row in rows.values()), 0], np.int64)
    places = found.places(keys, seqs).tolist()
    assert places[-1] == -1
    assert sorted(places[:-1]) == list(range(len(rows)))
    tables, held_facts = found.read(np.array(places[:-1], np.int64))
    assert held_facts.tolist() == [list(facts) for _, _, facts in rows.values()]
    for part, table in enumerate(tables):
        wanted = [parts[part].tolist() for _, parts, _ in rows.values()]
        width = max(map(len, wanted), default=0)
        assert table.shape == (len(rows), width)
        assert table.tolist() == [one + [0] * (width - len(one)) for one in wanted]
    assert found.places(keys, seqs + 1).tolist() == [-1] * len(keys)  # of another change


def test_none_and_those_of_another_analysis_are_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert word_rows.read(tmp_path / "rows") is None
    word_rows.save(tmp_path / "rows", [])
    assert word_rows.read(tmp_path / "rows") is not None
    monkeypatch.setattr(word_rows, "SCHEMA", text_folder.SCHEMA + 1)
    assert word_rows.read(tmp_path / "rows") is None


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    word_rows.save(tmp_path / "rows", [])
    (tmp_path / "rows" / "keys.npy").write_bytes(b"torn")
    with pytest.raises(Corrupt, match=r"rows cannot be read.*--rebuild"):
        word_rows.read(tmp_path / "rows")
