"""Buyers for a listing, over made-up members."""

from datetime import UTC, datetime

import numpy as np
import pytest

from marketrank.buyers.reverse import Audience, Members, pseudonym
from marketrank.retrieval.private_index import private_index
from marketrank.types import BuyerId, ListingId, SellerId

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
A, B = ListingId("a"), ListingId("b")
WIDTH = 6


def members(n: int = 40, **changes: object) -> Members:
    rng = np.random.default_rng(3)
    points = rng.standard_normal((n, WIDTH)).astype(np.float32)
    given = {
        "ids": tuple(BuyerId(f"b{row}") for row in range(n)),
        "points": points,
        "plain": -points,
        "activity": np.ones(n),
        "sellers": (None,) * n,
        "seen": np.empty((0, 2), np.int64),
        "liked": np.empty((0, 2), np.int64),
    }
    return Members(**(given | changes))  # type: ignore[arg-type]


def audience(some: Members, exact_below: int = 10_000, **changes: float) -> Audience:
    return Audience(
        some,
        lambda keys, vectors: private_index(keys, vectors, exact_below=exact_below),
        **({"temperature": 0.1, "interest": 1.0} | changes),
    )


LISTING = np.eye(WIDTH, dtype=np.float32)[0]
ALL = np.ones(40, np.bool_)


def test_the_best_have_the_highest_scores() -> None:
    some = members()
    found = audience(some).best(LISTING, 5, ALL, demographics=True)
    assert found.rows.tolist() == np.argsort(-some.points[:, 0])[:5].tolist()
    assert found.scores == pytest.approx(some.points[found.rows, 0])


def test_without_demographics_other_points_count() -> None:
    some = members()
    found = audience(some).best(LISTING, 5, ALL, demographics=False)
    assert found.rows.tolist() == np.argsort(some.points[:, 0])[:5].tolist()


def test_who_comes_often_gains_by_it() -> None:
    some = members(points=np.zeros((40, WIDTH), np.float32), activity=np.arange(40.0))
    found = audience(some).best(LISTING, 3, ALL, demographics=True)
    assert found.rows.tolist() == [39, 38, 37]


def test_an_index_of_lists_finds_what_the_exact_one_finds() -> None:
    rng = np.random.default_rng(5)
    n = 3000
    many = members(n, points=rng.standard_normal((n, 32)).astype(np.float32))
    listing = rng.standard_normal(32).astype(np.float32)
    rows = np.ones(n, np.bool_)
    exact = audience(many).best(listing, 50, rows, demographics=True).rows
    lists = audience(many, exact_below=100).best(listing, 50, rows, demographics=True).rows
    assert len(set(exact.tolist()) & set(lists.tolist())) >= 47


def test_neither_its_seller_nor_who_knows_it() -> None:
    sellers = tuple(SellerId("s") if row == 7 else None for row in range(40))
    some = members(sellers=sellers, seen=np.array([[3, 100], [4, 101], [5, 100]]))
    found = audience(some)
    assert np.flatnonzero(~found.open_to(100, SellerId("s"))).tolist() == [3, 5, 7]
    assert np.flatnonzero(~found.open_to(101, None)).tolist() == [4]
    assert found.open_to(999, SellerId("other")).all()


def test_who_shares_a_history_with_one_who_turned_to_it_gains() -> None:
    # 0 turned to 100 and 1 .. 2; 1 shares both of these, 2 one of two, 3 nothing.
    liked = np.array([[0, 100], [0, 1], [0, 2], [1, 1], [1, 2], [2, 1], [2, 9], [3, 9]])
    some = members(points=np.zeros((40, WIDTH), np.float32), liked=liked)
    found = audience(some)
    shared = found.fellows(100)
    assert shared is not None
    root = np.sqrt
    assert shared[1] == pytest.approx(2 / root(3) / root(2))
    assert shared[2] == pytest.approx(1 / root(3) / root(2))
    assert shared[3] == 0
    assert found.fellows(5) is None
    rows = ALL.copy()
    rows[0] = False
    best = found.best(LISTING, 2, rows, demographics=True, key=100)
    assert best.rows.tolist() == [1, 2]


def test_reach_is_the_share_above_the_interest() -> None:
    some = members()
    expected = float((some.points[:, 0] >= 1.0).mean())
    assert audience(some).reach(LISTING, demographics=True) == pytest.approx(expected)
    assert audience(some, interest=9.0).reach(LISTING, demographics=True) == 0


def test_nobody_is_an_audience_too() -> None:
    nobody = audience(members(0, points=np.empty((0, WIDTH), np.float32)))
    assert len(nobody.best(LISTING, 5, np.ones(0, np.bool_), demographics=True).rows) == 0
    assert nobody.reach(LISTING, demographics=True) == 0


def test_pseudonyms_hold_for_one_listing_and_one_secret() -> None:
    name = pseudonym(b"secret", A, BuyerId("b1"))
    assert name == pseudonym(b"secret", A, BuyerId("b1"))
    others = {
        pseudonym(b"secret", B, BuyerId("b1")),
        pseudonym(b"other", A, BuyerId("b1")),
        pseudonym(b"secret", A, BuyerId("b2")),
        pseudonym(b"secret", ListingId("ab"), BuyerId("1")),
    }
    assert name not in others
    assert len(others) == 4
    assert "b1" not in name
