"""Golden queries and times of encoders."""

import json
from pathlib import Path

import pytest

from hashed_encoder import HashedEncoder
from made_up_feed import data_of
from marketrank.errors import BadInput
from marketrank.pipelines.encode_times import ROUNDS, time_encoders
from marketrank.pipelines.golden_queries import (
    FILE_NAME,
    Golden,
    GoldenQuery,
    K,
    file_digest,
    found_share,
    golden_of,
    read_golden,
)
from marketrank.types import Listing, ListingId

LISTINGS = [
    Listing(ListingId(f"l{row:02}"), f"oak table number {row} for a big room", category=("Home",))
    for row in range(60)
]


def write(home: Path, *lines: object) -> None:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    (home / FILE_NAME).write_text(text)


def test_by_default_titles_of_held_out_listings_are_asked(tmp_path: Path) -> None:
    data = data_of(LISTINGS)
    golden = golden_of(tmp_path, data)
    assert [one.id for one in golden.among] == list(data.split.test)
    assert [one.listings for one in golden.queries] == [(id,) for id in data.split.test]
    first = LISTINGS[int(golden.among[0].id[1:])]
    assert golden.queries[0].text == " ".join(first.title.split()[:4])


def test_the_homes_own_queries_come_first(tmp_path: Path) -> None:
    data = data_of(LISTINGS)
    taught = data.split.train[0]
    write(
        tmp_path,
        {"query": "oak", "listings": [taught, "gone"]},
        "",
        {"query": "elm", "listings": ["gone"]},
    )
    golden = golden_of(tmp_path, data)
    assert [(one.text, one.listings) for one in golden.queries] == [("oak", (taught,))]
    assert [one.id for one in golden.among] == [taught, *data.split.test]
    assert golden.source == FILE_NAME
    digest = file_digest(tmp_path)
    write(tmp_path, {"query": "ash", "listings": [taught]})
    assert "" != file_digest(tmp_path) != digest
    assert file_digest(tmp_path / "nowhere") == ""


@pytest.mark.parametrize(
    "line", ["{", '{"query": "oak"}', '{"query": " ", "listings": ["a"]}', "[]"]
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path, {"query": "oak", "listings": ["l01"]}, line)
    with pytest.raises(BadInput, match=r"golden\.jsonl line 2: .*write lines as"):
        read_golden(tmp_path / FILE_NAME)


def test_a_query_is_answered_where_its_listing_is_among_the_first() -> None:
    asked = [(LISTINGS[3].title, "l03"), ("wholly other words", "l59")]
    queries = tuple(GoldenQuery(text, (ListingId(id),)) for text, id in asked)
    encoder = HashedEncoder(dim=512)
    assert len(LISTINGS) > K
    for some, share in ((queries, 0.5), (queries[:1], 1.0), (queries[1:], 0.0), ((), 0.0)):
        golden = Golden(some, tuple(LISTINGS), "here")
        assert found_share(golden, encoder, [[] for _ in LISTINGS]) == share


class Clock:
    """Moves on by what encoders take."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow(HashedEncoder):
    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock, self._seconds = clock, seconds
        self.calls = 0

    def encode_listings(self, texts, photos):  # type: ignore[no-untyped-def]
        self.calls += 1
        self._clock.now += self._seconds * (50 if self.calls == 1 else 3)
        return super().encode_listings(texts, photos)

    def encode_query(self, text, photo):  # type: ignore[no-untyped-def]
        self._clock.now += self._seconds
        return super().encode_query(text, photo)


def test_ratios_are_of_the_same_work() -> None:
    clock = Clock()
    new, other = Slow(clock, 0.02), Slow(clock, 0.01)
    found = time_encoders(new, other, LISTINGS[:7], [[]] * 7, clock=clock)
    assert found.listing_ratio == pytest.approx(2)
    assert found.query_ratio == pytest.approx(2)
    assert found.query_ms == pytest.approx(20)
    assert found.listing_ms == pytest.approx(60)  # the first call, fifty times as long, is none
    assert new.calls == other.calls == ROUNDS + 1
    alone = time_encoders(new, None, LISTINGS[:2], [[], []], clock=clock)
    assert (alone.listing_ratio, alone.query_ratio) == (None, None)
