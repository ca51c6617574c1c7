"""What the buyer tower learns from, read from the stores: every listing that has a vector, on offer
or ended, the buyers who agreed to the use of their history, and what they did."""

from collections.abc import Iterator

import numpy as np

from marketrank.buyers.listing_space import point_of
from marketrank.buyers.profile import Facts
from marketrank.errors import NotReady
from marketrank.people import Interaction, Purpose
from marketrank.pipelines.buyer_examples import History
from marketrank.ports import BuyerStore, EventStore, ListingStore, VectorStore
from marketrank.types import Attributes, ModelVersion, Place, Seq, Vectors

_BATCH = 10_000


def read_history(
    listings: ListingStore,
    vectors: VectorStore,
    events: EventStore,
    buyers: BuyerStore,
    *,
    encoder: ModelVersion,
) -> History:
    """All of it, in vectors of one encoder. Raises NotReady where it has embedded nothing."""
    found = _vectors(vectors, encoder)
    known = [one for one in _attributes(listings) if int(one.key) in found]
    if not known:
        raise NotReady(f"no listing has a vector of {encoder} yet; run `marketrank index` first")
    facts = Facts(
        np.stack([found[int(one.key)] for one in known]).astype(np.float32),
        [one.category for one in known],
        np.array([-1 if one.price_minor is None else one.price_minor for one in known], np.int64),
        np.array([_point(one) for one in known], np.float32),
    )
    people = list(buyers.agreed([Purpose.HISTORY]))
    return History([one.id for one in known], facts, people, list(_interactions(events)))


def _vectors(store: VectorStore, encoder: ModelVersion) -> dict[int, Vectors]:
    """By key; the newest of each."""
    found: dict[int, Vectors] = {}
    after = Seq(0)
    while len((batch := store.vectors_after(encoder, after, _BATCH)).keys):
        found.update(zip(batch.keys.tolist(), batch.vectors, strict=True))
        after = batch.seq
    return found


def _attributes(store: ListingStore) -> Iterator[Attributes]:
    after = Seq(0)
    while batch := store.attributes(after, _BATCH):
        yield from batch
        after = batch[-1].seq


def _interactions(store: EventStore) -> Iterator[Interaction]:
    after = Seq(0)
    while batch := store.after(after, _BATCH):
        yield from (one for _, one in batch)
        after = batch[-1][0]


def _point(one: Attributes) -> tuple[float, float, float]:
    return point_of(Place("", latitude=one.latitude, longitude=one.longitude))
