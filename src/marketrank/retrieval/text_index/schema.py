"""What lies in the text index, and how texts become its words."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tantivy
from tantivy import Filter

from marketrank.retrieval.understand.sizes import sized

# Chosen on real listings together with the tie breaker of queries; see docs/adr/0050.
FIELD_BOOSTS = {"title": 2.0, "category": 1.5, "description": 1.0}
KEY = "key"
_MAX_WORD_BYTES = 40
ANALYZER = "english"


def schema() -> tantivy.Schema:
    """Three fields of words, and the key. The same each time."""
    builder = tantivy.SchemaBuilder()
    for field in FIELD_BOOSTS:
        builder.add_text_field(field, tokenizer_name=ANALYZER, index_option="freq")
    # Signed, though keys are not negative: tantivy-py 0.27 deletes by signed terms only (by an
    # unsigned one it silently deletes nothing).
    builder.add_integer_field(KEY, indexed=True, fast=True)
    return builder.build()


def analyzer(*, stem: bool) -> tantivy.TextAnalyzer:
    """Splits texts into words, as they are looked for or, with `stem`, as they are kept."""
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(Filter.remove_long(_MAX_WORD_BYTES))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
    )
    return (builder.filter(Filter.stemmer("english")) if stem else builder).build()


def stemmer() -> Callable[[str], list[str]]:
    """What TextReader.stems does, without an index."""
    return partial(stemmed, analyzer(stem=True))


def stemmed(analyzer: tantivy.TextAnalyzer, text: str) -> list[str]:
    """The words of a text by an `analyzer`, sizes in one spelling."""
    stems: list[str] = analyzer.analyze(sized(storable(text)))
    return stems


def storable(text: str) -> str:
    """Without lone surrogates, which are no text to tantivy."""
    return text.encode("utf-8", "ignore").decode()


def document_count(searcher: Any, stem: str) -> int:
    """Listings that have it in the field where it is most frequent."""
    return max(int(searcher.doc_freq(field, stem)) for field in FIELD_BOOSTS)


def open_index(folder: Path) -> Any:
    """Open it and read every segment once, so that a torn file is noticed here."""
    index = tantivy.Index(schema(), path=str(folder), reuse=True)
    index.register_tokenizer(ANALYZER, analyzer(stem=True))
    # By hand: applied.json says when, and tantivy's own way is a thread that watches the folder.
    index.config_reader("manual")
    index.reload()
    return index


def is_tantivys(error: BaseException) -> bool:
    """Whether an error came out of tantivy. Its panics, as on a cut file, are BaseExceptions of a
    class that cannot be imported; let through they would end the thread that follows the index."""
    return isinstance(error, ValueError | OSError) or type(error).__name__ == "PanicException"
