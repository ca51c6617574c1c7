import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.asking import Filters, Near, Sort
from marketrank.errors import BadInput
from marketrank.retrieval import catalogue as module
from marketrank.retrieval.catalogue import Catalogue
from marketrank.types import Attributes, ListingId, ListingKey, SellerId, Seq, Signal

_START = datetime(2024, 1, 1, tzinfo=UTC)
_SOFAS = ("Home & Garden", "Furniture", "Sofas")
_PATIO = ("Home & Garden", "Garden & Patio")
_CARS = ("Motors", "Cars")
_BRISTOL, _LEEDS = (51.4545, -2.5879), (53.8008, -1.5491)


def _listing(
    key: int,
    *,
    live: bool = True,
    category: tuple[str, ...] = _SOFAS,
    price: int | None = 1_000,
    place: tuple[float, float] | None = _BRISTOL,
    days: float = 0,
) -> Attributes:
    return Attributes(
        key=ListingKey(key),
        id=ListingId(f"L{key}"),
        seq=Seq(key + 1),
        live=live,
        category=category,
        price_minor=price,
        latitude=place[0] if place else None,
        longitude=place[1] if place else None,
        listed_at=_START + timedelta(days=days),
    )


def _catalogue(*listings: Attributes) -> Catalogue:
    catalogue = Catalogue()
    catalogue.apply(listings)
    return catalogue


def _haversine_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, p)) for p in (a, b))
    h = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * 6371.0088 * math.asin(math.sqrt(min(h, 1.0)))


_places = st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180))
_paths = st.sampled_from([(), ("Home & Garden",), _SOFAS, _PATIO, _CARS, ("Motors",)])
_prices = st.none() | st.integers(0, 3_000)
_changes = st.lists(
    st.builds(
        _listing,
        st.integers(0, 40),
        live=st.booleans(),
        category=_paths,
        price=_prices,
        place=_places,
        days=st.integers(0, 100),
    ),
    max_size=30,
)
_filters = st.builds(
    Filters,
    category=_paths,
    price_low=st.none() | st.integers(-2, 3_000),
    price_high=st.none() | st.integers(-2, 3_000),
    near=st.none()
    | st.builds(
        Near,
        st.floats(-90, 90),
        st.floats(-180, 180),
        st.none() | st.floats(0, 20_000),
    ),
)


def _passes(listing: Attributes, filters: Filters) -> bool | None:
    """None where the distance is too near the radius to call."""
    price = listing.price_minor
    passes = listing.live and listing.category[: len(filters.category)] == filters.category
    if filters.price_low is not None:
        passes = passes and price is not None and price >= filters.price_low
    if filters.price_high is not None:
        passes = passes and price is not None and price <= filters.price_high
    if not passes or filters.near is None or filters.near.within_km is None:
        return passes
    if listing.latitude is None or listing.longitude is None:
        return False
    there = (filters.near.latitude, filters.near.longitude)
    km = _haversine_km((listing.latitude, listing.longitude), there)
    within = filters.near.within_km
    # float32 coordinates: about a metre, and about 5 km at the antipode.
    return None if abs(km - within) < 0.002 + 5e-4 * within else km <= within


@settings(max_examples=150, deadline=None)
@given(st.lists(_changes, max_size=4), _filters)
def test_mask_agrees_with_a_dictionary(batches: list[list[Attributes]], filters: Filters) -> None:
    catalogue, model = Catalogue(), {}
    for batch in batches:
        catalogue.apply(batch)
        model.update({listing.key: listing for listing in batch})
    snapshot = catalogue.snapshot()
    mask = snapshot.mask(filters)
    assert mask.shape == (max(model, default=-1) + 1,)
    assert snapshot.live_count == sum(listing.live for listing in model.values())
    for key, allowed in enumerate(mask.tolist()):
        expected = _passes(model[key], filters) if key in model else False
        assert expected in (None, allowed), model.get(ListingKey(key))


