from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.evaluation.sets.interaction_set import parse_at, read

LISTINGS = "listing_id,title,category\nb,Oak table,Home / Tables\na,Lamp,Home / Lamps\nc,,\n"


def write(folder: Path, events: str, *, listings: str = LISTINGS, buyers: str = "") -> Path:
    (folder / "listings.csv").write_text(listings, encoding="utf-8")
    (folder / "events.csv").write_text("buyer_id,listing_id,at,kind\n" + events, encoding="utf-8")
    if buyers:
        (folder / "buyers.csv").write_text(buyers, encoding="utf-8")
    return folder


def test_pairs_keep_their_first_event_in_the_order_of_time(tmp_path: Path) -> None:
    events = "u,a,2026-01-03,view\nu,b,2026-01-02,view\nu,a,2026-01-01,sold\nt,c,2026-01-05,view\n"
    found = read(write(tmp_path, events))
    assert found.buyers == ("t", "u")
    assert found.listings == ("a", "b", "c")
    assert found.categories == ("Home / Lamps", "Home / Tables", "")
    assert found.buyer.tolist() == [0, 1, 1]
    assert found.listing.tolist() == [2, 0, 1]
    assert found.dropped.repeated_pairs == 1
    assert np.all(np.diff(found.at[1:]) > 0)


def test_events_at_one_time_come_in_the_order_of_listings(tmp_path: Path) -> None:
    found = read(write(tmp_path, "u,b,2026-01-01,view\nu,a,2026-01-01,view\n"))
    assert found.listing.tolist() == [0, 1]


def test_whatever_is_left_out_is_counted(tmp_path: Path) -> None:
    events = (
        "u,a,2026-01-01,view\n,a,2026-01-01,view\nu,z,2026-01-01,view\nu,b,soon,view\n"
        "u,b,2026-01-01,hide\nu,c,2026-01-01,Report\n"
    )
    buyers = "buyer_id,age\nu,30\nu,40\n,50\nnobody,60\n"
    listings = LISTINGS + "a,Again,\n,None,\n"
    found = read(write(tmp_path, events, listings=listings, buyers=buyers))
    dropped = found.dropped
    assert (dropped.incomplete_events, dropped.unparsable_times) == (1, 1)
    assert (dropped.events_of_unknown_listings, dropped.hides_and_reports) == (1, 2)
    assert (dropped.repeated_buyers, dropped.repeated_listings, dropped.rows_without_id) == (
        1,
        1,
        2,
    )
    assert dropped.buyers_without_events == 1
    assert found.read == 6 == len(found.buyer) + 5
    assert found.attributes == ({"age": "30"},)


def test_buyers_need_no_row_and_no_file(tmp_path: Path) -> None:
    assert read(write(tmp_path, "u,a,2026-01-01,view\n")).attributes == ({},)
    both = read(write(tmp_path, "u,a,1,view\nw,a,1,view\n", buyers="buyer_id,sex\nw,f\n"))
    assert both.attributes == ({}, {"sex": "f"})


def test_a_set_may_be_empty(tmp_path: Path) -> None:
    found = read(write(tmp_path, "", listings="listing_id,title,category\n"))
    assert (found.buyers, found.listings, len(found.at)) == ((), (), 0)


@pytest.mark.parametrize("missing", ["listings.csv", "events.csv"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    (write(tmp_path, "") / missing).unlink()
    with pytest.raises(BadInput, match=missing):
        read(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="category"):
        read(write(tmp_path, "", listings="listing_id,title\n"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("978300760", 978300760),
        ("978300760000", 978300760),
        ("2001-01-01T00:12:40Z", 978308000 - 40),
        ("2001-01-01T01:12:40+01:00", 978308000 - 40),
        ("2001-01-01 00:12:40", 978308000 - 40),
        ("2001-01-01", 978307200),
        ("yesterday", None),
        ("", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_times_in_many_forms(text: str, seconds: int | None) -> None:
    assert parse_at(text) == seconds


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_none(text: str) -> None:
    assert parse_at(text) is None or isinstance(parse_at(text), int)
