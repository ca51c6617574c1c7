"""Signals and their reasons."""

from dataclasses import replace

import pytest

from marketrank.listings.prices import price_scales
from marketrank.listings.signals import (
    LEAST_ESTIMATE,
    LOW_FACTOR,
    about,
    another_seller,
    find_signals,
    worth_estimating,
)
from marketrank.types import Duplicate, Finding, Listing, ListingId, Money, Place, SellerId, Signal

BATH, LEEDS = Place("Bath", "Somerset"), Place("Leeds", "West Yorkshire")


def advert(
    id: str,
    pounds: float | None = 50,
    *,
    title: str = "Oak table",
    seller: str | None = None,
    place: Place | None = BATH,
    category: tuple[str, ...] = ("Home", "Tables"),
) -> Listing:
    return Listing(
        ListingId(id),
        title,
        category=category,
        price=None if pounds is None else Money(round(pounds * 100), "GBP"),
        place=place,
        seller=None if seller is None else SellerId(seller),
    )


def repeat(kind: str, listing: str = "b", of: str = "a") -> Duplicate:
    return Duplicate(ListingId(listing), ListingId(of), kind, 1.0)


def found(
    *listings: Listing,
    links: tuple[Duplicate, ...] = (),
    estimate: dict[str, float] | None = None,
) -> dict[str, dict[Signal, Finding]]:
    estimates = {ListingId(k): Money(round(v * 100), "GBP") for k, v in (estimate or {}).items()}
    findings = find_signals(listings, links, estimates)
    return {id_: {one.signal: one for one in each} for id_, each in findings.items()}


def test_an_ordinary_listing_has_none() -> None:
    assert found(advert("a"), advert("b"), estimate={"a": 60}) == {}


@pytest.mark.parametrize("kind", ["exact_text", "near_text", "exact_photo", "near_photo"])
def test_a_repeat_names_the_earlier_listing(kind: str) -> None:
    findings = found(advert("a"), advert("b"), links=(repeat(kind),))
    assert set(findings) == {"b"}
    finding = findings["b"][Signal.DUPLICATE]
    assert finding.others == ("a",)
    assert "listing, a." in finding.reason
    assert ("words" in finding.reason) == kind.endswith("text")


def test_the_strongest_repeat_is_named() -> None:
    links = (repeat("near_photo", of="c"), repeat("exact_text"))
    findings = found(advert("a"), advert("b"), advert("c"), links=links)
    assert findings["b"][Signal.DUPLICATE].others == ("a",)


def test_a_photo_of_another_seller_is_told_without_the_seller() -> None:
    listings = (advert("a", seller="ann"), advert("b", seller="bob"))
    finding = found(*listings, links=(repeat("exact_photo"),))["b"][Signal.PHOTO_REUSED]
    assert finding.others == ("a",)
    assert "another seller: a." in finding.reason
    assert "ann" not in finding.reason
    own = (advert("a", seller="ann"), advert("b", 10, seller="ann", place=LEEDS))
    assert Signal.PHOTO_REUSED not in found(*own, links=(repeat("exact_photo"),))["b"]


def test_words_alone_are_no_photo() -> None:
    listings = (advert("a", seller="ann"), advert("b", seller="bob"))
    assert Signal.PHOTO_REUSED not in found(*listings, links=(repeat("exact_text"),))["b"]


def test_unknown_sellers_are_one_unless_all_speaks_for_two() -> None:
    here, there = advert("a", 50), advert("b", 40, place=LEEDS)
    assert another_seller(here, there, same_words=False)
    assert another_seller(replace(here, seller=SellerId("ann")), there, same_words=False)
    assert not another_seller(here, there, same_words=True)
    assert not another_seller(here, replace(there, place=BATH), same_words=False)
    assert not another_seller(here, replace(there, price=here.price), same_words=False)
    assert not another_seller(here, replace(there, place=None), same_words=False)
    assert not another_seller(here, replace(there, price=None), same_words=False)
    links = (repeat("exact_photo"),)
    reason = found(here, there, links=links)["b"][Signal.PHOTO_REUSED].reason
    assert "another place" in reason
    assert "seller" not in reason
    both = (*links, repeat("near_text"))
    assert Signal.PHOTO_REUSED not in found(here, there, links=both)["b"]