@given(_places.filter(bool), _places.filter(bool))
def test_distances_are_those_of_the_haversine(
    here: tuple[float, float], there: tuple[float, float]
) -> None:
    snapshot = _catalogue(_listing(0, place=here)).snapshot()
    got = float(snapshot.distances_km(np.array([0]), Near(*there))[0])
    assert got == pytest.approx(_haversine_km(here, there), rel=5e-4, abs=0.002)


def test_bristol_to_leeds() -> None:
    snapshot = _catalogue(_listing(0), _listing(1, place=None)).snapshot()
    distances = snapshot.distances_km(np.array([0, 1, 77]), Near(*_LEEDS))
    assert distances.dtype == np.float32
    assert distances[0] == pytest.approx(270.2, abs=1.0)
    assert np.isnan(distances[1:]).all()


def test_a_radius_keeps_the_place_itself() -> None:
    snapshot = _catalogue(_listing(0), _listing(1, place=_LEEDS)).snapshot()
    near = Near(*_BRISTOL, within_km=0.0)
    assert snapshot.mask(Filters(near=near)).tolist() == [True, False]


@pytest.mark.parametrize("filters", [Filters(price_low=-5), Filters(price_high=5_000)])
def test_a_listing_without_a_price_fails_any_constraint_on_it(filters: Filters) -> None:
    snapshot = _catalogue(_listing(0), _listing(1, price=None)).snapshot()
    assert snapshot.mask(filters).tolist() == [True, False]


def test_a_place_without_a_radius_limits_nothing() -> None:
    snapshot = _catalogue(_listing(0), _listing(1, place=None)).snapshot()
    assert snapshot.mask(Filters(near=Near(*_BRISTOL))).tolist() == [True, True]


def test_a_snapshot_never_changes() -> None:
    catalogue = _catalogue(*(_listing(key) for key in range(5)))
    old = catalogue.snapshot()
    catalogue.apply([_listing(2, live=False, price=7, category=_CARS, days=9), _listing(9)])
    assert old.mask(Filters()).tolist() == [True] * 5
    assert old.prices(np.array([2])).tolist() == [1_000]
    assert old.live_count == 5
    assert old.key_of(ListingId("L9")) is None
    new = catalogue.snapshot()
    assert new.live_count == 5
    assert new.mask(Filters()).tolist() == [1, 1, 0, 1, 1, 0, 0, 0, 0, 1]
    assert new.prices(np.array([2])).tolist() == [7]
    assert new.key_of(ListingId("L9")) == 9


def test_a_snapshot_that_was_read_does_not_change_with_the_next() -> None:
    catalogue = _catalogue(_listing(0, price=1), _listing(1, price=2))
    old, keys = catalogue.snapshot(), np.array([1, 0])
    assert old.prices(keys).tolist() == [2, 1]
    catalogue.apply([_listing(1, price=3)])
    assert catalogue.snapshot().prices(keys).tolist() == [3, 1]
    assert old.prices(keys).tolist() == [2, 1]


def test_a_mask_is_the_callers_own() -> None:
    snapshot = _catalogue(_listing(0), _listing(1)).snapshot()
    snapshot.mask(Filters())[0] = False
    assert snapshot.mask(Filters()).tolist() == [True, True]


