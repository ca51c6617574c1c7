"""Duplicates: listings that repeat an earlier one, by text or by photo. Links, never deletions.

Four kinds. exact_text: the same words in title and description. exact_photo: the same cleaned
bytes or the same source file. near_text: 3-word shingles with a Jaccard similarity of 0.8 or more,
and titles that name the same thing. near_photo: perceptual hashes at most 4 of 64 bits apart.

On one core of a small machine: 1.2 s for 5,788 second-hand listings with 10,173 photos, 24 s for
100,000 with 176,000.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from marketrank.asking import Traces
from marketrank.listings.disjoint_sets import Forest, star, to_earliest
from marketrank.listings.same_photos import (
    NEAR_BITS,
    is_stock,
    near_photos,
    pictures_of,
    tells,
)
from marketrank.listings.same_texts import (
    FEWEST_WORDS,
    SAME_TITLE,
    Text,
    exact_texts,
    near_texts,
    words_of,
)
from marketrank.types import Duplicate, Listing, ListingId

_COMMON_SHARE = 0.02
_COMMON_LEAST = 50


def find_duplicates(listings: Sequence[Listing]) -> list[Duplicate]:
    """Link every listing that repeats others to the earliest of its group.

    Earliest by (`created_at`, none last; then id). Of each kind a listing has at most one link; a
    near link is given to the earliest of those with the same text or photo only, as the others
    are linked to it. The result is sorted by listing and kind, and independent of the input's
    order. `score` is 1 for exact kinds and else the similarity (Jaccard; 1 - bits / 64) of the
    weakest step between the two, as groups are transitive. Ids must be unique.

    Not a duplicate: one shop's boilerplate under titles of different things (640 of the 668 pairs
    of near texts in a real feed), and a stock photo (see MOST_THINGS).
    """
    aged = sorted(listings, key=_age)
    texts = [Text.of(listing) for listing in aged]
    exact_text, firsts = exact_texts(texts)
    pictures = pictures_of(aged)
    exact_photo = [
        link
        for picture in pictures
        if not is_stock(picture.shown_by, texts)
        for link in star(picture.shown_by)
    ]
    kinds = {
        "exact_text": exact_text,
        "exact_photo": exact_photo,
        "near_text": near_texts(texts, firsts),
        "near_photo": near_photos(pictures, texts, exact_photo),
    }
    found = [
        Duplicate(aged[later].id, aged[earliest].id, kind, score)
        for kind, links in kinds.items()
        for later, earliest, score in to_earliest(len(aged), links)
    ]
    return sorted(found, key=lambda one: (one.listing, one.kind))


def leak_groups(listings: Sequence[Listing], links: Sequence[Duplicate]) -> dict[ListingId, str]:
    """The group of each listing, named by the id of its earliest member: what a split into
    training and test data must keep together.

    Groups are joined by the links and, more widely than duplicates, by any same description of
    FEWEST_WORDS or more and any same photo (bytes, source or perceptual hash): a shop's
    boilerplate or sign tells the label to a model that remembers it. What more than 2 % of all
    listings (and 50) share tells no label, and would make one group of them.
    """
    aged = sorted(listings, key=_age)
    place = {listing.id: position for position, listing in enumerate(aged)}
    # A link to a listing that is not among these, an ended one, still joins those linked to it.
    for name in sorted({name for link in links for name in (link.listing, link.of)} - place.keys()):
        place[name] = len(place)
    forest = Forest(len(place))
    for link in links:
        forest.join(place[link.listing], place[link.of])
    most = max(_COMMON_LEAST, _COMMON_SHARE * len(aged))
    for sharing in _sharing(aged):
        if len(sharing) <= most:
            for one, other, _ in star(sharing):
                forest.join(one, other)
    return {listing.id: aged[forest.root(place[listing.id])].id for listing in aged}


def traces(listings: Sequence[Listing]) -> Traces:
    """By what to look for listings that `find_duplicates` could link with these."""
    photos = [photo for one in listings for photo in one.photos]
    # Of two titles of one thing the shorter has at least this share of the longer one's words.
    gaps = {
        one.title: int((1 - SAME_TITLE) * len(set(words_of(one.title))) + 1e-9) for one in listings
    }
    return Traces(
        gaps,
        tuple(sorted({photo.source_sha256 for photo in photos})),
        tuple(sorted({str(photo.blob) for photo in photos})),
        tuple(sorted({photo.phash for photo in photos if tells(photo.phash)})),
        NEAR_BITS,
    )


def _age(listing: Listing) -> tuple[bool, datetime, str]:
    at = listing.created_at
    return at is None, at or datetime.max.replace(tzinfo=UTC), listing.id


def _sharing(aged: Sequence[Listing]) -> Iterator[Sequence[int]]:
    """The positions of the listings that share a description or a photo."""
    described: dict[tuple[str, ...], list[int]] = defaultdict(list)
    looks: dict[int, set[int]] = defaultdict(set)
    for position, listing in enumerate(aged):
        words = words_of(listing.description)
        if len(words) >= FEWEST_WORDS:
            described[words].append(position)
        for photo in listing.photos:
            if tells(photo.phash):
                looks[photo.phash].add(position)
    yield from described.values()
    yield from (sorted(positions) for positions in looks.values())
    yield from (picture.shown_by for picture in pictures_of(aged))
