"""Contact details in texts: found and masked, so that they are neither shown nor embedded.

Phone numbers, also spaced, spelled or glued to words, e-mail addresses and full UK postcodes (an
outward code alone, "BS1", names a district and stays). The marks "[tel]", "[email]" and
"[postcode]" are words that nobody searches a marketplace for, unlike "phone".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import phonenumbers

from marketrank.listings.texts import strip_unstorable

_RAW_LENGTH = 2_000
_MARKS = {"phone": "[tel]", "email": "[email]", "postcode": "[postcode]"}


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without contact details; `kinds` holds which of "phone", "email" and "postcode"
    were found, sorted."""

    text: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    kind: str


def mask(text: str, country: str = "GB") -> Masked:
    """Replace the contact details in a text. `country` is an ISO 3166 code: whose national phone
    numbers are looked for (and, for GB, postcodes). Masking a masked text changes nothing."""
    kinds: set[str] = set()
    while spans := _spans(text, country):  # again, as a mark can free what was glued to it
        kinds.update(span.kind for span in spans)
        text = _replace(text, spans)
    return Masked(text, tuple(sorted(kinds)))


def _spans(text: str, country: str) -> list[_Span]:
    """Where contact details stand, in order; spans may overlap."""
    spans = [_Span(*match.span(), "email") for match in _emails(text)]
    spans += _phones(text, country)
    if country == "GB":
        spans += [_Span(*match.span(), "postcode") for match in _postcodes(text)]
    return sorted(spans, key=lambda one: (one.start, -one.end))


def _replace(text: str, spans: list[_Span]) -> str:
    """The text with a mark for each span, parted by a space from words it was glued to."""
    masked = ""
    done = 0
    for span in spans:
        if span.start < done:
            continue
        masked += text[done : span.start]
        masked += " " if masked[-1:].isalnum() else ""
        masked += _MARKS[span.kind] + (" " if text[span.end : span.end + 1].isalnum() else "")
        done = span.end
    return masked + text[done:]


def mask_raw(text: str, country: str = "GB") -> str:
    """What a rejection keeps of a record: masked, then cut to 2,000 characters."""
    return mask(strip_unstorable(text[: 2 * _RAW_LENGTH]), country).text[:_RAW_LENGTH]


# E-mail addresses.

_PROVIDERS = "gmail|googlemail|hotmail|yahoo|outlook|icloud|live|aol|btinternet|protonmail|sky|me"
_EMAIL = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"
    r"|[\w.+-]+\s?@\s?[\w-]+\.(?:com|net|org|uk|co\.uk)\b"
    rf"|\b[\w.+-]+\s?[\[(]?\s?\bat\b\s?[\])]?\s?(?:{_PROVIDERS})"
    r"\s?[\[(]?\s?(?:\.|\bdot\b)\s?[\])]?\s?(?:com|net|org|co\.?\s?uk)\b",
    re.IGNORECASE,
)
_AT = re.compile(r"@|\bat\b", re.IGNORECASE)


def _emails(text: str) -> Iterator[re.Match[str]]:
    return _EMAIL.finditer(text) if _AT.search(text) else iter(())


# Postcodes.

# Royal Mail's postcode areas. Most model numbers that have a postcode's shape begin otherwise.
_AREAS = (
    " AB AL BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY "
    "EC EH EN EX FK FY GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY LA LD LE LL LN "
    "LS LU ME MK ML NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM SA SE SG SK SL SM SN SO SP "
    "SR SS ST SW SY TA TD TF TN TQ TR TS TW UB WA WC WD WF WN WR WS WV YO ZE B E G L M N S W "
)
_POSTCODE = re.compile(
    # At the start of a word, or glued to one that ends in lower case.
    r"(?:(?<![A-Za-z0-9])|(?<=[a-z])(?=[A-Z]))"
    r"(?P<area>[A-Za-z]{1,2}+)[0-9][0-9A-HJKMNP-Ya-hjkmnp-y]?(?P<gap>\s{0,2})"
    r"(?P<inward>[0-9][ABD-HJLNP-UW-Zabd-hjlnp-uw-z]{2})"
    # At the end of a word, or glued to "Please" or to "01902 …".
    r"(?=[^A-Za-z0-9]|[A-Z][a-z]|0[0-9]{3}|\Z)"
)
# "Galaxy S8 4GB", "MacBook M1 1TB" are memory, not places.
_MEMORY = re.compile(r"\d[GT]B", re.IGNORECASE)
_MODEL_CUE = re.compile(
    r"(?:\bmodel|\brog|\bpart|\bsku|\bref|\bno|\bnumber)\W{0,3}\Z", re.IGNORECASE
)


def _postcodes(text: str) -> Iterator[re.Match[str]]:
    for match in _POSTCODE.finditer(text):
        if f" {match['area'].upper()} " not in _AREAS:
            continue
        if len(match["area"]) == 1 and _MEMORY.fullmatch(match["inward"]):
            continue
        before = text[max(0, match.start() - 12) : match.start()]
        if not match["gap"] and _MODEL_CUE.search(before):
            continue
        yield match


# Phone numbers.

