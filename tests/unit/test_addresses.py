"""Addresses are shown without their secrets."""

import pytest

from marketrank.listings.addresses import shown


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("feed/Products.csv", "feed/Products.csv"),
        ("what?.csv", "what?.csv"),
        ("s3://bucket/feed@2.csv", "s3://bucket/feed@2.csv"),
        ("https://example.com/a.csv?signature=s3cret", "https://example.com/a.csv"),
        ("https://user:s3cret@example.com/a.csv", "https://***@example.com/a.csv"),
        ("https://s3cret@example.com/a.csv", "https://***@example.com/a.csv"),
        ("postgresql://user:s3cret@db:5432/shop", "postgresql://***@db:5432/shop"),
        ("postgresql://user:s3/c@ret@db/shop", "postgresql://***@db/shop"),
        ("postgresql://db/shop?password=s3cret", "postgresql://db/shop"),
        ("postgresql+psycopg://u:s3cret@db/shop", "postgresql+psycopg://***@db/shop"),
    ],
)
def test_no_secret_is_shown(source: str, expected: str) -> None:
    assert shown(source) == expected
