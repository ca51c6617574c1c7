"""A record becomes a listing with all that it lacks flagged, or is rejected with a reason."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.listings.clean import (
    clean_record,
    parse_category,
    parse_place,
    with_photos,
)
from marketrank.listings.sources import PRODUCT_COLUMNS, Record
from marketrank.types import (
    BlobKey,
    Flag,
    ImageId,
    Listing,
    ListingId,
    Money,
    Original,
    Photo,
    Place,
    Reason,
    Rejected,
    SellerId,
)

POINTS = {"Leeds": (53.8, -1.55), "Swindon": (51.56, -1.78)}


class Atlas:
    """A gazetteer of two towns."""

    def locate(self, town: str, county: str | None) -> Place:
        latitude, longitude = POINTS.get(town, (None, None))
        return Place(town, county, "GB", latitude, longitude)


FULL = {
    "id": "a-1",
    "title": "Oak table | solid | in Leeds, West Yorkshire | Gumtree",
    "category": "Home &amp; Garden / Dining / Tables / Private",
    "description": "Call 07700 900123.Collection only. Posted by jo in Home &amp; Garden, Dining "
    "in Leeds. 25 February 2022",
    "price": "£1,250.00",
    "location": "Leeds, West Yorkshire",
    "created_at": "2022-02-26T10:00:00+01:00",
    "seller_id": "s-9",
}


def clean(
    values: dict[str, str | None], *, keep_original: bool = False, **options: str
) -> Listing | Rejected:
    return clean_record(
        Record(7, values),
        source="feed.csv",
        gazetteer=Atlas(),
        currency=options.get("currency", "GBP"),
        country=options.get("country", "GB"),
        keep_original=keep_original,
    )


def listing(**changes: str | None) -> Listing:
    cleaned = clean({**FULL, **changes})
    assert isinstance(cleaned, Listing)
    return cleaned


def test_a_full_record() -> None:
    assert clean(dict(FULL)) == Listing(
        id=ListingId("a-1"),
        title="Oak table | solid",
        description="Call [tel]. Collection only.",
        category=("Home & Garden", "Dining", "Tables"),
        price=Money(125_000, "GBP"),
        place=Place("Leeds", "West Yorkshire", "GB", 53.8, -1.55),
        seller=SellerId("s-9"),
        seller_type="private",
        created_at=datetime(2022, 2, 26, 9, tzinfo=UTC),
        flags=(Flag.CONTACT_MASKED,),
    )


def test_a_bare_record_is_accepted_with_flags() -> None:
    assert clean({"id": "a-2", "title": "Chair"}) == Listing(
        id=ListingId("a-2"),
        title="Chair",
        flags=(Flag.NO_PRICE, Flag.NO_DESCRIPTION, Flag.NO_CATEGORY, Flag.NO_PLACE),
    )


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"price": "N/A"}, Flag.NO_PRICE),
        ({"price": "-5"}, Flag.NO_PRICE),
        ({"description": "null"}, Flag.NO_DESCRIPTION),
        (
            {"description": "Posted by jo in Home, Dining in Leeds. 25 May 2022"},
            Flag.NO_DESCRIPTION,
        ),
        ({"category": None}, Flag.NO_CATEGORY),
        ({"location": ""}, Flag.NO_PLACE),
        ({"location": "Atlantis, Kent"}, Flag.PLACE_NOT_FOUND),
        ({"title": "Table, 07700 900123"}, Flag.CONTACT_MASKED),
    ],
)
def test_each_flag(changes: dict[str, str | None], flag: Flag) -> None:
    plain = {"description": "Good", **changes}
    assert listing(**plain).flags == (flag,)


def test_free_is_a_price() -> None:
    assert listing(price="£0.00", description="Good").price == Money(0, "GBP")
    assert listing(price="£0.00", description="Good").flags == ()


def test_currency_of_the_record_the_price_or_the_setting() -> None:
    assert listing(price="5", currency="EUR").price == Money(500, "EUR")
    assert listing(price="$5", currency="EUR").price == Money(500, "USD")
    cleaned = clean({"id": "1", "title": "Lamp", "price": "5"}, currency="PLN")
    assert isinstance(cleaned, Listing)
    assert cleaned.price == Money(500, "PLN")


def test_the_country_decides_what_a_phone_number_is() -> None:
    values = {"id": "1", "title": "Lamp", "description": "Call (202) 555-0143"}
    there, here = clean(dict(values), country="US"), clean(dict(values), country="GB")
    assert isinstance(there, Listing)
    assert isinstance(here, Listing)
    assert there.description == "Call [tel]"
    assert here.description == "Call (202) 555-0143"


def test_the_date_of_posting_fills_in_for_a_missing_one() -> None:
    assert listing(created_at=None).created_at == datetime(2022, 2, 25, tzinfo=UTC)
    assert listing(created_at="gibberish").created_at == datetime(2022, 2, 25, tzinfo=UTC)


def test_the_original_is_kept_only_if_asked_for_and_if_it_differs() -> None:
    kept = clean(dict(FULL), keep_original=True)
    assert isinstance(kept, Listing)
    assert kept.original == Original("Oak table | solid", "Call 07700 900123. Collection only.")
    plain = clean({**FULL, "description": "Good"}, keep_original=True)
    assert isinstance(plain, Listing)
    assert plain.original is None
    assert listing().original is None


@pytest.mark.parametrize(
    ("values", "key", "reason"),
    [
        ({"id": None, "title": "Lamp"}, "row 7", Reason.MISSING_ID),
        ({"id": " N/A ", "title": "Lamp"}, "row 7", Reason.MISSING_ID),
        ({"title": "Lamp"}, "row 7", Reason.MISSING_ID),
        ({"id": "a-1", "title": None}, "a-1", Reason.MISSING_TITLE),
        ({"id": "a-1"}, "a-1", Reason.MISSING_TITLE),
        ({"id": "a-1", "title": "| in Leeds | Gumtree"}, "a-1", Reason.MISSING_TITLE),
        ({"id": "a-1", "title": "\u200b &nbsp; "}, "a-1", Reason.MISSING_TITLE),
    ],
)
def test_rejections(values: dict[str, str | None], key: str, reason: Reason) -> None:
    rejected = clean(values)
    assert isinstance(rejected, Rejected)
    assert (rejected.kind, rejected.key, rejected.reason) == ("listing", key, reason)
    assert rejected.source == "feed.csv"
    assert "row 7" in rejected.detail


def test_a_rejection_keeps_its_record_masked_and_short() -> None:
    rejected = clean({"id": "a-1", "description": "Call 07700 900123 " + "long " * 1_000})
    assert isinstance(rejected, Rejected)
    assert "Call [tel]" in rejected.raw
    assert len(rejected.raw) == 2_000


def test_a_rejection_shows_no_password() -> None:
    rejected = clean_record(
        Record(1, {}),
        source="postgresql://user:s3cret@db/shop",
        gazetteer=Atlas(),
        currency="GBP",
        country="GB",
        keep_original=False,
    )
    assert isinstance(rejected, Rejected)
    assert "s3cret" not in rejected.source


VALUES = st.dictionaries(
    st.sampled_from(sorted(PRODUCT_COLUMNS)), st.one_of(st.none(), st.text(max_size=40))
)


@given(VALUES)
def test_no_record_raises_and_each_is_accounted_for(values: dict[str, str | None]) -> None:
    cleaned = clean(values)
    if isinstance(cleaned, Listing):
        assert cleaned.title
        assert cleaned.content_hash() == replace(cleaned).content_hash()
    else:
        assert cleaned.reason in {Reason.MISSING_ID, Reason.MISSING_TITLE}


def test_cleaning_is_a_function_of_the_record() -> None:
    assert clean(dict(FULL)) == clean(dict(FULL))


PHOTO = Photo(ImageId("p"), 0, BlobKey("00"), "00", 10, 10, 0)


def test_photos_replace_and_their_absence_is_flagged() -> None:
    none = with_photos(listing(), ())
    assert none.flags == (Flag.NO_PHOTOS, Flag.CONTACT_MASKED)
    assert with_photos(none, ()) == none
    some = with_photos(none, [PHOTO])
    assert some.photos == (PHOTO,)
    assert some.flags == (Flag.CONTACT_MASKED,)


@pytest.mark.parametrize(
    ("text", "path", "seller_type"),
    [
        ("Home / Lamps", ("Home", "Lamps"), None),
        ("Radio / Ham/Amateur Radios", ("Radio", "Ham/Amateur Radios"), None),
        ("Home / Lamps / Private", ("Home", "Lamps"), "private"),
        ("Home / Lamps / TRADE ", ("Home", "Lamps"), "trade"),
        ("Private", ("Private",), None),
        (" Home  &amp; Garden /  Lamps / ", ("Home & Garden", "Lamps"), None),
        ("Home > Lamps", ("Home", "Lamps"), None),
        ("", (), None),
        (" / ", (), None),
        (None, (), None),
    ],
)
def test_categories(text: str | None, path: tuple[str, ...], seller_type: str | None) -> None:
    assert parse_category(text) == (path, seller_type)


@pytest.mark.parametrize(
    ("text", "latitude", "longitude", "place"),
    [
        ("Leeds", None, None, Place("Leeds", None, "GB", 53.8, -1.55)),
        (
            " Leeds ,  West Yorkshire, UK",
            None,
            None,
            Place("Leeds", "West Yorkshire", "GB", 53.8, -1.55),
        ),
        ("Hull", "53.7", "-0.3", Place("Hull", None, "GB", 53.7, -0.3)),
        ("Leeds", "0", "0", Place("Leeds", None, "GB", 53.8, -1.55)),
        ("Leeds", "91", "nan", Place("Leeds", None, "GB", 53.8, -1.55)),
        ("Leeds", "53.7", None, Place("Leeds", None, "GB", 53.8, -1.55)),
        (
            "Old Town, Swindon, Wiltshire",
            None,
            None,
            Place("Old Town, Swindon", "Wiltshire", "GB", 51.56, -1.78),
        ),
        (None, "53.7", "-0.3", Place("", None, "GB", 53.7, -0.3)),
        (", ,", None, None, None),
        (None, None, None, None),
    ],
)
def test_places(
    text: str | None, latitude: str | None, longitude: str | None, place: Place | None
) -> None:
    assert parse_place(text, latitude, longitude, Atlas()) == place
