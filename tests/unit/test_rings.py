"""The order in which rings run."""

from pathlib import Path

import pytest

from rings import place_in_run

TESTS = Path(__file__).parents[1]


def test_rings_of_long_files_come_first() -> None:
    files = ["contract/test_a.py", "e2e/test_b.py", "integration/test_c.py", "unit/test_d.py"]
    order = sorted((TESTS / file for file in files), key=place_in_run)
    assert [file.parent.name for file in order] == ["e2e", "integration", "contract", "unit"]


def test_the_collection_is_in_that_order(request: pytest.FixtureRequest) -> None:
    places = [place_in_run(item.path) for item in request.session.items]
    assert places == sorted(places)
