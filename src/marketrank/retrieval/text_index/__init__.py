"""Words: BM25 over title, category and description (tantivy).

Its files lie in a `text_folder`. A kill between tantivy's commit and applied.json leaves an index
that is ahead of its number. Applying the same changes again mends that, since each replaces what
its key had.
"""

from marketrank.retrieval.text_index.reader import TextReader
from marketrank.retrieval.text_index.schema import stemmer
from marketrank.retrieval.text_index.writer import TextWriter

__all__ = ["TextReader", "TextWriter", "stemmer"]