@pytest.mark.parametrize(("few", "joined"), [(0, 0), (128, 0), (0, 16)])  # all ways of reading
def test_columns_over_many_chunks(few: int, joined: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FEW", few)
    monkeypatch.setattr(module, "_JOINED", joined)
    monkeypatch.setattr(module, "_SHIFT", 2)
    monkeypatch.setattr(module, "_CHUNK", 4)
    module._empty_chunk.cache_clear()
    try:
        catalogue = Catalogue()
        for start in (20, 0, 11):  # out of order, with gaps
            catalogue.apply([_listing(key, price=key * 10) for key in range(start, start + 9)])
        keys = np.array([28, 3, 19, 0, 11, 9, 28, 500, -1])
        snapshot = catalogue.snapshot()
        assert snapshot.prices(keys).tolist() == [280, 30, 190, 0, 110, -1, 280, -1, -1]
        assert snapshot.prices(keys[:7]).tolist() == [280, 30, 190, 0, 110, -1, 280]
        assert np.isnan(snapshot.points(keys[5:6])).all()
        assert snapshot.ids(keys[:4]) == ["L28", "L3", "L19", "L0"]
        live = set(range(9)) | set(range(11, 29))
        assert set(np.flatnonzero(snapshot.mask(Filters())).tolist()) == live
        assert snapshot.live_count == len(live)
        assert snapshot.facets(keys[:5])["category"][0].count == 5
    finally:
        module._empty_chunk.cache_clear()


def test_ids_names_a_key_that_is_not_there() -> None:
    snapshot = _catalogue(_listing(3)).snapshot()
    for key in (1, 4):
        with pytest.raises(BadInput, match=f"key {key} "):
            snapshot.ids(np.array([3, key]))


def test_an_empty_catalogue_answers() -> None:
    snapshot = Catalogue().snapshot()
    nothing = np.empty(0, np.int64)
    assert snapshot.mask(Filters(category=_CARS)).shape == (0,)
    assert snapshot.facets(nothing) == {"category": (), "price": ()}
    assert snapshot.order(nothing, Sort.PRICE).shape == (0,)
    assert snapshot.prices(np.array([3])).tolist() == [-1]


def test_category_facets_one_level_below_the_prefix() -> None:
    categories = [_SOFAS, _SOFAS, _PATIO, _CARS, ("Home & Garden",), ()]
    listings = [_listing(key, category=path) for key, path in enumerate(categories)]
    snapshot = _catalogue(*listings).snapshot()
    keys = np.arange(6)
    roots = snapshot.facets(keys)["category"]
    assert [(f.value, f.label, f.count) for f in roots] == [
        ("Home & Garden", "Home & Garden", 4),
        ("Motors", "Motors", 1),
    ]
    below = snapshot.facets(keys, ("Home & Garden",))["category"]
    assert [(f.value, f.label, f.count) for f in below] == [
        ("Home & Garden / Furniture", "Furniture", 2),
        ("Home & Garden / Garden & Patio", "Garden & Patio", 1),
    ]
    assert snapshot.facets(keys, _SOFAS)["category"] == ()


def test_equal_counts_are_ordered_by_name() -> None:
    paths = [("B",), ("C",), ("A",), ("C",)]
    listings = [_listing(key, category=path) for key, path in enumerate(paths)]
    facets = _catalogue(*listings).snapshot().facets(np.arange(4))["category"]
    assert [facet.value for facet in facets] == ["C", "A", "B"]


@given(st.lists(_prices, max_size=30))
def test_a_price_facet_counts_what_its_filter_leaves(prices: list[int | None]) -> None:
    snapshot = _catalogue(
        *(_listing(key, price=None if p is None else p * 37) for key, p in enumerate(prices))
    ).snapshot()
    facets = snapshot.facets(np.arange(len(prices)))["price"]
    assert sum(f.count for f in facets) >= sum(price is not None for price in prices)
    for facet in facets:
        low, _, high = facet.value.partition("..")
        filters = Filters(price_low=int(low) * 100, price_high=int(high) * 100 if high else None)
        assert facet.count == int(snapshot.mask(filters).sum()) > 0


def test_orders() -> None:
    snapshot = _catalogue(
        _listing(0, price=500, days=1, place=_LEEDS),
        _listing(1, price=None, days=3, place=None),
        _listing(2, price=100, days=2),
        _listing(3, price=500, days=2),
    ).snapshot()
    keys = np.array([3, 1, 0, 2])

    def ordered(sort: Sort) -> list[int]:
        return keys[snapshot.order(keys, sort, Near(*_BRISTOL))].tolist()

    assert ordered(Sort.RELEVANCE) == [3, 1, 0, 2]
    assert ordered(Sort.PRICE) == [2, 0, 3, 1]
    assert ordered(Sort.PRICE_DESC) == [0, 3, 2, 1]
    assert ordered(Sort.NEWEST) == [1, 2, 3, 0]
    assert ordered(Sort.DISTANCE) == [2, 3, 0, 1]


def test_distance_needs_a_place() -> None:
    with pytest.raises(BadInput, match="near"):
        _catalogue(_listing(0)).snapshot().order(np.array([0]), Sort.DISTANCE)


def test_times_are_exact() -> None:
    late = replace(_listing(0), listed_at=datetime(2031, 5, 6, 7, 8, 9, 123_457, tzinfo=UTC))
    times = _catalogue(late).snapshot().listed_at(np.array([0]))
    assert datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(times[0])) == late.listed_at


