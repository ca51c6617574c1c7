"""Answers as plain dictionaries."""

from datetime import UTC, datetime

import orjson

from marketrank.api import answers, schemas
from marketrank.asking import FacetValue, Item, Parse, ParseKind, Ranking, Request, Understood
from marketrank.types import (
    BlobKey,
    Finding,
    Flag,
    ImageId,
    Listing,
    ListingId,
    ListingKey,
    Money,
    Original,
    Photo,
    Place,
    ReleaseId,
    RequestId,
    Seq,
    Signal,
    Stored,
)

AT = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
BLOB = BlobKey("ab" * 32)
FULL = Listing(
    id=ListingId("shop/10 & co"),
    title="Oak table",
    description="Seats six. " * 40,
    category=("Home & Garden", "Tables"),
    price=Money(1250, "GBP"),
    place=Place("Bristol", "Somerset", "GB", 51.45, -2.59),
    created_at=AT,
    photos=(Photo(ImageId("p1"), 0, BLOB, "0" * 64, 640, 480, -5),),
    flags=(Flag.CONTACT_MASKED,),
    original=Original("Oak table 07700 900123", "call 07700 900123"),
)
REPEAT = Finding(Signal.DUPLICATE, "It repeats listing 3.", (ListingId("3"),))
BARE = Listing(id=ListingId("2"), title="Chair")


def test_a_full_item() -> None:
    item = answers.item_json(
        Item(FULL, 0.5, 3.21868, ("text", "vector"), (REPEAT,), (ListingId("4"),))
    )
    description = item.pop("description")
    assert item == {
        "id": "shop/10 & co",
        "url": "/listings/shop/10%20%26%20co",
        "title": "Oak table",
        "price": 12.5,
        "currency": "GBP",
        "price_text": "£12.50",
        "category": ["Home & Garden", "Tables"],
        "place": {
            "town": "Bristol",
            "county": "Somerset",
            "latitude": 51.45,
            "longitude": -2.59,
        },
        "created_at": AT,
        "photos": [f"/photos/{BLOB}.jpg"],
        "distance_km": 3.22,
        "distance_miles": 2.0,
        "score": 0.5,
        "found_by": ["text", "vector"],
        "signals": [{"signal": "duplicate", "reason": "It repeats listing 3."}],
        "repeats": ["4"],
        "why": [],
    }
    assert description.endswith("Seats six…")
    assert len(description) <= answers.CUT


def test_a_bare_item_has_the_same_keys_and_nulls() -> None:
    full = answers.item_json(Item(FULL, 0.5, 3.2, ("text",)))
    bare = answers.item_json(Item(BARE, 0.1))
    assert bare.keys() == full.keys()
    empty = {name for name, value in bare.items() if value is None}
    assert empty == {
        "price",
        "currency",
        "price_text",
        "place",
        "created_at",
        "distance_km",
        "distance_miles",
    }


def test_a_price_of_zero_is_a_price() -> None:
    item = answers.item_json(Item(Listing(ListingId("3"), "Free", price=Money(0, "GBP")), 0.0))
    assert item["price"] == 0.0
    assert item["price_text"] == "£0"


def test_search_answer_matches_its_model() -> None:
    ranking = Ranking(
        RequestId("r"),
        ReleaseId("rel"),
        (Item(FULL, 0.5, 0.0, ("text",)), Item(BARE, 0.1)),
        137,
        {"category": (FacetValue("Pets / Cats", "Cats", 4),), "price": ()},
        {"retrieve": 1.5},
        Understood(
            text="cat bed",
            parses=(
                Parse(ParseKind.PRICE, "under £5", "..5", "up to £5", True),
                Parse(ParseKind.NEAR, "a mile from Bath", "Bath", "within 1 mile", True, "1mi"),
            ),
        ),
    )
    request = Request(RequestId("r"), AT, offset=24, k=2)
    answer = answers.search_json(request, ranking, took_ms=12.34567)
    written = orjson.dumps(answer, option=orjson.OPT_UTC_Z)
    read = schemas.SearchAnswer.model_validate_json(written)
    assert (read.total, read.offset, read.limit, read.took_ms) == (137, 24, 2, 12.346)
    assert read.facets["category"][0].model_dump() == {
        "value": "Pets / Cats",
        "label": "Cats",
        "count": 4,
    }
    assert read.items[0].created_at == "2026-03-14T09:30:00Z"
    assert read.stages_ms == {"retrieve": 1.5}
    assert answer["understood"] == {
        "text": "cat bed",
        "parses": [
            {
                "kind": "price",
                "words": "under £5",
                "value": "..5",
                "label": "up to £5",
                "hard": True,
                "within": None,
            },
            {
                "kind": "near",
                "words": "a mile from Bath",
                "value": "Bath",
                "label": "within 1 mile",
                "hard": True,
                "within": "1mi",
            },
        ],
    }


def test_a_listing_shows_everything_but_the_original_text() -> None:
    stored = Stored(FULL, ListingKey(7), Seq(9), False, AT, (REPEAT,))
    written = orjson.dumps(answers.listing_json(stored), option=orjson.OPT_UTC_Z)
    read = schemas.ListingDetail.model_validate_json(written)
    assert read.description == FULL.description
    read_signals = [signal.model_dump() for signal in read.signals]
    assert (read.live, read.flags, read_signals) == (
        False,
        ["contact_masked"],
        [{"signal": "duplicate", "reason": "It repeats listing 3."}],
    )
    assert b"07700" not in written
