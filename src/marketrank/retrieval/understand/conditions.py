"""Conditions: new, used, refurbished, for spares or repair; and adverts by people who search.

Listings have no field for these, only words: so the words stay in the text, and listings that use
any of the usual ones are lifted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from marketrank.asking import Parse, ParseKind
from marketrank.retrieval.understand.found import Found
from marketrank.retrieval.understand.traps import NEW_NAMES


@dataclass(frozen=True, slots=True)
class _Condition:
    value: str
    label: str
    pattern: re.Pattern[str]
    alternatives: str


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'-])(?:{pattern})(?![\w'-])", re.IGNORECASE)


_NAMES = "|".join(sorted(NEW_NAMES))
_CONDITIONS = (
    _Condition(
        "spares",
        "spares or repair",
        _words(
            r"(?:for )?(?:spares?|parts)(?: (?:or|and|&) |/| / )repairs?|"
            r"for (?:parts|spares|repair)|spares only|faulty|not working|non[- ]working"
        ),
        "spares repair faulty",
    ),
    _Condition(
        "refurbished",
        "refurbished",
        _words(r"refurbished|refurb|reconditioned|renewed"),
        "refurbished refurb reconditioned",
    ),
    _Condition(
        "new",
        "new",
        _words(
            r"brand[- ]new|as new|like new|bnib|bnwt|bnwb|nwt|unused|unopened|unworn|"
            rf"new(?! (?:{_NAMES})\b)"
        ),
        "new unused unopened unworn bnib bnwt",
    ),
    _Condition(
        "used",
        "used",
        _words(r"used(?! to\b)|second[- ]?hand|2nd[- ]?hand|pre[- ]?(?:owned|loved|worn)"),
        "used",
    ),
)
# "wanted" before or behind a thing; not in the name of one.
_WANTED = re.compile(
    r"\A\s*(?P<first>wanted|wtb)\b(?!'|-|\s+(?:poster|posters|dvd|level|sign|dead|man|down|on)\b)"
    r"|(?<!most )(?<!help )(?<!not )(?<!if )(?<!\w)(?P<last>wanted|wtb)[\s!.]*\Z",
    re.IGNORECASE,
)


def find_conditions(text: str) -> list[Found]:
    """The condition asked for; none where two contradict each other ("new or used")."""
    found = list(_found(text))
    return found if len({one.parse.value for one in found}) == 1 else []


def find_wanted(text: str) -> list[Found]:
    """Whether adverts of people who search are looked for."""
    match = _WANTED.search(text)
    if match is None:
        return []
    start, end = match.span("first" if match["first"] else "last")
    parse = Parse(ParseKind.WANTED, text[start:end], "wanted", "wanted adverts", hard=False)
    return [Found(start, end, parse, leaves=False, alternatives="wanted")]


def _found(text: str) -> Iterator[Found]:
    for condition in _CONDITIONS:
        for match in condition.pattern.finditer(text):
            parse = Parse(
                ParseKind.CONDITION, match[0], condition.value, condition.label, hard=False
            )
            yield Found(*match.span(), parse, leaves=False, alternatives=condition.alternatives)
