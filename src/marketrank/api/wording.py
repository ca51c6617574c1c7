"""What people read on the page: ages, distances, cut texts and a listing's flags in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from marketrank.api.links import listing_url
from marketrank.people import InteractionKind
from marketrank.retrieval.query import KM_PER_MILE
from marketrank.types import Finding, Flag, Money, Signal, Stored

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
_ENOUGH = 2
MILE_COUNTRIES = {"GB", "US"}

PLAIN_WORDS: dict[Flag, str] = {
    Flag.NO_PHOTOS: "The seller gave no photo. Ask for one before you decide.",
    Flag.NO_PRICE: "The seller named no price. Ask what they have in mind.",
    Flag.NO_DESCRIPTION: "The seller wrote no description. Ask about size, age and condition.",
    Flag.NO_CATEGORY: "The seller chose no category.",
    Flag.NO_PLACE: "The seller did not say where it is. Ask before you arrange to collect it.",
    Flag.PLACE_NOT_FOUND: "We could not find this place on the map, so we show no distance.",
    Flag.CONTACT_MASKED: "We hid contact details in the text to protect the seller's privacy.",
}
# The second says no more than the first.
_SAID_ALREADY = {Signal.PRICE_LOW: Signal.PRICE_OUTLIER, Signal.PHOTO_REUSED: Signal.DUPLICATE}


def notes(stored: Stored) -> list[str]:
    """What cleaning noticed, in plain words."""
    flags = stored.listing.flags
    if Signal.CONTACT_IN_TEXT in stored.signals:
        flags = tuple(flag for flag in flags if flag is not Flag.CONTACT_MASKED)
    return [PLAIN_WORDS[flag] for flag in flags]


@dataclass(frozen=True, slots=True)
class Caution:
    """Why to look twice, and the paths of the listings to look at."""

    reason: str
    links: tuple[str, ...]


def cautions(stored: Stored) -> list[Caution]:
    """The reasons of a listing's signals, none said twice."""
    return list(cautions_of(stored.findings))


def cautions_of(findings: Sequence[Finding]) -> tuple[Caution, ...]:
    """The reasons of findings, none said twice."""
    said = {_SAID_ALREADY.get(finding.signal) for finding in findings}
    return tuple(
        Caution(finding.reason, tuple(listing_url(other) for other in finding.others))
        for finding in findings
        if finding.signal not in said
    )


def in_ten(share: float) -> str:
    """ "8 in 10"."""
    return f"{round(10 * share)} in 10"


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


def cut(text: str, longest: int) -> str:
    """At most `longest` characters on one line, cut between words, "…" where something is gone."""
    # Of a long text the beginning says enough, mostly: words that are cut away need no counting.
    line = " ".join(text[: _ENOUGH * longest].split())
    if len(line) <= longest:
        line = " ".join(text.split())
    if len(line) <= longest:
        return line
    head = line[: longest - 1]
    # A first word longer than the whole line is cut inside.
    return (head.rpartition(" ")[0] or head).rstrip(" ,;:.-") + "…"


def reasons(why: Sequence[str]) -> str:
    """The reasons for a result as one quiet line, without those that stand beside it anyway: how
    far away it is, and what it shares with the words that were typed."""
    shown = [one for one in why if not (one.endswith(" away") or one.startswith("matches "))]
    return " · ".join(one[:1].upper() + one[1:] for one in shown[:2])


def feed_reasons(why: Sequence[str]) -> str:
    """As `reasons`, but that a listing which nobody asked for has one, though it stands beside it
    too."""
    return reasons(why) or "".join(one[:1].upper() + one[1:] for one in why[:1])


DONE: Mapping[str, str] = {
    InteractionKind.VIEW: "looked at",
    InteractionKind.CLICK: "opened",
    InteractionKind.SAVE: "saved",
    InteractionKind.MESSAGE: "asked about",
    InteractionKind.OFFER: "made an offer for",
    InteractionKind.SOLD: "bought",
    InteractionKind.HIDE: "hid",
    InteractionKind.REPORT: "reported",
}
"""What somebody did, as their own page tells it."""