def test_one_change_copies_one_chunk() -> None:
    """What keeps a change cheap at a million listings."""
    catalogue = _catalogue(*(_listing(key) for key in range(0, 3 * module._CHUNK, 1_000)))
    before = catalogue.snapshot().chunks
    catalogue.apply([_listing(module._CHUNK + 5)])
    after = catalogue.snapshot().chunks
    assert [old is new for old, new in zip(before, after, strict=True)] == [True, False, True]


def test_sellers_signals_and_repeats_are_columns() -> None:
    ann, bob = SellerId("ann"), SellerId("bob")
    catalogue = _catalogue(
        replace(_listing(0), seller=ann, signals=(Signal.PRICE_LOW, Signal.DUPLICATE)),
        replace(_listing(1), seller=bob, repeats=ListingKey(0)),
        replace(_listing(2), seller=ann),
        _listing(3),
    )
    snapshot = catalogue.snapshot()
    keys = np.array([0, 1, 2, 3, 99])
    sellers = snapshot.sellers(keys).tolist()
    assert sellers[0] == sellers[2] > 0
    assert sellers[1] not in (0, sellers[0])
    assert sellers[3:] == [0, 0]
    columns = {name: column.tolist() for name, column in snapshot.signals(keys).items()}
    assert set(columns) == set(Signal)
    assert columns[Signal.PRICE_LOW] == columns[Signal.DUPLICATE] == [True, *[False] * 4]
    assert columns[Signal.CONTACT_IN_TEXT] == [False] * 5
    assert snapshot.originals(keys).tolist() == [0, 0, 2, 3, 99]
    assert snapshot.paths_of(keys) == [_SOFAS] * 4 + [()]
    catalogue.apply([_listing(0)])  # a later change takes a signal away
    assert not catalogue.snapshot().signals(keys)[Signal.PRICE_LOW].any()
    assert snapshot.signals(keys)[Signal.PRICE_LOW][0]


def test_the_number_of_the_last_change() -> None:
    catalogue = Catalogue()
    catalogue.apply([replace(_listing(0), seq=Seq(5)), replace(_listing(1), seq=Seq(6))])
    catalogue.apply([replace(_listing(0), seq=Seq(9))])
    assert catalogue.snapshot().seqs(np.array([1, 0, 7])).tolist() == [6, 9, 0]


def test_what_has_ended_below_a_category_the_latest_change_first() -> None:
    gone = [_listing(key, live=False) for key in range(4)]
    gone[1] = replace(gone[1], seq=Seq(90))
    others = (_listing(4), _listing(5, live=False, category=_CARS))
    snapshot = _catalogue(*gone, *others).snapshot()
    assert snapshot.ended(("Home & Garden",), 3).tolist() == [1, 3, 2]
    assert snapshot.ended((), 9).tolist() == [1, 5, 3, 2, 0]
    assert Catalogue().snapshot().ended((), 9).tolist() == []


def test_listings_of_a_seller_are_counted_once_each_live_or_ended() -> None:
    ann, ben = SellerId("ann"), SellerId("ben")
    catalogue = _catalogue(
        replace(_listing(1), seller=ann), replace(_listing(2), seller=ann), _listing(3)
    )
    before = catalogue.snapshot()
    catalogue.apply(
        [replace(_listing(2), seller=ann, live=False), replace(_listing(1), seller=ben)]
    )
    catalogue.apply([replace(_listing(40_000), seller=ann)])
    keys = np.array([1, 2, 3, 40_000, 50_000])
    counts = catalogue.snapshot().seller_listings(keys)
    assert counts[[0, 1, 3]].tolist() == [1, 2, 2]
    assert np.isnan(counts[[2, 4]]).all()
    assert before.seller_listings(keys)[:2].tolist() == [2, 2]
