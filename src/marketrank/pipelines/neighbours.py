"""Pictures of a learned space that a person can look at: whose photos lie beside whose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marketrank.evaluation.contact_sheet import Neighbour, Relation, SheetRow, draw_contact_sheet
from marketrank.pipelines.training_data import Rows, read_photos
from marketrank.ports import BlobStore
from marketrank.types import BlobKey, Listing, Vectors

_QUERIES, _SHOWN = 8, 6


@dataclass(frozen=True)
class Shown:
    """Listings, and of their m photos: the keys, the row of each one's listing, and unit vectors
    (m, dim). `titles` (n, dim) are in the same space; None where there is none."""

    listings: Sequence[Listing]
    keys: Sequence[BlobKey]
    owner: Rows
    vectors: Vectors
    titles: Vectors | None


def draw_neighbours(folder: Path, shown: Shown, blobs: BlobStore) -> None:
    """Contact sheets: photos and the photos nearest to them, and titles and the photos nearest to
    these."""
    listings, owner = shown.listings, shown.owner
    if not len(owner):
        return

    def photo(one: int) -> bytes:
        return next(read_photos(blobs, [shown.keys[one]]))

    def sheet_row(
        query: bytes | str, of: int, similar: np.ndarray, without: int | None
    ) -> SheetRow:
        order = [int(one) for one in np.argsort(-similar, kind="stable") if one != without]
        neighbours = tuple(
            Neighbour(
                photo(one),
                _root(listings[owner[one]]),
                float(similar[one]),
                _relation(listings[of], listings[owner[one]]),
            )
            for one in order[:_SHOWN]
        )
        return SheetRow(query, _root(listings[of]), neighbours)

    step = max(1, len(owner) // _QUERIES)
    by_photo = [
        sheet_row(
            photo(one),
            int(owner[one]),
            shown.vectors @ shown.vectors[one],
            one,
        )
        for one in range(0, len(owner), step)[:_QUERIES]
    ]
    title = "Nearest photos of the test part"
    draw_contact_sheet(by_photo, folder / "neighbours.png", title=f"{title}, by photo")
    if shown.titles is None:
        return
    by_title = [
        sheet_row(listings[of].title, of, shown.vectors @ shown.titles[of], None)
        for of in (int(owner[one]) for one in range(0, len(owner), step)[:_QUERIES])
    ]
    draw_contact_sheet(by_title, folder / "neighbours-of-titles.png", title=f"{title}, by title")


def write_vectors(folder: Path, listings: Sequence[Listing], vectors: Vectors) -> None:
    """Vectors (n, dim) of listings for TensorBoard's projector, named by root category."""
    from marketrank.models.board import write_projector

    write_projector(folder, vectors, [_root(listing) for listing in listings])


def _root(listing: Listing) -> str:
    return listing.category[0] if listing.category else "(none)"


def _relation(one: Listing, other: Listing) -> Relation:
    if one.id == other.id:
        return Relation.LISTING
    same = bool(one.category) and one.category[:1] == other.category[:1]
    return Relation.CATEGORY if same else Relation.NEITHER
