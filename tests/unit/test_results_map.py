from dataclasses import replace

from marketrank.api.page_query import PageQuery
from marketrank.api.results_map import SIDE, map_of
from marketrank.asking import Near, PlaceCount
from marketrank.types import Place
from small_market import PLACES

QUERY = PageQuery(q="oak", offset="24")
NEWPORT = Place("Newport", "Shropshire", "GB", 52.769, -2.379)


def locate(name: str) -> Near | None:
    if name == "Newport":  # the larger one, in Wales
        return Near(51.588, -2.998, None, name)
    place = {"Newport, Shropshire": NEWPORT}.get(name) or PLACES.get(name)
    if place is None or place.latitude is None or place.longitude is None:
        return None
    return Near(place.latitude, place.longitude, None, name)


def counted(*names: str) -> list[PlaceCount]:
    return [PlaceCount(PLACES[name], 10 - n) for n, name in enumerate(names)]


def test_places_stand_where_they_are_and_lead_to_their_results() -> None:
    found = map_of(counted("Leeds", "Bristol", "Inverness"), QUERY, locate=locate, country="GB")
    assert found is not None
    leeds, bristol, inverness = found.spots
    assert inverness.y < leeds.y < bristol.y  # from the north
    assert inverness.x < bristol.x < leeds.x  # from the west
    assert all(0 < one.x < SIDE and 0 < one.y < SIDE for one in found.spots)
    assert leeds.radius > bristol.radius > inverness.radius
    assert leeds.narrowed == replace(QUERY, near="Leeds", within="1mi", offset="")
    assert [one.name for one in found.spots] == ["Leeds", "Bristol", "Inverness"]
    assert found.ground.count("M") > 300  # the country is there


def test_names_that_would_cover_another_are_left_out() -> None:
    found = map_of(counted("Bristol", "Bath", "Inverness"), QUERY, locate=locate, country="GB")
    assert found is not None
    assert [one.name for one in found.spots] == ["Bristol", "", "Inverness"]
    near = map_of(counted("Bristol", "Bath"), QUERY, locate=locate, country="GB")
    assert near is not None
    assert [one.name for one in near.spots] == ["Bristol", "Bath"]  # closer by, there is room


def test_a_place_is_asked_for_by_a_name_that_means_it() -> None:
    places = [PlaceCount(NEWPORT, 2), PlaceCount(Place("Nowhere", None, "GB", 55.0, -3.0), 1)]
    found = map_of(places, QUERY, locate=locate, country="DE")
    assert found is not None
    newport, nowhere = found.spots
    assert newport.narrowed == replace(QUERY, near="Newport, Shropshire", within="2km", offset="")
    assert nowhere.narrowed is None


def test_fewer_than_two_places_are_no_map() -> None:
    unknown = PlaceCount(Place("Atlantis"), 3)
    for places in ([], counted("Leeds"), [*counted("Leeds"), unknown]):
        assert map_of(places, QUERY, locate=locate, country="GB") is None
