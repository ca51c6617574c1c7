"""What ports.TextIndex finds of synonyms."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketrank.asking import Hits
from marketrank.retrieval.synonyms import Synonyms
from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.types import ListingKey, Seq


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[TextWriter]:
    writer = TextWriter(tmp_path)
    yield writer
    writer.close()


@pytest.fixture
def reader(writer: TextWriter, tmp_path: Path) -> TextReader:
    return TextReader(tmp_path)


def _sofas(writer: TextWriter, reader: TextReader) -> None:
    writer.upsert(ListingKey(1), "Grey sofa", "Home", "")
    writer.upsert(ListingKey(2), "Grey settee", "Home", "")
    writer.upsert(ListingKey(3), "Grey lamp", "Home", "")
    for key in range(4, 12):
        writer.upsert(ListingKey(key), "Sofa", "Home", "Large")
    writer.upsert(ListingKey(20), "Vacuum cleaner", "Home", "")
    writer.upsert(ListingKey(21), "Pipe cleaner", "Home", "vacuum")
    writer.commit(Seq(1))
    reader.reload()


def _keys(hits: Hits) -> list[int]:
    return [int(key) for key in hits.keys]


def _use(reader: TextReader, *groups: tuple[tuple[str, ...], ...]) -> None:
    reader.use_synonyms(Synonyms(groups))


def test_a_synonym_is_found_below_the_word_itself(writer: TextWriter, reader: TextReader) -> None:
    _sofas(writer, reader)
    assert 2 not in _keys(reader.search("sofa", 20))
    _use(reader, (("sofa",), ("settee",)))
    found = _keys(reader.search("sofas", 20))
    # The rarer word would outscore all sofas, were it not weighed down.
    assert found[-1] == 2 and len(found) == 10
    assert _keys(reader.search("settee", 20))[0] == 2


def test_a_synonym_does_not_count_twice(writer: TextWriter, reader: TextReader) -> None:
    _sofas(writer, reader)
    writer.upsert(ListingKey(30), "Grey sofa settee", "Home", "")
    writer.commit(Seq(2))
    reader.reload()
    plain = dict(zip(_keys(h := reader.search("sofa", 30)), h.scores.tolist(), strict=True))
    _use(reader, (("sofa",), ("settee",)))
    both = dict(zip(_keys(h := reader.search("sofa", 30)), h.scores.tolist(), strict=True))
    assert {key: both[key] for key in plain} == pytest.approx(plain)


def test_synonyms_of_several_words(writer: TextWriter, reader: TextReader) -> None:
    _sofas(writer, reader)
    _use(reader, (("hoover",), ("vacuum", "cleaner")))
    assert _keys(reader.search("hoover", 5)) == [20]  # both words, in one field
    writer.upsert(ListingKey(40), "Hoover", "Home", "")
    writer.commit(Seq(2))
    reader.reload()
    found = _keys(reader.search("vacuum cleaner", 5))
    assert found[0] == 20 and set(found) == {20, 21, 40}


def test_a_word_with_synonyms_is_no_slip(writer: TextWriter, reader: TextReader) -> None:
    _sofas(writer, reader)
    _use(reader, (("soffa",), ("lamp",)))
    assert _keys(reader.search("soffa", 5)) == [3]


def test_which_words_occur(writer: TextWriter, reader: TextReader) -> None:
    assert not TextReader(reader._folder / "nothing").occurs("sofa")
    _sofas(writer, reader)
    _use(reader, (("chaise",), ("sofa",)))
    assert reader.occurs("sofa") and reader.occurs("Sofas") and reader.occurs("chaise")
    assert not reader.occurs("softa")
