"""The state of the search page: what its address or its form says, and the links that change it.

The page is lenient where the API is strict: unknown fields are left alone, an empty place turns
its radius and the order by distance off.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from difflib import SequenceMatcher
from urllib.parse import parse_qsl, urlencode

from marketrank.api.parameters import category_text
from marketrank.asking import Correction, FacetValue, Parse, ParseKind, Sort
from marketrank.retrieval.query import parse_category

PAGE_SIZE = 24


@dataclass(frozen=True, slots=True)
class PageQuery:
    """Everything as text, as it was typed; "" means not given. `within` is "5mi" or "10km"; `but`
    says how things should differ from `like`; `as_typed` holds words that are not to be corrected,
    as long as they are the ones asked for."""

    q: str = ""
    category: str = ""
    price_from: str = ""
    price_to: str = ""
    near: str = ""
    within: str = ""
    sort: str = ""
    like: str = ""
    ignore: str = ""
    but: str = ""
    as_typed: str = ""
    offset: str = ""

    def search_fields(self) -> dict[str, str]:
        """The same as parameters of a search."""
        given = self._given()
        low, high = given.pop("price_from", ""), given.pop("price_to", "")
        if low or high:
            given["price"] = f"{low}..{high}"
        for name in ("but", "as_typed"):
            given.pop(name, None)
        if self.words:
            given["q"] = self.words
            if self.as_typed == self.words:
                given["spell"] = "off"
        if self.q:  # new words after "more like this" start a new search
            given.pop("like", None)
        if not self.near:
            given.pop("within", None)
            if self.sort == Sort.DISTANCE:
                given.pop("sort")
        return given | {"limit": str(PAGE_SIZE)}

    def changed(self, **changes: str) -> "PageQuery":
        """With other values; back on the first page unless `offset` is among them."""
        return replace(self, **({"offset": ""} | changes))

    def encoded(self) -> str:
        return urlencode(self._given())

    def _given(self) -> dict[str, str]:
        # Not dataclasses.asdict, which copies each value: 30 µs, and a page has a hundred links.
        return {name: value for name in _NAMES if (value := getattr(self, name))}

    def href(self) -> str:
        query = self.encoded()
        return f"/?{query}" if query else "/"

    @property
    def words(self) -> str:
        """What is looked for in words: those about `like` where there are no others."""
        return self.q or (self.but if self.like else "")

    def asking(self, words: str) -> "PageQuery":
        """With these in place of `words`."""
        return self.changed(but=words) if self.like and not self.q else self.changed(q=words)

    @property
    def narrowed(self) -> bool:
        """Whether filters are set."""
        return bool(self.category or self.price_from or self.price_to or self.near)

    @property
    def category_path(self) -> tuple[str, ...]:
        return parse_category(self.category)


_NAMES = tuple(field.name for field in fields(PageQuery))


def read_page_query(pairs: Iterable[tuple[str, str]]) -> PageQuery:
    """From an address or a form; the last of repeated names counts.

    `go` is what the buttons of a photo search send instead of following a link: a whole state,
    encoded, which replaces everything else. `price=10..50` is understood as its two ends. What
    was taken back of one query (`ignore`, of the words `ignored_in`) counts in no other.
    """
    given = {name: value.strip() for name, value in pairs}
    if "go" in given:
        given = {name: value.strip() for name, value in parse_qsl(given["go"])}
    if "price" in given:
        given["price_from"], _, given["price_to"] = given["price"].partition("..")
    if given.get("ignored_in", given.get("q", "")) != given.get("q", ""):
        given.pop("ignore", None)
    return PageQuery(**{name: value for name, value in given.items() if name in _NAMES})


@dataclass(frozen=True, slots=True)
class Chip:
    """An active filter, and the state without it."""

    label: str
    without: PageQuery


def chips(query: PageQuery, symbol: str) -> Iterator[Chip]:
    """The filters in force; `symbol` stands before amounts."""
    if query.category:
        label = query.category_path[-1] if query.category_path else query.category
        yield Chip(label, query.changed(category=""))
    if query.price_from or query.price_to:
        label = price_label(query.price_from, query.price_to, symbol)
        yield Chip(label, query.changed(price_from="", price_to=""))
    if query.near:
        around = f"within {distance_label(query.within)} of " if query.within else "near "
        sort = "" if query.sort == Sort.DISTANCE else query.sort
        yield Chip(around + query.near, query.changed(near="", within="", sort=sort))


@dataclass(frozen=True, slots=True)
class Spelling:
    """Words that were corrected: the results are for `text`, and `other` leads to those for what
    was `typed`; or, where `offered`, `other` leads to those for `text`."""

    text: str
    typed: str
    offered: bool
    other: PageQuery


def spelling(query: PageQuery, corrected: Correction | None) -> Spelling | None:
    """What the page says about the spelling of the words; None where there is nothing to say."""
    if corrected is None:
        return None
    text = _meant(query.words, corrected)
    if corrected.certain:
        other = query.changed(as_typed=query.words)
    else:
        other = query.asking(text).changed(as_typed="")
    return Spelling(text, query.words, not corrected.certain, other)


def _meant(words: str, corrected: Correction) -> str:
    """All the words with the correction made in them. What was read out of them, as a price, is
    not among those that were corrected, but stays part of the search."""
    before, after = corrected.original.split(), corrected.text.split()
    for kind, a, b, c, d in SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        wrong = r"\s+".join(map(re.escape, before[a:b]))
        found = re.search(rf"(?<!\w){wrong}(?!\w)", words)
        if not wrong or found is None:  # what was read out stood in the midst of it
            return corrected.text
        words = words[: found.start()] + " ".join(after[c:d]) + words[found.end() :]
    return words


@dataclass(frozen=True, slots=True)
class Band:
    """A price band with its count, and the state that narrows to it."""

    label: str
    count: int
    query: PageQuery


def price_bands(query: PageQuery, facets: Iterable[FacetValue], symbol: str) -> tuple[Band, ...]:
    """The price facets ("10..50"), the cheapest first."""
    ends = [(facet.value.partition(".."), facet.count) for facet in facets]
    ends.sort(key=lambda end: (float(end[0][0] or 0), float(end[0][2] or "inf")))
    return tuple(
        Band(price_label(low, high, symbol), n, query.changed(price_from=low, price_to=high))
        for (low, _, high), n in ends
    )


def parse_chips(query: PageQuery, parses: Iterable[Parse]) -> Iterator[Chip]:
    """What was read out of the words, a chip for each kind: removed, its words are words again."""
    labels: dict[str, list[str]] = {}
    for parse in parses:
        label = f"in {parse.label}" if parse.kind is ParseKind.CATEGORY else parse.label
        labels.setdefault(parse.kind, []).append(label)
    for kind, named in labels.items():
        ignored = ",".join([*filter(None, query.ignore.split(",")), kind])
        yield Chip(", ".join(named), query.changed(ignore=ignored))


def price_label(low: str, high: str, symbol: str) -> str:
    """A price range in words; `symbol` stands before amounts."""
    low, high = (end.removeprefix(symbol) for end in (low, high))
    if not high:
        return f"from {symbol}{low}"
    if low in ("", "0"):
        return "free" if high == "0" else f"up to {symbol}{high}"
    return f"{symbol}{low} to {symbol}{high}"


def distance_label(within: str) -> str:
    """ "5mi" → "5 miles"."""
    number = within.rstrip("mikles ")
    unit = within.removeprefix(number).strip()
    if unit.startswith("mi"):
        return f"{number} mile" if number == "1" else f"{number} miles"
    return f"{number} {unit}".strip()


def orders(query: PageQuery, *, ranked: bool, own: bool = False) -> dict[str, str]:
    """The orders that make sense here: value of `sort` → what people call it. `ranked` says that
    something is looked for, so that there is a best match; `own`, that else the order is the
    visitor's own. Nobody's home feed mixes what is new with what is looked at much."""
    first = "Best match" if ranked else "For you" if own else "New and popular"
    named: dict[str, str] = {"": first, Sort.NEWEST: "Newest"}
    named[Sort.PRICE] = "Lowest price"
    named[Sort.PRICE_DESC] = "Highest price"
    if query.near:
        named[Sort.DISTANCE] = "Nearest"
    return named


@dataclass(frozen=True, slots=True)
class Crumb:
    label: str
    query: PageQuery


def crumbs(query: PageQuery) -> tuple[Crumb, ...]:
    """The chosen category, level by level from the root."""
    path = query.category_path
    return tuple(
        Crumb(label, query.changed(category=category_text(path[: depth + 1])))
        for depth, label in enumerate(path)
    )


@dataclass(frozen=True, slots=True)
class Paging:
    """Where this page stands among all; `previous` and `next` are None at the ends."""

    number: int
    count: int
    previous: PageQuery | None
    next: PageQuery | None


def paging(query: PageQuery, offset: int, total: int) -> Paging:
    """Pages count from 1."""
    before = max(0, offset - PAGE_SIZE)
    after = offset + PAGE_SIZE
    return Paging(
        number=offset // PAGE_SIZE + 1,
        count=max(1, -(-total // PAGE_SIZE)),
        previous=query.changed(offset=str(before or "")) if offset > 0 else None,
        next=query.changed(offset=str(after)) if after < total else None,
    )
