"""The table of counties."""

import pytest

from marketrank.listings.counties import counties


@pytest.mark.parametrize(
    ("name", "county"),
    [
        ("west yorkshire", "West Yorkshire"),
        ("county down", "Down"),
        ("co durham", "Durham"),
        ("scottish borders", "Borders"),
        ("greater manchester", "Manchester"),
        ("city of edinburgh", "Edinburgh"),
        ("highlands", "Highland"),
    ],
)
def test_a_county_has_all_its_names(name: str, county: str) -> None:
    assert counties()[name].name == county


def test_all_are_in_the_islands_and_of_a_sensible_size() -> None:
    for county in counties().values():
        assert 49.9 < county.latitude < 60.9
        assert -7.7 < county.longitude < 1.8
        assert 15 <= county.reach_km <= 150


def test_a_city_is_told_from_a_county() -> None:
    assert counties()["bristol"].city
    assert not counties()["kent"].city
