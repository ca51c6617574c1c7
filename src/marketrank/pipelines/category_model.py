"""Fitting the classifier of queries when a release is built."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from marketrank.evaluation.splits import split_by_group
from marketrank.ports import Encoder, ListingStore
from marketrank.retrieval.understand import categories
from marketrank.retrieval.understand.categories import CategoryModel, CategoryPath
from marketrank.types import ListingId, ListingKey, Seq, Vectors

_MOST = 20_000  # listings that teach it: 2 × 5 s on one core; more add little
_QUERIES = 400  # titles that set its temperature, encoded one by one
_WORDS = 3
_LEAST = 200  # with fewer listings a held-back part would say nothing
_GROWTH = 1.25
_READ_BATCH = 10_000


def still_fits(held: CategoryModel | None, encoder: Encoder, count: int) -> CategoryModel | None:
    """The model of the release before, where this release can keep it: of the same encoder, for
    not many more listings."""
    if held is None or held.version != encoder.version or count > _GROWTH * max(held.count, _LEAST):
        return None
    return held


def fit_categories(
    keys: NDArray[np.int64],
    vectors: Vectors,
    *,
    encoder: Encoder,
    listings: ListingStore,
    seed: int,
) -> CategoryModel:
    """Fit to the vectors of live listings. The temperature comes from titles of listings that were
    held back with their duplicates; then all teach the model that is kept."""
    known = _known(keys, listings)
    rows = np.array([row for row, key in enumerate(keys.tolist()) if key in known], np.int64)
    names = {path for _, path in known.values()}
    if len(rows) > _MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST, replace=False))
    taught = [known[key] for key in keys[rows].tolist()]
    paths = [path for _, path in taught]
    temperature = 1.0
    if len(rows) >= _LEAST:
        held = _held_back([id for id, _ in taught], listings, seed)
        rest = [path for path, out in zip(paths, held, strict=True) if not out]
        part = categories.fit(encoder.version, vectors[rows[~held]], rest, names)
        queries, of = _titles(keys[rows[held]][:_QUERIES], known, encoder, listings)
        temperature = categories.calibrated(part, queries, of).temperature
    whole = categories.fit(encoder.version, vectors[rows], paths, names)
    return replace(whole, temperature=temperature)


def _known(
    keys: NDArray[np.int64], listings: ListingStore
) -> dict[int, tuple[ListingId, CategoryPath]]:
    """Those of the keys that have a category."""
    wanted = set(keys.tolist())
    known: dict[int, tuple[ListingId, CategoryPath]] = {}
    after = Seq(0)
    while rows := listings.attributes(after, _READ_BATCH):
        for row in rows:
            if row.key in wanted and row.category:
                known[row.key] = (row.id, row.category)
        after = rows[-1].seq
    return known


def _held_back(ids: Sequence[ListingId], listings: ListingStore, seed: int) -> NDArray[np.bool_]:
    """Which of the listings, whole groups of duplicates at a time."""
    first = {link.listing: link.of for link in listings.duplicates()}
    share = min(0.2, 1.25 * _QUERIES / len(ids))
    groups = {id: str(first.get(id, id)) for id in ids}
    part = set(split_by_group(ids, groups, seed=seed, shares=(1 - share, share, 0.0)).validation)
    return np.array([id in part for id in ids], np.bool_)


def _titles(
    keys: NDArray[np.int64],
    known: Mapping[int, tuple[ListingId, CategoryPath]],
    encoder: Encoder,
    listings: ListingStore,
) -> tuple[Vectors, list[CategoryPath]]:
    """Titles as queries, every other one cut to its first words, as queries are shorter; and their
    categories."""
    stored = listings.get_by_key([ListingKey(key) for key in keys.tolist()])
    titled = [(key, one.listing.title) for key, one in stored.items() if one.listing.title.strip()]
    asked = [
        " ".join(title.split()[:_WORDS]) if row % 2 else title
        for row, (_, title) in enumerate(titled)
    ]
    queries = [encoder.encode_query(text, None) for text in asked]
    nothing = np.empty((0, encoder.dim), np.float32)
    return np.concatenate([nothing, *queries]), [known[key][1] for key, _ in titled]
