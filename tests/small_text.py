"""A small text index, written and read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.types import ListingKey, Mask, Seq


@contextmanager
def writing(folder: Path) -> Iterator[TextWriter]:
    writer = TextWriter(folder)
    yield writer
    writer.close()


def reader_of_three(writer: TextWriter, folder: Path) -> TextReader:
    """Of three listings: a table, a chair, and a table that is only described as one."""
    writer.upsert(ListingKey(10), "Oak table", "Home & Garden", "Solid, seats six.")
    writer.upsert(ListingKey(11), "Garden chair", "Home & Garden", "Folds flat. Café style.")
    writer.upsert(ListingKey(12), "Furniture", "Home & Garden", "An oak table and more bits.")
    writer.commit(Seq(3))
    return TextReader(folder)


def found_keys(
    reader: TextReader, text: str, k: int = 10, allowed: Mask | None = None
) -> list[int]:
    return reader.search(text, k, allowed).keys.tolist()
