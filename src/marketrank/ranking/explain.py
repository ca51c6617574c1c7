"""Why a result stands where it does, in plain words.

What is known of a result is its Evidence. Where a learned ranker ordered the results, the reasons
come in the order of what its features added to the score, exactly (`Looked.contributions`), and
what lowered it is no reason; else in the order of CAUSES. Nothing is said that the evidence does
not bear out, and nothing of other people: where demographics played a part it is "people like
you", and that those are the reader's own data is said beside it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import islice

from marketrank.people import InteractionKind

KM_PER_MILE = 1.609344
MOST = 3
_FAR_KM = 40.0
_NEAR_KM = 16.0
_POPULAR_RANK = 20
_TASTE_SHARE = 0.4
_MONTH, _YEAR = 30.4, 365.0  # days


class Cause(StrEnum):
    """What a reason is about, the most telling first."""

    WORDS = "words"
    LOOKS = "looks"
    MEANING = "meaning"
    TASTE = "taste"
    PEOPLE = "people"
    PLACE = "place"
    PRICE = "price"
    POPULAR = "popular"
    NEW = "new"


FEATURES: Mapping[str, Cause] = {
    "price_log": Cause.PRICE,
    "price_to_budget": Cause.PRICE,
    "price_to_estimate": Cause.PRICE,
    "price_to_others": Cause.PRICE,
    "distance_log": Cause.PLACE,
    "home_distance_log": Cause.PLACE,
    "age_log": Cause.NEW,
    "popularity_log": Cause.POPULAR,
    "taste": Cause.TASTE,
    "taste_category": Cause.TASTE,
    "taste_price": Cause.PRICE,
    "tower": Cause.TASTE,
    "demographic_affinity": Cause.PEOPLE,
}
"""What a feature of a learned ranker is about; those of words and vectors are told by their names,
and features that no reason is about are not here."""
_MEANING = ("vector", "feedback")
_WORDS = ("title", "category_", "description", "any_", "head_", "numbers_", "trigram", "text")

_DID: Mapping[InteractionKind, str] = {
    InteractionKind.VIEW: "looked at",
    InteractionKind.CLICK: "looked at",
    InteractionKind.SAVE: "saved",
    InteractionKind.MESSAGE: "asked about",
    InteractionKind.OFFER: "made an offer for",
    InteractionKind.SOLD: "bought",
}


@dataclass(frozen=True, slots=True)
class Liked:
    """The thing of the buyer's history that a result is most like: the label of its category, what
    they did, and how alike the two are (a cosine)."""

    label: str
    kind: InteractionKind
    alike: float


class Fits(StrEnum):
    """What of a buyer's has found a result."""

    NOTHING = ""
    HISTORY = "history"
    DATA = "data"
    """Attributes and place alone."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one result. `words` are the query's that it has; `asked` says whether a
    photo, a listing or words were asked for. `km` counts from the place that was asked for, or
    where `from_home`, from the buyer's own. `people` is how much better it fits the buyer because
    of their attributes or place, as a score, 0 where these were not used. `popular` is its rank
    among what is popular now, None where it is not. `fits` says by what of the buyer's it was
    found, "" where by nothing; `category` is the label of its category where the buyer turned to
    others of it, else ""."""

    words: tuple[str, ...] = ()
    photo: bool = False
    like: bool = False
    meaning: bool = False
    liked: Liked | None = None
    people: float = 0.0
    km: float | None = None
    from_home: bool = False
    popular: int | None = None
    age_days: float | None = None
    cheap: bool = False
    fits: Fits = Fits.NOTHING
    category: str = ""


def why(
    evidence: Evidence,
    contributions: Mapping[str, float] | None = None,
    *,
    miles: bool = True,
    most: int = MOST,
) -> tuple[str, ...]:
    """At most `most` reasons, the strongest first. `contributions` are by feature, None where no
    learned ranker ordered the result; `miles` says in what people measure."""
    if contributions is None:
        told = (tell(evidence, miles) for tell in CAUSES.values())
        return tuple(islice(filter(None, told), most))
    said = {cause: tell(evidence, miles) for cause, tell in CAUSES.items()}
    weight = by_cause(contributions)
    # What the model does not look at keeps its place behind what it does.
    order = [cause for cause in CAUSES if said[cause] and weight.get(cause, 0.0) >= 0]
    order.sort(key=lambda cause: -weight.get(cause, 0.0))
    return tuple(said[cause] for cause in order[:most])