def test_far_under_the_estimate_is_low() -> None:
    estimates = {"a": 400.0, "b": 50 * LOW_FACTOR - 1.0}
    findings = found(advert("a"), advert("b"), estimate=estimates)
    assert set(findings) == {"a"}
    reason = findings["a"][Signal.PRICE_LOW].reason
    assert reason.startswith("The price is £50; others like it ask about £400.")


def test_a_placeholder_is_told_as_one() -> None:
    reason = found(advert("a", 1), estimate={"a": 400})["a"][Signal.PRICE_LOW].reason
    assert "stand for an offer" in reason


def test_cheap_things_are_never_low() -> None:
    least = LEAST_ESTIMATE / 100
    assert found(advert("a", 1), estimate={"a": least - 1}) == {}
    assert Signal.PRICE_LOW in found(advert("a", 1), estimate={"a": least})["a"]


@pytest.mark.parametrize(
    "title", ["WANTED oak table", "Table, free", "Swapping my desk", "Marquee for hire"]
)
def test_what_is_not_for_sale_is_never_low(title: str) -> None:
    assert found(advert("a", 1, title=title), estimate={"a": 400}) == {}


def test_without_an_estimate_the_category_speaks() -> None:
    others = [advert(f"o{n}", 200 + n) for n in range(30)]
    findings = found(advert("a", 1), *others)
    assert set(findings["a"]) == {Signal.PRICE_LOW, Signal.PRICE_OUTLIER}
    assert "others in Tables ask about £200" in findings["a"][Signal.PRICE_LOW].reason
    # The estimate knows better: this one is a small thing among large ones.
    assert Signal.PRICE_LOW not in found(advert("a", 1), *others, estimate={"a": 3})["a"]


def test_an_odd_high_price_is_no_low_one() -> None:
    others = [advert(f"o{n}", 200 + n) for n in range(30)]
    findings = found(advert("a", 1_234_567), *others)
    assert set(findings["a"]) == {Signal.PRICE_OUTLIER}
    assert "£1,234,567; others in Tables" in findings["a"][Signal.PRICE_OUTLIER].reason


def test_only_prices_that_may_be_low_are_worth_a_model() -> None:
    others = [advert(f"o{n}", 200 + n) for n in range(30)]
    asked = [advert("a", 20), advert("b", 60), advert("c", None), advert("d", 0)]
    assert [one.id for one in worth_estimating([*asked, *others])] == ["a"]
    swapped = advert("e", 20, title="Swap a table")
    assert [one.id for one in worth_estimating([swapped, *asked, *others])] == ["a"]


def test_contact_details_in_the_text() -> None:
    listing = replace(advert("a"), description="Call [tel] or write to [email]")
    finding = found(listing)["a"][Signal.CONTACT_IN_TEXT]
    assert "a phone number and an e-mail address" in finding.reason
    assert found(replace(advert("a"), description="In [postcode]")) == {}


@pytest.mark.parametrize(
    ("minor", "rounded"),
    [
        (0, 0),
        (3, 3),
        (149, 150),
        (4_312, 4_500),
        (14_900, 15_000),
        (43_712, 45_000),
        (99_990, 100_000),
    ],
)
def test_about(minor: int, rounded: int) -> None:
    assert about(Money(minor, "GBP")) == Money(rounded, "GBP")


def test_scales_of_all_prices_are_as_good_as_all_listings() -> None:
    others = [advert(f"n{number}", 100 + number) for number in range(30)]
    odd = advert("odd", 1)
    scales = price_scales((one.category, one.price.minor) for one in [*others, odd] if one.price)
    whole = find_signals([*others, odd], [], {})
    assert find_signals([odd], [], {}, scales) == whole
    assert whole
    assert find_signals([odd], [], {}) == {}
    assert worth_estimating([odd], scales) == worth_estimating([*others, odd]) == [odd]