_ENOUGH_DIGITS = re.compile(r"(?:\d\D{0,9}){6}")
_WORDS = {
    "zero": "0",
    "nought": "0",
    "oh": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
}
# One digit: a numeral, "O" for 0 where it is not part of a word, or a word.
_UNIT = rf"(?:\d|(?<![^\W\d_oO])[oO](?![^\W\d_oO])|(?<![A-Za-z])(?:{'|'.join(_WORDS)})(?![A-Za-z]))"
_GAP = r"[\s.\-–()_*~|/\\,:;·•\u20e3\ufe0f]{0,4}"
_RUN = re.compile(rf"{_UNIT}(?:{_GAP}{_UNIT}){{8,}}", re.IGNORECASE)
_UNITS = re.compile(_UNIT, re.IGNORECASE)
_CUE = re.compile(
    r"(?:call|tel|text|txt|phone|ring|mob|what.?s?.?app|contact|sms|messag|msg|\bdm\b|fax|office)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w")
_PREFIX = re.compile(r"0044|44(?=[1-9])|440|0(?!0)|(?=7)")
# Also the ranges that Ofcom keeps for examples and films, which phonenumbers calls invalid.
_KNOWN = re.compile(r"7[1-9]\d{8}|1632960\d{3}")
_LONGEST = 14  # 0044 and ten digits
_CUE_REACH = 40  # characters before the number
_ODD_GAP = re.compile(r"[/,:;|\\]")
_INTERNATIONAL = re.compile(r"\+\W{0,2}\d|\b00\d")


def _phones(text: str, country: str) -> Iterator[_Span]:
    if not _ENOUGH_DIGITS.search(text) and "zero" not in text.lower():
        return
    national = country == "GB"
    if not national or _INTERNATIONAL.search(text):
        for found in phonenumbers.PhoneNumberMatcher(text, country):
            if not national or found.raw_string.startswith(("+", "00")):
                yield _Span(found.start, found.end, "phone")
    if national:
        for run in _RUN.finditer(text):
            yield from _british(text, run)


@dataclass(frozen=True, slots=True)
class _Digit:
    value: str
    start: int
    end: int


def _british(text: str, run: re.Match[str]) -> Iterator[_Span]:
    """The British numbers in a run of digits, which may be several, glued to one another."""
    digits = [
        _Digit(_value(unit[0]), run.start() + unit.start(), run.start() + unit.end())
        for unit in _UNITS.finditer(run[0])
    ]
    at = 0
    free = True  # a number may start here: nothing, a gap or another number stands before
    while at < len(digits):
        free = free or digits[at - 1].end < digits[at].start
        length = _length(text, digits, at) if free else 0
        if length:
            yield _around(text, digits[at].start, digits[at + length - 1].end)
        at += length or 1
        free = length > 0


def _around(text: str, start: int, end: int) -> _Span:
    """The span with what belongs to its first and last digit: a bracket, a plus, a keycap."""
    if text[start - 1 : start] == "(" and ")" in text[start:end]:
        start -= 1
    if text[start - 1 : start] == "+":
        start -= 1
    while text[end : end + 1] in ("\ufe0f", "\u20e3"):
        end += 1
    return _Span(start, end, "phone")


def _value(unit: str) -> str:
    if unit.isdecimal():
        return str(int(unit))
    return _WORDS.get(unit.lower(), "0")


def _length(text: str, digits: list[_Digit], at: int) -> int:
    """How many digits from `at` on are a phone number; 0 where none is."""
    values = "".join(digit.value for digit in digits[at : at + _LONGEST])
    cue = _is_announced(text, digits, at)
    prefix = _PREFIX.match(values)
    if prefix is None or (not prefix[0] and not cue):
        return 0
    for national in (10, 9):
        length = prefix.end() + national
        number = values[prefix.end() : length]
        if (
            len(number) == national
            and _ends(digits, at + length, cue and number.startswith("7"))
            and (cue or _is_grouped(text, digits[at : at + length], len(prefix[0])))
            and _is_number(number, cue)
        ):
            return length
    return 0


def _is_announced(text: str, digits: list[_Digit], at: int) -> bool:
    """Whether a word like "call" stands before the number, or it has a line for itself."""
    start = digits[at].start
    if _CUE.search(text, max(0, start - _CUE_REACH), start):
        return True
    last = digits[min(len(digits), at + 11) - 1].end
    before, after = text[:start].rpartition("\n")[2], text[last:].partition("\n")[0]
    return not _WORD.search(before) and not _WORD.search(after)


def _is_number(national: str, cue: bool) -> bool:
    """Whether these digits behind the 0 or +44 can be a British number."""
    if _KNOWN.fullmatch(national):
        return True
    if phonenumbers.is_valid_number(phonenumbers.parse("0" + national, "GB")):
        return True
    return cue and len(national) == 10 and national[0] in "127"


def _ends(digits: list[_Digit], end: int, sure: bool) -> bool:
    """Whether a number can end here: at a gap, or where another number is glued to it. A mobile
    number that follows "call" is one even where a measure is glued to it."""
    if end >= len(digits) or digits[end - 1].end < digits[end].start or sure:
        return True
    return digits[end].value == "0" and len(digits) - end >= 10


def _is_grouped(text: str, digits: list[_Digit], prefix: int) -> bool:
    """Whether the digits, of which so many are the 0 or the country's, are grouped as people
    write phone numbers, not sizes or dates: in at most four groups of which the first has three
    or more, or each for itself."""
    if prefix > 1:
        digits = digits[prefix:]
    gaps = [text[left.end : right.start] for left, right in pairwise(digits)]
    if any(_ODD_GAP.search(gap) for gap in gaps):
        return False
    sizes = [1]
    for gap in gaps:
        if gap:
            sizes.append(1)
        else:
            sizes[-1] += 1
    return (len(sizes) <= 4 and sizes[0] >= 3) or max(sizes) == 1
