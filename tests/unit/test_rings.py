"""The order in which files of tests run."""

from pathlib import Path

import pytest

from rings import place_in_run

TESTS = Path(__file__).parents[1]


def test_rings_of_long_files_come_first() -> None:
    files = ["unit/test_d.py", "contract/test_a.py", "integration/test_b.py", "e2e/test_c.py"]
    order = [file.parent.name for file in sorted((TESTS / one for one in files), key=place_in_run)]
    assert set(order[:2]) == {"e2e", "integration"}
    assert order[2:] == ["contract", "unit"]


def test_the_collection_is_in_that_order(request: pytest.FixtureRequest) -> None:
    places = [place_in_run(item.path) for item in request.session.items]
    assert places == sorted(places)
