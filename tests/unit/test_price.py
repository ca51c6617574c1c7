"""The price baseline reads what it may, and no amount."""

from dataclasses import replace

import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.models.price import fit_price, log_price, mask_amounts
from marketrank.types import BlobKey, ImageId, Listing, ListingId, Money, Photo, Place

KINDS = {
    ("Home", "Tables"): ("oak table", "pine desk", "table with drawers"),
    ("Sports", "Bicycles"): ("road bike", "mountain bike", "bike with gears"),
    ("Phones",): ("smart phone", "phone with charger", "phone case"),
}
PENCE = {"Home": 9000, "Sports": 30000, "Phones": 1500}


def listings(n: int = 90) -> list[Listing]:
    found = []
    for number in range(n):
        category = list(KINDS)[number % 3]
        title = KINDS[category][number // 3 % 3]
        found.append(
            Listing(
                id=ListingId(f"{number:03}"),
                title=f"{title} no {number % 7}x",
                description=f"used {title}, collection only, asking £{number}",
                category=category,
                price=Money(PENCE[category[0]] + 100 * (number % 5), "GBP"),
                place=Place("Leeds", "West Yorkshire", "GB", 53.8, -1.5 - number / 100),
                seller_type="private" if number % 2 else None,
            )
        )
    return found


def test_price_is_learned_within_a_factor() -> None:
    model = fit_price(listings(60), currency="GBP")
    fresh = listings(90)[60:]
    true = np.array([log_price(one, "GBP") for one in fresh])
    errors = np.abs(model.log_prices(fresh) - true)
    assert errors.max() < 0.5
    assert np.ptp(true) > 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("asking £40 ono", "asking   ono"),
        ("£1,200.50", " "),
        ("£ 20-30 each", "  each"),
        ("£20 to £30", " "),
        ("from £1.5k", "from  "),
        ("15 quid, 20 pounds", " ,  "),
        ("cost 30£ new", "cost   new"),
        ("GBP 40", " "),
        ("2 £30 vouchers", "2   vouchers"),
        ("£20 kettle, 54cm, 2 chairs", "  kettle, 54cm, 2 chairs"),
        ("£ sign alone", "£ sign alone"),
    ],
)
def test_amounts_are_masked(text: str, masked: str) -> None:
    assert mask_amounts(text) == masked


def test_no_amount_in_the_text_moves_the_price() -> None:
    found = listings()
    model = fit_price(found, currency="GBP")
    asked = replace(found[0], title="oak table £5", description="used, £5 or offers")
    dear = replace(asked, title="oak table £8,999.99", description="used, £8,999 or offers")
    other = replace(asked, price=Money(1, "GBP"))
    assert model.log_prices([asked]) == pytest.approx(model.log_prices([dear]), abs=0)
    assert model.log_prices([asked]) == pytest.approx(model.log_prices([other]), abs=0)


@pytest.mark.parametrize("change", ["category", "place", "seller_type", "photos", "title"])
def test_price_reads_each_of_its_columns(change: str) -> None:
    rng = np.random.default_rng(3)
    photo = Photo(ImageId("p"), 0, BlobKey("b"), "s", 64, 64, 0)
    found = [
        replace(one, price=Money(int(pence), "GBP"), photos=(photo,) * (n % 3))
        for n, (one, pence) in enumerate(
            zip(listings(), rng.integers(100, 90_000, 90), strict=True)
        )
    ]
    model = fit_price(found, currency="GBP")
    other = {
        "category": ("Phones",),
        "place": Place("Bath", "Somerset", "GB", 51.4, -2.4),
        "seller_type": "private",
        "photos": (photo,) * 9,
        "title": found[0].title + " and a longer title",
    }
    changed = replace(found[0], **{change: other[change]})
    assert model.log_prices([changed])[0] != model.log_prices([found[0]])[0]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        (Money(4000, "GBP"), np.log(41)),
        (Money(1_000_000, "GBP"), np.log(10_001)),
        (Money(1_000_001, "GBP"), None),
        (Money(0, "GBP"), None),
        (Money(4000, "EUR"), None),
        (None, None),
    ],
)
def test_which_prices_count(price: Money | None, expected: float | None) -> None:
    found = log_price(Listing(ListingId("a"), "lamp", price=price), "GBP")
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_listing_of_which_nothing_is_known_has_a_price() -> None:
    model = fit_price(listings(), currency="GBP")
    assert np.isfinite(model.log_prices([Listing(ListingId("x"), title="!")])).all()


def test_a_feed_without_places_can_be_learned() -> None:
    placeless = [replace(one, place=None) for one in listings()]
    model = fit_price(placeless, currency="GBP")
    assert np.isfinite(model.log_prices(listings())).all()


def test_too_few_prices_are_refused() -> None:
    free = [replace(one, price=Money(0, "GBP")) for one in listings()]
    with pytest.raises(BadInput, match="the price model needs 10"):
        fit_price(free, currency="GBP")
