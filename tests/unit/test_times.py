"""Times as feeds write them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.listings.times import parse_time

DAY = datetime(2022, 2, 5, tzinfo=UTC)
NOON = datetime(2022, 2, 5, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2022-02-05",
        "05/02/2022",
        "5.2.2022",
        "5-2-2022",
        "2022/02/05",
        "5 February 2022",
        "5th Feb 2022",
        "5. February 2022",
        "February 5, 2022",
        "Feb 5th 2022",
        "Sat 5 Feb 2022",
        "1644019200",
        "1644019200000",
    ],
)
def test_days(text: str) -> None:
    assert parse_time(text) == DAY


@pytest.mark.parametrize(
    "text",
    [
        "2022-02-05T12:30:15Z",
        "2022-02-05 12:30:15",
        "2022-02-05 12:30:15 UTC",
        "2022-02-05T13:30:15+01:00",
        "05/02/2022 12:30:15",
        "Sat, 05 Feb 2022 12:30:15 GMT",
        "Sat, 05 Feb 2022 07:30:15 -0500",
        "1644064215",
        "1644064215000000",
    ],
)
def test_moments_are_in_utc(text: str) -> None:
    time = parse_time(text)
    assert time == NOON
    assert time is not None
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [None, "", "soon", "31/02/2022", "5 Xyz 2022", "20220205", "12", "0001-01-01T00:00+05:00"],
)
def test_what_is_no_time(text: str | None) -> None:
    assert parse_time(text) is None


@given(st.text(max_size=40))
def test_no_text_raises(text: str) -> None:
    time = parse_time(text)
    assert time is None or time.tzinfo is UTC
