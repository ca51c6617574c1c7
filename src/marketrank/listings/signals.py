"""Signals: what a careful person would look at twice in a listing, each with its reason in words.

Nothing is hidden or moved for a signal: buyers read it on the listing, moderators in a list,
rankers as a column. docs/adr/0131 says how often each one fires on a real feed.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import floor, log10

from marketrank.listings.prices import Compared, PriceScales, compare_prices
from marketrank.types import Duplicate, Finding, Listing, ListingId, Money, Signal

LOW_FACTOR = 8
"""So many times under its estimate a price is far too low."""
LEAST_ESTIMATE = 10_000
"""Minor units. Cheaper things are given away for a penny every day, and nobody is lured by them."""

# What is wanted, swapped, given away or hired has no price that could be too low.
_NO_OFFER = re.compile(r"\b(?:wanted|looking for|swap\w*|free|hire|rent\w*)\b", re.IGNORECASE)
_PLACEHOLDER = 200  # minor units: "£1" stands for "make me an offer"
_CONTACTS = {"[tel]": "a phone number", "[email]": "an e-mail address"}  # listings.contacts
_REPEATS = {  # the strongest kind first
    "exact_text": "The same words are",
    "near_text": "Nearly the same words are",
    "exact_photo": "The same photo is",
    "near_photo": "Nearly the same photo is",
}
_PHOTO_KINDS = ("exact_photo", "near_photo")


def find_signals(
    listings: Sequence[Listing],
    links: Sequence[Duplicate],
    estimates: Mapping[ListingId, Money],
    scales: PriceScales | None = None,
) -> dict[ListingId, list[Finding]]:
    """The findings about each listing that has any.

    `links` are what `dedupe.find_duplicates` says of the same listings. `estimates` are what a
    model says that listings like each one ask; a listing without one is compared with the middle
    price of its category, and is low where it is odd there. `scales` are those of all prices;
    None: these listings are all.
    """
    by_id = {listing.id: listing for listing in listings}
    linked: dict[ListingId, list[Duplicate]] = defaultdict(list)
    for link in sorted(links, key=lambda link: list(_REPEATS).index(link.kind)):
        linked[link.listing].append(link)
    compared = _compared(listings, scales)
    found = {}
    for listing in listings:
        own = linked.get(listing.id, [])
        findings = [
            *_repeat(own),
            *_reused_photo(listing, own, by_id),
            *_odd_price(listing, compared.get(listing.id)),
            *_low_price(listing, compared.get(listing.id), estimates.get(listing.id)),
            *_contact(listing),
        ]
        if findings:
            found[listing.id] = findings
    return found


def worth_estimating(
    listings: Sequence[Listing], scales: PriceScales | None = None
) -> list[Listing]:
    """The listings whose price may be far too low: a model need look at no others. A price is not
    where LOW_FACTOR times it is more than nine in ten of its category ask."""
    compared = _compared(listings, scales)
    return [
        listing
        for listing in listings
        if listing.price is not None
        and listing.id in compared
        and compared[listing.id].high > max(LEAST_ESTIMATE, LOW_FACTOR * listing.price.minor)
        and not _NO_OFFER.search(listing.title)
    ]


def another_seller(one: Listing, other: Listing, *, same_words: bool) -> bool:
    """Whether two listings are of different people, as far as can be known.

    By their sellers where both are named. Else they are taken for one person's unless everything
    speaks for two: other places, other prices and other words. On a feed without sellers almost
    all equal photos from different towns are one trader's, who asks the same in each.
    """
    if one.seller is not None and other.seller is not None:
        return one.seller != other.seller
    return (
        not same_words
        and None not in (one.place, other.place, one.price, other.price)
        and one.place != other.place
        and one.price != other.price
    )


def _compared(listings: Sequence[Listing], scales: PriceScales | None) -> dict[ListingId, Compared]:
    prices = _prices(listings)
    if scales is None:
        return compare_prices(prices)
    compared = {id: scales.compare(path, minor) for id, (path, minor) in prices.items()}
    return {id: one for id, one in compared.items() if one is not None}


def _prices(listings: Sequence[Listing]) -> dict[ListingId, tuple[tuple[str, ...], int]]:
    return {one.id: (one.category, one.price.minor) for one in listings if one.price is not None}


def _repeat(own: Sequence[Duplicate]) -> Iterator[Finding]:
    for link in own[:1]:
        reason = f"{_REPEATS[link.kind]} in an earlier listing, {link.of}."
        yield Finding(Signal.DUPLICATE, reason, (link.of,))


def _reused_photo(
    listing: Listing, own: Sequence[Duplicate], by_id: Mapping[ListingId, Listing]
) -> Iterator[Finding]:
    same_words = {link.of for link in own if link.kind not in _PHOTO_KINDS}
    others = tuple(
        dict.fromkeys(
            link.of
            for link in own
            if link.kind in _PHOTO_KINDS
            and another_seller(listing, by_id[link.of], same_words=link.of in same_words)
        )
    )
    if others:
        known = listing.seller is not None and by_id[others[0]].seller is not None
        whose = (
            "used by another seller"
            if known
            else "in a listing from another place, at another price"
        )
        yield Finding(Signal.PHOTO_REUSED, f"The same photo is {whose}: {others[0]}.", others)


def _odd_price(listing: Listing, compared: Compared | None) -> Iterator[Finding]:
    if compared is not None and compared.odd and listing.price is not None:
        middle = about(Money(compared.middle, listing.price.currency))
        reason = f"The price is {listing.price}; others in {_name(compared)} ask about {middle}."
        yield Finding(Signal.PRICE_OUTLIER, reason)


def _low_price(
    listing: Listing, compared: Compared | None, estimate: Money | None
) -> Iterator[Finding]:
    price = listing.price
    if price is None or compared is None or _NO_OFFER.search(listing.title):
        return
    if estimate is not None and estimate.currency == price.currency:
        usual, who = estimate.minor, "like it"
        low = usual >= LOW_FACTOR * price.minor
    else:
        usual, who = compared.middle, f"in {_name(compared)}"
        low = compared.odd and price.minor < usual
    if low and usual >= LEAST_ESTIMATE:
        remark = (
            "It may stand for an offer: ask for the real price."
            if price.minor <= _PLACEHOLDER
            else "Ask why, and see it before you pay."
        )
        others = about(Money(usual, price.currency))
        reason = f"The price is {price}; others {who} ask about {others}. {remark}"
        yield Finding(Signal.PRICE_LOW, reason)


def _contact(listing: Listing) -> Iterator[Finding]:
    named = [what for mark, what in _CONTACTS.items() if mark in listing.text]
    if named:
        reason = (
            f"The text gives {' and '.join(named)}, hidden here. "
            "Nobody can help with what is agreed and paid elsewhere."
        )
        yield Finding(Signal.CONTACT_IN_TEXT, reason)


def _name(compared: Compared) -> str:
    return compared.group[-1] if compared.group else "all categories"


def about(money: Money) -> Money:
    """Rounded to what a reason should say: 437.12 → 450. A change of one listing among hundreds
    then does not reword all the others."""
    if money.minor <= 0:
        return money
    step = max(1, 5 * 10 ** (floor(log10(money.minor)) - 1))
    return Money(max(step, round(money.minor / step) * step), money.currency)