def least(evidence: Evidence) -> tuple[str, ...]:
    """One reason for a result that has none by `why`: how it came among those that were ranked, or
    when it was listed, which is what it was found by at the least. () where not even that is
    known."""
    if evidence.category:
        return (f"from {evidence.category}, where you have looked before",)
    if evidence.fits is Fits.HISTORY:
        return ("fits what you have looked at",)
    if evidence.fits is Fits.DATA:
        return ("suggested for people like you (from your data)",)
    if evidence.popular is not None:
        return ("others have looked at it",)
    return () if evidence.age_days is None else (_listed(evidence.age_days),)


def _listed(days: float) -> str:
    if days >= _YEAR:
        return "listed over a year ago"
    n, unit = (int(days), "day") if days < 2 * _MONTH else (int(days / _MONTH), "month")
    return "listed today" if n < 1 else f"listed {n} {unit}{'s' if n > 1 else ''} ago"


def by_cause(contributions: Mapping[str, float]) -> dict[Cause, float]:
    """Contributions of features, summed by what they are about."""
    total: defaultdict[Cause, float] = defaultdict(float)
    for name, value in contributions.items():
        if value:  # a ranker of words says nothing of most features
            cause = cause_of(name)
            if cause is not None:
                total[cause] += value
    return dict(total)


@cache
def cause_of(feature: str) -> Cause | None:
    """What a feature is about; None for one that no reason is about."""
    if feature in FEATURES:
        return FEATURES[feature]
    if feature.startswith(_MEANING):
        return Cause.MEANING
    return Cause.WORDS if feature.startswith(_WORDS) else None


def matched(query: Sequence[str], stems: Sequence[str], held: frozenset[str]) -> tuple[str, ...]:
    """The words of a query that a listing has: `query` word by word, with the stem of each."""
    return tuple(word for word, stem in zip(query, stems, strict=True) if stem in held)


def _words(evidence: Evidence, miles: bool) -> str:
    return f"matches '{' '.join(evidence.words)}'" if evidence.words else ""


def _looks(evidence: Evidence, miles: bool) -> str:
    if evidence.photo:
        return "looks like your photo"
    return "similar to this listing" if evidence.like else ""


def _meaning(evidence: Evidence, miles: bool) -> str:
    return "close to what you described" if evidence.meaning and not evidence.words else ""


def _taste(evidence: Evidence, miles: bool) -> str:
    liked = evidence.liked
    if liked is None or liked.alike < _TASTE_SHARE or liked.kind not in _DID:
        return ""
    what = f"the {liked.label.lower()}" if liked.label else "things"
    return f"like {what} you {_DID[liked.kind]}"


def _people(evidence: Evidence, miles: bool) -> str:
    return "liked by people like you (from your data)" if evidence.people > 0 else ""


def _place(evidence: Evidence, miles: bool) -> str:
    km = evidence.km
    if km is None or km > _FAR_KM:
        return ""
    number, unit = (km / KM_PER_MILE, "mile") if miles else (km, "km")
    whole = round(number)
    plural = "s" if miles and whole != 1 else ""
    far = f"less than 1 {unit} away" if whole < 1 else f"{whole} {unit}{plural} away"
    return f"{far} (from your data)" if evidence.from_home else far


def _price(evidence: Evidence, miles: bool) -> str:
    return "at a low price" if evidence.cheap else ""


def _popular(evidence: Evidence, miles: bool) -> str:
    if evidence.popular is None or evidence.popular >= _POPULAR_RANK:
        return ""
    near = evidence.km is not None and evidence.km <= _NEAR_KM
    return "popular nearby" if near else "popular now"


def _new(evidence: Evidence, miles: bool) -> str:
    days = evidence.age_days
    if days is None or days >= 7:
        return ""
    return "new today" if days < 1 else "new this week"


CAUSES: Mapping[Cause, Callable[[Evidence, bool], str]] = {
    Cause.WORDS: _words,
    Cause.LOOKS: _looks,
    Cause.MEANING: _meaning,
    Cause.TASTE: _taste,
    Cause.PEOPLE: _people,
    Cause.PLACE: _place,
    Cause.PRICE: _price,
    Cause.POPULAR: _popular,
    Cause.NEW: _new,
}
"""Each reason, in words, or "" where the evidence does not bear it out; in the order without a
learned ranker."""
