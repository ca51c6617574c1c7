"""Paths of what an answer links to."""

from hypothesis import given
from hypothesis import strategies as st

from marketrank.api.links import listing_url
from marketrank.types import ListingId


@given(st.text(min_size=1, max_size=30))
def test_listing_urls_are_plain_ascii_paths(id: str) -> None:
    try:
        id.encode()
    except UnicodeEncodeError:
        return
    url = listing_url(ListingId(id))
    assert url.isascii()
    assert not set(url) & set('"<>?# &')
