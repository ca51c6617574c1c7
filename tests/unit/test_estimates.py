"""What the price model in use says of listings."""

from pathlib import Path

import pytest

from marketrank.errors import Corrupt
from marketrank.models.estimates import SEEN_SHRINKS, PublishedEstimates
from marketrank.models.price import PriceModel, fit_price
from marketrank.types import Listing, ListingId, Money


def listings() -> list[Listing]:
    return [
        Listing(
            ListingId(f"{what}{n}"),
            f"{what} number {n}",
            category=("Home", what),
            price=Money(pounds * 100 + n, "GBP"),
        )
        for what, pounds in (("Sofa", 400), ("Mug", 2))
        for n in range(20)
    ]


@pytest.fixture(scope="module")
def model() -> PriceModel:
    return fit_price(listings(), currency="GBP")


def sofa(pounds: int, id: str = "new") -> Listing:
    return Listing(
        ListingId(id), "Sofa", category=("Home", "Sofa"), price=Money(pounds * 100, "GBP")
    )


def test_a_price_is_not_read(model: PriceModel) -> None:
    estimates = PublishedEstimates(model, frozenset())
    cheap, dear = (estimates.estimates([sofa(p)])[ListingId("new")].minor for p in (10, 900))
    assert cheap == pytest.approx(dear, abs=1)
    assert 20_000 < cheap < 60_000


def test_a_listing_that_was_learned_from_is_judged_as_if_it_had_not_been(model: PriceModel) -> None:
    new, seen = (
        PublishedEstimates(model, frozenset()),
        PublishedEstimates(model, frozenset({ListingId("new")})),
    )
    far = new.estimates([sofa(10)])[ListingId("new")].minor / 1_000
    farther = seen.estimates([sofa(10)])[ListingId("new")].minor / 1_000
    assert farther == pytest.approx(far**SEEN_SHRINKS, rel=0.2)


def test_what_cannot_be_judged_is_left_out(model: PriceModel) -> None:
    asked = [
        Listing(ListingId("none"), "Sofa"),
        Listing(ListingId("euros"), "Sofa", price=Money(100, "EUR")),
        sofa(10),
    ]
    assert set(PublishedEstimates(model, frozenset()).estimates(asked)) == {"new"}
    assert PublishedEstimates(None, frozenset()).estimates(asked) == {}


def test_a_damaged_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="trained_on"):
        PublishedEstimates.open(tmp_path)
