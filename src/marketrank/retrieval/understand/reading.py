"""Reading a query: all parsers together, the filters that follow, and the text that is left."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from marketrank.asking import Boosts, Filters, Near, Parse, ParseKind, Request, Understood
from marketrank.retrieval.understand.brands import Brands
from marketrank.retrieval.understand.conditions import find_conditions, find_wanted
from marketrank.retrieval.understand.found import Found, apart, blanked, without
from marketrank.retrieval.understand.places import Locate, find_places
from marketrank.retrieval.understand.prices import find_prices
from marketrank.retrieval.understand.sizes import find_sizes


def _nowhere(name: str) -> Near | None:
    return None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads queries for one marketplace: its currency, the places and the brands it knows."""

    currency: str
    locate: Locate = _nowhere
    brands: Brands = field(default_factory=Brands)

    def read(self, request: Request) -> Understood:
        """What a request's text means. Never raises; without a parse the text stays as it is.

        A filter of the request wins over a parsed one, whose words leave the text all the same. A
        kind in `ignore` is not parsed. Reading what is left again changes nothing: where taking
        words out brings others together to a new meaning ("near near York York"), none is taken.
        """
        text = request.text
        found = self._find(text, request.ignore)
        left = without(text, [(one.start, one.end) for one in found if one.leaves])
        if left != text and any(one.leaves for one in self._find(left, request.ignore)):
            found, left = [one for one in found if not one.leaves], text
        found = [one for one in found if not _overruled(one.parse.kind, request.filters)]
        filters = _filters(found, request.filters)
        # The plain feed is ordered by time, wherever the listings are.
        asked = bool(text.strip()) or request.photo is not None or request.like is not None
        lifts_near = asked and filters.near is not None and filters.near.within_km is None
        return Understood(
            text=left,
            filters=filters,
            boosts=replace(_boosts(found), near=lifts_near),
            parses=_unique(one.parse for one in found),
        )

    def _find(self, text: str, ignore: Collection[str]) -> list[Found]:
        """What is found first keeps its words; brands before all that could cut one in two."""
        parsers: Sequence[tuple[ParseKind, Callable[[str], list[Found]]]] = (
            (ParseKind.BRAND, self.brands.find),
            (ParseKind.PRICE, lambda rest: find_prices(rest, self.currency)),
            (ParseKind.NEAR, lambda rest: find_places(rest, self.locate)),
            (ParseKind.SIZE, find_sizes),
            (ParseKind.CONDITION, find_conditions),
            (ParseKind.WANTED, find_wanted),
        )
        found: list[Found] = []
        for kind, parser in parsers:
            if kind not in ignore:
                # Blank to those that follow: "sofa in Leeds under £50" ends in Leeds.
                rest = blanked(text, [(one.start, one.end) for one in found if one.leaves])
                found.extend(parser(rest))
        return apart(found)


def things(text: str, understood: Understood) -> str:
    """The text without the words of its parses: what names the thing itself."""
    rest = text
    for parse in understood.parses:
        at = rest.find(parse.words)
        if at >= 0:
            rest = blanked(rest, [(at, at + len(parse.words))])
    return " ".join(rest.split())


def _overruled(kind: ParseKind, filters: Filters) -> bool:
    if kind is ParseKind.PRICE:
        return filters.price_low is not None or filters.price_high is not None
    return kind is ParseKind.NEAR and filters.near is not None


def _filters(found: Sequence[Found], given: Filters) -> Filters:
    filters = given
    for one in found:
        if one.price is not None and one.parse.hard:
            filters = replace(filters, price_low=one.price[0], price_high=one.price[1])
        if one.near is not None:
            filters = replace(filters, near=one.near)
    return filters


def _boosts(found: Sequence[Found]) -> Boosts:
    lifting = [one for one in found if not one.parse.hard]
    price = next((one.price for one in lifting if one.price is not None), (None, None))
    words: dict[tuple[ParseKind, str], None] = {}
    for one in lifting:
        if one.alternatives:
            words[one.parse.kind, one.alternatives] = None
    return Boosts(
        cheap=any(one.cheap for one in lifting),
        price_low=price[0],
        price_high=price[1],
        words=tuple(words),
    )


def _unique(parses: Iterator[Parse]) -> tuple[Parse, ...]:
    """One for each meaning: "cheap cheap" is cheap once, in the words of both."""
    first: dict[tuple[ParseKind, str], Parse] = {}
    for parse in parses:
        key = (parse.kind, parse.value)
        held = first.get(key)
        if held is None:
            first[key] = parse
        elif parse.words != held.words:
            first[key] = replace(held, words=f"{held.words} {parse.words}")
    return tuple(first.values())
