"""Where named places are. The gazetteer is a wheel's data, read once for all tests."""

import json
import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.listings import places
from marketrank.listings.places import Gazetteer, distance_km


@cache
def gazetteer() -> Gazetteer:
    return Gazetteer.load("GB")


def off(town: str, county: str | None, latitude: float, longitude: float) -> float:
    place = gazetteer().locate(town, county)
    assert (place.town, place.county, place.country) == (town, county, "GB")
    assert place.latitude is not None
    assert place.longitude is not None
    return distance_km(place.latitude, place.longitude, latitude, longitude)


@pytest.mark.parametrize(
    ("town", "county", "latitude", "longitude"),
    [
        ("Bristol", None, 51.45, -2.59),
        ("Inverness", "Highland", 57.48, -4.22),
        ("Huddersfield", "West Yorkshire", 53.65, -1.78),
        # One name, several places.
        ("Newport", None, 51.59, -3.00),
        ("Newport", "Shropshire", 52.77, -2.38),
        ("Newport", "Isle of Wight", 50.70, -1.29),
        ("Richmond", "London", 51.46, -0.30),
        ("Richmond", "North Yorkshire", 54.40, -1.74),
        ("Bangor", "County Down", 54.66, -5.67),
        ("Bangor", "Gwynedd", 53.23, -4.13),
        ("Middleton", "West Yorkshire", 53.75, -1.55),
        # Ways of writing.
        ("St. Andrews", "Fife", 56.34, -2.80),
        ("Saint Albans", "Hertfordshire", 51.75, -0.34),
        ("Peasedown St John", "Somerset", 51.32, -2.42),
        ("Hüll", "East Yorkshire", 53.74, -0.33),
        ("Kings Lynn", "Norfolk", 52.75, 0.40),
        ("STOKE ON TRENT", "Staffordshire", 53.00, -2.18),
        ("Stoke-on-Trent", "Staffordshire", 53.00, -2.18),
        ("Near Norwich", "Norfolk", 52.63, 1.30),
        ("Belfast City Centre", "Belfast", 54.60, -5.93),
        ("West Bromwich Town Centre", "West Midlands", 52.52, -1.99),
        ("Leicester (City)", "Leicestershire", 52.64, -1.13),
        ("Лондон", None, 51.51, -0.13),
        # Quarters.
        ("Islington", "London", 51.54, -0.10),
        ("Lewisham", "London", 51.46, -0.01),
        ("Ealing Broadway", "London", 51.51, -0.30),
        ("Erdington", "West Midlands", 52.52, -1.84),
        ("A street nobody knows", "Bristol", 51.45, -2.60),
    ],
)
def test_places(town: str, county: str | None, latitude: float, longitude: float) -> None:
    assert off(town, county, latitude, longitude) < 5


@pytest.mark.parametrize(
    ("town", "county"),
    [
        ("Atlantis", None),
        ("Atlantis", "Kent"),
        ("Kent", None),
        ("Inverness", "Kent"),
        ("", None),
        ("LON1!", "Kent"),
    ],
)
def test_what_is_not_found_has_no_coordinates(town: str, county: str | None) -> None:
    place = gazetteer().locate(town, county)
    assert (place.latitude, place.longitude) == (None, None)
    assert (place.town, place.county) == (town, county)


def test_find_takes_what_a_person_types() -> None:
    near = gazetteer().find("  newport, shropshire ")
    assert near is not None
    assert near.label == "newport, shropshire"
    assert near.within_km is None
    assert distance_km(near.latitude, near.longitude, 52.77, -2.38) < 3
    assert gazetteer().find("Perth & Kinross") is not None
    county = gazetteer().find("Cornwall")
    assert county is not None
    assert distance_km(county.latitude, county.longitude, 50.4, -4.9) < 15
    assert gazetteer().find("Atlantis") is None
    assert gazetteer().find("") is None


@given(st.text(max_size=30), st.one_of(st.none(), st.text(max_size=20)))
def test_no_name_raises(town: str, county: str | None) -> None:
    place = gazetteer().locate(town, county)
    assert (place.latitude is None) == (place.longitude is None)
    gazetteer().find(town)


def test_other_countries_have_places_without_counties() -> None:
    paris = Gazetteer.load("FR").locate("Paris", "Île-de-France")
    assert paris.country == "FR"
    assert paris.latitude == pytest.approx(48.85, abs=0.05)


def test_an_unknown_country_is_an_error_with_a_remedy() -> None:
    with pytest.raises(BadInput, match=r"'gb'.*ISO 3166 code in capitals"):
        Gazetteer.load("gb")


def test_cutting_out_and_parsing_give_the_same(tmp_path: Path) -> None:
    records = {
        str(at): {"name": name, "countrycode": country, "alternatenames": ["x"]}
        for at, (name, country) in enumerate([("Douglas", "IM"), ("Paris", "FR"), ("Peel", "IM")])
    }
    spaced, compact = tmp_path / "spaced.json", tmp_path / "compact.json"
    spaced.write_text(json.dumps(records))
    compact.write_text(json.dumps(records, separators=(",", ":")))
    expected = [records["0"], records["2"]]
    assert list(places._read_records(spaced, "IM")) == expected
    assert list(places._read_records(compact, "IM")) == expected


def test_loading_is_quick() -> None:
    """It happens at every start; parsing the whole file takes ten times as long."""

    def seconds() -> float:
        start = time.process_time()
        Gazetteer.load("GB")
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 0.5


def test_distance() -> None:
    assert distance_km(51.5, -0.1, 51.5, -0.1) == 0
    assert distance_km(51.51, -0.13, 48.86, 2.35) == pytest.approx(343, abs=2)
    assert distance_km(0, 0, 0, 180) == pytest.approx(20_015, abs=1)
