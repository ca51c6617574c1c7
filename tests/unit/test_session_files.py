"""Sessions as files: what is written is read, and what cannot be read is named."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.errors import BadInput
from marketrank.feedback.session_files import (
    EVENTS,
    IMPRESSIONS,
    read_events,
    read_sessions,
    write_sessions,
)
from marketrank.people import EventId, Impression, Interaction, InteractionKind, Session, Surface
from marketrank.types import BuyerId, ListingId, ReleaseId, RequestId

NAMES = ("text", "age_log")
START = datetime(2026, 1, 5, 10, tzinfo=UTC)


def session(number: int, n: int, done: list[tuple[int, InteractionKind]], query: str) -> Session:
    request = RequestId(f"r{number}")
    listings = tuple(ListingId(f"l{number}-{i}") for i in range(n))
    features = np.arange(n * 2, dtype=np.float32).reshape(n, 2)
    features[0, 0] = np.nan
    at = START + timedelta(minutes=number)
    buyer = BuyerId(f"b{number}") if number % 2 else None
    return Session(
        Impression(
            request=request,
            at=at,
            surface=Surface.SEARCH if query else Surface.FEED,
            release=ReleaseId("r1"),
            listings=listings,
            positions=np.array([*range(n - 1), -1], np.int32),
            features=features,
            names=NAMES,
            buyer=buyer,
            query=query,
            experiment="words" if number == 1 else "",
            arms=tuple("ab"[i % 2] for i in range(n)) if number == 1 else (),
        ),
        tuple(
            Interaction(
                EventId(f"e{number}-{i}"),
                buyer or BuyerId("nobody"),
                listings[listing % n],
                kind,
                at + timedelta(seconds=i + 1),
                request,
            )
            for i, (listing, kind) in enumerate(done)
        ),
    )


def assert_same(found: Session, expected: Session) -> None:
    assert found.interactions == expected.interactions
    one, other = found.impression, expected.impression
    for name in ("request", "at", "surface", "release", "listings", "names", "buyer", "query"):
        assert getattr(one, name) == getattr(other, name), name
    assert (one.experiment, one.arms) == (other.experiment, other.arms)
    assert np.array_equal(one.positions, other.positions) and one.positions.dtype == np.int32
    assert np.array_equal(one.features, other.features, equal_nan=True)
    assert one.features.dtype == np.float32


SESSIONS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(InteractionKind))), max_size=4),
        st.text(max_size=12).filter(lambda text: "\x00" not in text).map(str.strip),
    ),
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(SESSIONS)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[int, list[tuple[int, InteractionKind]], str]],
) -> None:
    folder = tmp_path_factory.mktemp("sessions")
    written = [session(i, n, done, query) for i, (n, done, query) in enumerate(drawn)]
    write_sessions(folder, written)
    found = list(read_sessions(folder))
    assert len(found) == len(written)
    for one, expected in zip(found, written, strict=True):
        assert_same(one, expected)


def test_the_strongest_sign_stands_beside_each_listing(tmp_path: Path) -> None:
    done = [(0, InteractionKind.CLICK), (0, InteractionKind.SAVE), (1, InteractionKind.CLICK)]
    write_sessions(tmp_path, [session(1, 3, done, "oak table")])
    table = pl.read_parquet(tmp_path / IMPRESSIONS)
    assert table["kind"].to_list() == ["save", "click", None]
    assert table.columns[-2:] == list(NAMES)
    assert (tmp_path / EVENTS).read_text().splitlines()[:2] == [
        "buyer_id,listing_id,at,kind,event_id,request_id",
        "b1,l1-0,2026-01-05T10:01:01.000Z,click,e1-0,r1",
    ]


def test_an_event_that_followed_from_no_request_is_read_and_in_no_session(tmp_path: Path) -> None:
    write_sessions(tmp_path, [session(1, 2, [], "")])
    with (tmp_path / EVENTS).open("a") as file:
        file.write("b1,l1-0,2026-01-05T10:01:01Z,view,e9,\n")
    assert [one.request for one in read_events(tmp_path / EVENTS)] == [None]
    assert next(iter(read_sessions(tmp_path))).interactions == ()


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("b1,l1,2026-01-05T10:01:01Z,bought,e1,r1", "line 2: 'bought' is not a valid"),
        ("b1,l1,yesterday,click,e1,r1", "line 2: Invalid isoformat"),
        ("b1,l1,2026-01-05T10:01:01,click,e1,r1", "line 2: the time .* names no time zone"),
        ("b1,l1", "line 2"),
    ],
)
def test_a_bad_event_is_named_by_its_line(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / EVENTS
    path.write_text(f"buyer_id,listing_id,at,kind,event_id,request_id\n{line}\n")
    with pytest.raises(BadInput, match=what):
        read_events(path)


def test_missing_columns_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"impressions\.parquet cannot be read"):
        list(read_sessions(tmp_path))
    pl.DataFrame({"request_id": ["r1"]}).write_parquet(tmp_path / IMPRESSIONS)
    with pytest.raises(BadInput, match="has no column buyer_id"):
        list(read_sessions(tmp_path))
    (tmp_path / EVENTS).write_text("buyer_id,listing_id\n")
    with pytest.raises(BadInput, match="has no column at, kind"):
        read_events(tmp_path / EVENTS)


def test_different_features_cannot_be_one_table(tmp_path: Path) -> None:
    from dataclasses import replace

    one = session(1, 2, [], "")
    other = Session(replace(one.impression, names=("text", "other")))
    with pytest.raises(BadInput, match="text, age_log and text, other"):
        write_sessions(tmp_path, [one, other])
