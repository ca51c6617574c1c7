"""The writer of the text index: what a reader sees of it, and when its files are damaged."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import orjson
import pytest

from marketrank.errors import Corrupt, NotReady
from marketrank.retrieval.text_folder import SCHEMA, applied
from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.types import ListingKey, Seq
from small_text import found_keys, reader_of_three, writing


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[TextWriter]:
    with writing(tmp_path) as writer:
        yield writer


@pytest.fixture
def reader(writer: TextWriter, tmp_path: Path) -> TextReader:
    return reader_of_three(writer, tmp_path)


def test_a_change_replaces_and_an_end_removes(writer: TextWriter, reader: TextReader) -> None:
    writer.upsert(ListingKey(10), "Pine shelf", "Home & Garden", "")
    writer.upsert(ListingKey(10), "Steel shelf", "Home & Garden", "")  # twice in one batch
    writer.delete([ListingKey(12), ListingKey(999)])
    assert found_keys(reader, "oak") == [10, 12]  # not before commit
    writer.commit(Seq(5))
    assert found_keys(reader, "oak") == [10, 12]  # not before reload
    reader.reload()
    assert found_keys(reader, "oak") == []
    assert found_keys(reader, "pine") == []
    assert found_keys(reader, "shelf") == [10]


def test_applied_is_what_was_committed(writer: TextWriter, tmp_path: Path) -> None:
    assert writer.applied() == 0
    writer.upsert(ListingKey(1), "oak", "", "")
    writer.commit(Seq(41))
    writer.upsert(ListingKey(2), "oak", "", "")
    assert writer.applied() == 41
    writer.close()
    again = TextWriter(tmp_path)
    assert again.applied() == 41
    again.close()
    assert found_keys(TextReader(tmp_path), "oak") == [1]  # what was not committed is gone


def test_one_writer_at_a_time(writer: TextWriter, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="another process"):
        TextWriter(tmp_path)
    writer.close()
    TextWriter(tmp_path).close()


def test_a_folder_that_does_not_exist_has_no_hits(tmp_path: Path) -> None:
    reader = TextReader(tmp_path / "later")
    assert found_keys(reader, "oak") == []
    writer = TextWriter(tmp_path / "later")
    reader.reload()
    assert found_keys(reader, "oak") == []
    writer.upsert(ListingKey(1), "oak", "", "")
    writer.commit(Seq(1))
    reader.reload()
    assert found_keys(reader, "oak") == [1]
    writer.close()


def _damage_state(folder: Path) -> None:
    (folder / "applied.json").write_bytes(b'{"schema": 1, "se')


def _damage_meta(folder: Path) -> None:
    (folder / "index-1" / "meta.json").write_text("{")


def _damage_segment(folder: Path) -> None:
    for path in (folder / "index-1").glob("*.term"):
        start = path.read_bytes()[:7]
        path.unlink()  # readers have the old file mapped
        path.write_bytes(start)


def _lose_folder(folder: Path) -> None:
    shutil.rmtree(folder / "index-1")


def _older_schema(folder: Path) -> None:
    state = orjson.loads((folder / "applied.json").read_bytes())
    (folder / "applied.json").write_bytes(orjson.dumps(state | {"schema": SCHEMA - 1}))


@pytest.mark.parametrize(
    "damage", [_damage_state, _damage_meta, _damage_segment, _lose_folder, _older_schema]
)
def test_a_damaged_index_is_rebuilt_while_readers_keep_the_old_one(
    writer: TextWriter, reader: TextReader, tmp_path: Path, damage: object
) -> None:
    writer.close()
    assert callable(damage)
    damage(tmp_path)
    if damage in (_damage_state, _lose_folder, _older_schema):
        assert applied(tmp_path) == 0  # without opening it
    again = TextWriter(tmp_path)
    assert again.applied() == 0
    assert found_keys(reader, "oak") == [10, 12]
    again.upsert(ListingKey(77), "Oak desk", "", "")
    again.commit(Seq(1))
    reader.reload()
    assert found_keys(reader, "oak") == [77]
    again.close()
    last = TextWriter(tmp_path)
    assert last.applied() == 1
    last.close()
    assert [path.name for path in tmp_path.glob("index-*")] == ["index-2"]  # cleared up by now


def test_a_reader_says_what_it_cannot_read_and_keeps_answering(
    writer: TextWriter, reader: TextReader, tmp_path: Path
) -> None:
    writer.upsert(ListingKey(1), "Oak desk", "", "")
    writer.commit(Seq(9))
    for path in (tmp_path / "index-1").glob("*.term"):
        path.unlink()
        path.write_bytes(b"")
    with pytest.raises(Corrupt, match="index-1"):
        reader.reload()
    assert found_keys(reader, "oak") == [10, 12]
    assert found_keys(TextReader(tmp_path), "oak") == []  # waits for the writer to mend it


def test_a_writer_goes_on_after_an_error(writer: TextWriter, reader: TextReader) -> None:
    class Full:
        def commit(self) -> None:
            raise ValueError("no space left on device")

    writer.upsert(ListingKey(10), "Pine shelf", "", "")
    writer._writer = Full()
    with pytest.raises(Corrupt, match="no space left"):
        writer.commit(Seq(4))
    assert writer.applied() == 3
    writer.upsert(ListingKey(10), "Steel shelf", "", "")
    writer.commit(Seq(4))
    reader.reload()
    assert found_keys(reader, "pine") == []
    assert found_keys(reader, "shelf") == [10]


def test_many_small_commits_lose_nothing(writer: TextWriter, reader: TextReader) -> None:
    for n in range(30):  # enough for segments to be merged meanwhile
        writer.upsert(ListingKey(100 + n % 10), f"oak number {n}", "", "")
        writer.commit(Seq(4 + n))
        reader.reload()
        assert found_keys(reader, f"{n}") == [100 + n % 10]
    assert sorted(found_keys(reader, "number", 100)) == list(range(100, 110))


def test_reload_without_news_is_cheap(reader: TextReader) -> None:
    start = perf_counter()
    for _ in range(100):
        reader.reload()
    assert perf_counter() - start < 0.5
