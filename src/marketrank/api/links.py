"""Paths of what an answer links to."""

from urllib.parse import quote

from marketrank.types import ListingId, Photo


def photo_url(photo: Photo) -> str:
    return f"/photos/{photo.blob}.jpg"


def listing_url(id: ListingId) -> str:
    """Path of a listing's page. Feeds choose their ids, so any character may occur in one."""
    return f"/listings/{quote(id)}"
