"""Answers as plain dictionaries, which orjson writes; `schemas` describes them."""

from collections.abc import Iterable, Sequence
from typing import Any

from marketrank.api.links import listing_url, photo_url
from marketrank.api.wording import cut
from marketrank.asking import Correction, Item, Numbers, Ranking, Request, Suggestion, Understood
from marketrank.retrieval.query import KM_PER_MILE
from marketrank.types import Finding, Listing, Money, Place, Stored

CUT = 200
"""Characters of a description that a search result shows."""


def search_json(request: Request, ranking: Ranking, *, took_ms: float) -> dict[str, Any]:
    """A page of results; see SearchAnswer."""
    return {
        **similar_json(request, ranking),
        "facets": facets_json(ranking),
        "took_ms": round(took_ms, 3),
        "stages_ms": dict(ranking.stages_ms),
    }


def similar_json(request: Request, ranking: Ranking) -> dict[str, Any]:
    """A page of listings like one; see SimilarAnswer."""
    return {
        "request_id": ranking.request,
        "release": ranking.release,
        "model": ranking.model,
        "items": [item_json(item) for item in ranking.items],
        "total": ranking.total,
        "understood": understood_json(ranking.understood),
        "offset": request.offset,
        "limit": request.k,
        "corrected": corrected_json(ranking.corrected),
    }


def corrected_json(corrected: Correction | None) -> dict[str, Any] | None:
    if corrected is None:
        return None
    return {
        "original": corrected.original,
        "text": corrected.text,
        "searched": corrected.certain,
    }


def suggest_json(text: str, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    """Completions; see SuggestAnswer."""
    return {
        "q": text,
        "suggestions": [
            {
                "text": one.text,
                "count": one.count,
                "category": list(one.category),
                "category_count": one.category_count,
            }
            for one in suggestions
        ],
    }


def facets_json(ranking: Ranking) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{"value": v.value, "label": v.label, "count": v.count} for v in values]
        for name, values in ranking.facets.items()
    }


def understood_json(understood: Understood) -> dict[str, Any]:
    """What became of the query; see UnderstoodShape."""
    return {
        "text": understood.text,
        "parses": [
            {
                "kind": str(parse.kind),
                "words": parse.words,
                "value": parse.value,
                "label": parse.label,
                "hard": parse.hard,
                "within": parse.within or None,
            }
            for parse in understood.parses
        ],
    }


def item_json(item: Item) -> dict[str, Any]:
    """One result; see ResultItem."""
    km = item.distance_km
    common = _common(item.listing)
    return {
        **common,
        "description": cut(item.listing.description, CUT),
        "distance_km": None if km is None else round(km, 2),
        "distance_miles": None if km is None else round(km / KM_PER_MILE, 2),
        "score": item.score,
        "found_by": list(item.found_by),
        "signals": signals_json(item.findings),
        "repeats": list(item.repeats),
        "why": list(item.why),
        **({} if item.numbers is None else {"explained": numbers_json(item.numbers)}),
    }


def numbers_json(numbers: Numbers) -> dict[str, Any]:
    """What a result was computed from; see ExplainedShape."""
    return {
        "features": dict(numbers.features),
        "contributions": dict(numbers.contributions),
        "ranks": dict(numbers.ranks),
        "parts": dict(numbers.parts),
        "facts": dict(numbers.facts),
    }


def listing_json(stored: Stored) -> dict[str, Any]:
    """A whole listing; see ListingDetail. The original texts are never shown."""
    return {
        **_common(stored.listing),
        "description": stored.listing.description,
        "photo_ids": [photo.id for photo in stored.listing.photos],
        "live": stored.live,
        "first_seen": stored.first_seen,
        "flags": [str(flag) for flag in stored.listing.flags],
        "signals": signals_json(stored.findings),
    }


def signals_json(findings: Iterable[Finding]) -> list[dict[str, str]]:
    return [{"signal": str(one.signal), "reason": one.reason} for one in findings]


def _common(listing: Listing) -> dict[str, Any]:
    price = listing.price
    return {
        "id": listing.id,
        "url": listing_url(listing.id),
        "title": listing.title,
        "price": None if price is None else major(price),
        "currency": None if price is None else price.currency,
        "price_text": None if price is None else str(price),
        "category": list(listing.category),
        "place": None if listing.place is None else _place_json(listing.place),
        "created_at": listing.created_at,
        "photos": [photo_url(photo) for photo in listing.photos],
    }


def _place_json(place: Place) -> dict[str, Any]:
    return {
        "town": place.town,
        "county": place.county,
        "latitude": place.latitude,
        "longitude": place.longitude,
    }


def major(price: Money) -> float:
    """Major units: pence → pounds. Exact to the penny below 10¹³."""
    return price.minor / 100
