"""kill -9 of the text index's writer at random points: nothing acknowledged is lost, and redoing
the changes gives exactly what they say."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.types import ListingKey, Seq

_KEYS = 1_000  # many: a change that is lost is seldom hidden by a later one
_CHANGES = 3_000
_ROUNDS = 8

# Applies the changes from where the index stands, as the indexer does after a restart.
_CHILD = """
import sys
from pathlib import Path
from tests.integration.test_text_index_crash import apply
from marketrank.retrieval.text_index import TextWriter
writer = TextWriter(Path(sys.argv[1]))
for seq in apply(writer, int(sys.argv[2])):
    print(seq, flush=True)
"""


def _change(seq: int) -> tuple[int, str | None]:
    """The change of a number: a key and its new title, or None where it ended."""
    rng = random.Random(seq)
    key = rng.randrange(_KEYS)
    return key, None if rng.random() < 0.3 else f"oak version{seq}"


def apply(writer: TextWriter, last: int, batch_size: int = 40) -> Iterator[int]:
    """Apply changes in batches of random size; yields each number that is committed."""
    seq = int(writer.applied())
    rng = random.Random(time.time_ns())
    while seq < last:
        upto = min(seq + rng.randint(1, batch_size), last)
        # The last change of each key in the batch, as the store hands them out.
        batch = dict(_change(n) for n in range(seq + 1, upto + 1))
        for key, title in batch.items():
            if title is not None:
                writer.upsert(ListingKey(key), title, "", "")
        writer.delete([ListingKey(key) for key, title in batch.items() if title is None])
        writer.commit(Seq(upto))
        seq = upto
        yield seq


def _expected(upto: int) -> dict[int, str]:
    state = dict(_change(n) for n in range(1, upto + 1))
    return {key: title for key, title in state.items() if title is not None}


def _contents(folder: Path) -> dict[int, str]:
    """What the index holds: each key once, and found by its own version and by no other."""
    reader = TextReader(folder)
    keys = reader.search("oak", 10 * _KEYS).keys.tolist()
    assert len(keys) == len(set(keys)), "a key is there twice"
    contents = {}
    for title in {t for n in range(1, _CHANGES + 1) if (t := _change(n)[1])}:
        hits = reader.search(title.split()[1], 5).keys.tolist()
        if hits:
            assert len(hits) == 1
            assert hits[0] not in contents, "two versions of a key are there"
            contents[hits[0]] = title
    assert contents.keys() == set(keys)
    return contents


def _run_and_kill(folder: Path, after: float) -> int:
    """Start a writer, kill it some seconds after its first commit; returns the last number that
    it acknowledged."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(folder), str(_CHANGES)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(after)
        child.kill()
        rest = child.stdout.read().split("\n")
    whole = [line for line in [first.strip(), *rest[:-1]] if line]
    return int(whole[-1]) if whole else 0


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    rng = random.Random(0)
    acknowledged = 0
    kills = []
    for _ in range(_ROUNDS):
        acknowledged = max(acknowledged, _run_and_kill(tmp_path, rng.uniform(0, 0.15)))
        reader = TextReader(tmp_path)  # opens after every kill
        assert len(reader.search("oak", 10 * _KEYS).keys) <= _KEYS
        writer = TextWriter(tmp_path)  # the dead one's lock is gone
        applied = int(writer.applied())
        writer.close()
        assert acknowledged <= applied <= _CHANGES
        kills.append(applied)
    assert 0 < kills[0] < kills[-1] < _CHANGES, f"kills fell outside the work: {kills}"
    writer = TextWriter(tmp_path)
    for _ in apply(writer, _CHANGES, batch_size=1_000):
        pass
    writer.close()
    assert _contents(tmp_path) == _expected(_CHANGES)


def test_a_kill_between_commit_and_number_is_mended_by_redoing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TextWriter(tmp_path)
    for _ in apply(writer, 100):
        pass
    with monkeypatch.context() as patch:
        patch.setattr("marketrank.retrieval.text_folder.write_state", _die)
        with pytest.raises(KeyboardInterrupt):
            for _ in apply(writer, 200):
                pass
    writer.close()
    again = TextWriter(tmp_path)
    assert again.applied() == 100
    for _ in apply(again, 200):
        pass
    again.close()
    assert _contents(tmp_path) == _expected(200)


def _die(*_: object) -> None:
    raise KeyboardInterrupt
