"""The table of quarters."""

from marketrank.listings.counties import counties
from marketrank.listings.places import distance_km
from marketrank.listings.quarters import quarters


def test_every_quarter_lies_in_its_county() -> None:
    known = counties()
    for quarter in quarters():
        county = known[quarter.county]
        off = distance_km(quarter.latitude, quarter.longitude, county.latitude, county.longitude)
        assert off <= county.reach_km, quarter


def test_no_quarter_stands_twice() -> None:
    names = [(quarter.county, quarter.name) for quarter in quarters()]
    assert len(names) == len(set(names)) > 100
