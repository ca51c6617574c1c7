"""What people read on the page: ages, distances and a listing's flags in plain words."""

from datetime import datetime

from marketrank.retrieval.query import KM_PER_MILE
from marketrank.types import Flag, Money, Signal, Stored

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
# (seconds, name), the largest first; a month is 30 days and a year 365.
_UNITS = (
    (365 * _DAY, "year"),
    (30 * _DAY, "month"),
    (7 * _DAY, "week"),
    (_DAY, "day"),
    (_HOUR, "hour"),
    (_MINUTE, "minute"),
)
MILE_COUNTRIES = {"GB", "US"}

PLAIN_WORDS: dict[Flag | Signal, str] = {
    Flag.NO_PHOTOS: "The seller gave no photo. Ask for one before you decide.",
    Flag.NO_PRICE: "The seller named no price. Ask what they have in mind.",
    Flag.NO_DESCRIPTION: "The seller wrote no description. Ask about size, age and condition.",
    Flag.NO_CATEGORY: "The seller chose no category.",
    Flag.NO_PLACE: "The seller did not say where it is. Ask before you arrange to collect it.",
    Flag.PLACE_NOT_FOUND: "We could not find this place on the map, so we show no distance.",
    Flag.CONTACT_MASKED: "We hid contact details in the text to protect the seller's privacy.",
    Signal.PRICE_OUTLIER: "The price is unusual for this category. Look twice before you pay.",
    Signal.DUPLICATE: "This looks like a repeat of another listing.",
}


def notes(stored: Stored) -> list[str]:
    """What cleaning and comparing noticed, in plain words."""
    return [
        *(PLAIN_WORDS[flag] for flag in stored.listing.flags),
        *(PLAIN_WORDS[signal] for signal in stored.signals),
    ]


def age(at: datetime, now: datetime) -> str:
    """ "2 days ago", in the largest unit that fits; "just now" below a minute and for the
    future."""
    seconds = (now - at).total_seconds()
    for length, name in _UNITS:
        count = int(seconds // length)
        if count >= 1:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    return "just now"


def distance(km: float, country: str) -> str:
    """ "3 miles away" where people count in miles, else "5 km away"."""
    unit, number = ("mile", km / KM_PER_MILE) if country in MILE_COUNTRIES else ("km", km)
    whole = round(number)
    if whole < 1:
        return f"less than 1 {unit} away"
    return f"{whole:,} {unit}{'s' if unit == 'mile' and whole != 1 else ''} away"


def currency_symbol(currency: str) -> str:
    """What stands before an amount: "£"."""
    return str(Money(0, currency)).removesuffix("0").strip()


def price(money: Money | None) -> str:
    if money is None:
        return "No price"
    return "Free" if money.minor == 0 else str(money)
