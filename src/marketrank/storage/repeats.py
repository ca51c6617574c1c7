"""Which listings could repeat given ones, or be linked with them: looked up by indexed words of
titles and by photos, so that one listing costs the same in a large market as in a small one.

These are candidates; `listings.dedupe` decides. Words are parted here as there, but for signs that
it takes for letters, like "_".
"""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, Executable, text

from marketrank.asking import Traces
from marketrank.storage.rows import encode_rows
from marketrank.types import ListingKey

_MOST = 500
"""Candidates by titles without a word."""

_WORDS = text("SELECT title, title_words(title) FROM unnest(CAST(:titles AS text[])) title")
_BY_TITLE = text(
    """SELECT DISTINCT key FROM json_to_recordset(CAST(:rows AS json))
        p (words text[], part text[], most int)
    JOIN listings ON live AND title_words(title) @> part
        AND (title_words(title) <@ words OR title_words(title) @> words)
        AND cardinality(title_words(title)) <= most"""
)
_BY_BARE_TITLE = text("SELECT key FROM listings WHERE live AND title = ANY(:titles) LIMIT :most")
_BY_FILE = text(
    """SELECT listing_key FROM photos WHERE source_sha256 = ANY(:sources)
    UNION SELECT listing_key FROM photos WHERE blob = ANY(:blobs)"""
)
_BY_LOOK = text(
    """SELECT DISTINCT found.listing_key FROM unnest(CAST(:hashes AS bigint[])) p (hash)
    CROSS JOIN LATERAL (
        SELECT listing_key FROM photos WHERE phash_bands(phash) && phash_bands(p.hash)
        AND bit_count((phash # p.hash)::bit(64)) <= :bits
    ) found"""
)
_BY_LINK = text(
    """SELECT of_key FROM duplicates WHERE listing_key = ANY(:keys)
    UNION SELECT listing_key FROM duplicates WHERE of_key = ANY(:keys)"""
)


def alike(
    connection: Connection, traces: Traces, linked: Collection[ListingKey]
) -> set[ListingKey]:
    """See ports.ListingStore."""
    found = _keys(connection, _BY_LINK, keys=list(linked)) if linked else set()
    if traces.titles:
        found |= _titled(connection, traces.titles)
    if traces.sources or traces.blobs:
        files = {"sources": list(traces.sources), "blobs": list(traces.blobs)}
        found |= _keys(connection, _BY_FILE, **files)
    if traces.hashes:
        found |= _keys(connection, _BY_LOOK, hashes=list(traces.hashes), bits=traces.bits)
    return found


def _titled(connection: Connection, titles: Mapping[str, int]) -> set[ListingKey]:
    """By titles that have all words of another, or all but a few.

    A title that lacks at most n words of another has all of one part at least, when those are
    parted in n + 1.
    """
    rows, bare = [], []
    for title, words in connection.execute(_WORDS, {"titles": list(titles)}):
        gap = titles[title]
        parts = min(gap + 1, len(words))
        # A gap of n words is one of n in five.
        most = len(words) + max(gap, len(words) // 4)
        rows += [
            {"words": words, "part": words[first::parts], "most": most} for first in range(parts)
        ]
        bare += [] if words else [title]
    found = _keys(connection, _BY_TITLE, rows=encode_rows(rows)) if rows else set()
    # A title of marks alone has no words to be found by.
    return found | (_keys(connection, _BY_BARE_TITLE, titles=bare, most=_MOST) if bare else set())


def _keys(connection: Connection, query: Executable, **values: object) -> set[ListingKey]:
    return {ListingKey(row[0]) for row in connection.execute(query, values)}
