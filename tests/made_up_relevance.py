"""A relevance set of made-up listings: things of a kind and a material, asked for by both."""

from itertools import product

from marketrank.evaluation.sets.relevance_set import Document, Query, RelevanceSet
from marketrank.types import ListingId

MATERIALS = ("oak", "pine", "steel", "glass", "velvet", "rattan")
THINGS = ("table", "chair", "lamp", "mirror", "bench", "desk")
PLACES = ("for the kitchen", "for the hall")


def made_up_set() -> RelevanceSet:
    """36 queries such as "oak table", each judged for all 72 listings: grade 3 for both words, 2
    for the thing, 0 for all else."""
    documents = tuple(
        Document(
            ListingId(f"{material}-{thing}-{n}"),
            f"{material.title()} {thing} {place}",
            f"Sturdy {thing}, collect soon" if n else "",
        )
        for material, thing in product(MATERIALS, THINGS)
        for n, place in enumerate(PLACES)
    )
    queries, grades = [], {}
    for material, thing in product(MATERIALS, THINGS):
        query = Query(f"q-{material}-{thing}", f"{material} {thing}")
        queries.append(query)
        grades[query.id] = {
            one.id: 3 * (material in one.id and thing in one.id) or 2 * (thing in one.id)
            for one in documents
        }
    return RelevanceSet("made-up", documents, tuple(queries), grades)
