"""What is counted in a score of models."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.models.labels import Labels
from marketrank.pipelines import model_evaluation
from marketrank.pipelines.model_evaluation import Categorised, CleanFeed, evaluate
from marketrank.types import Listing, ListingId, Money

LABELS = Labels((("A",), ("B",)), 1)
LISTINGS = (
    Listing(ListingId("1"), "one", category=("A", "X"), price=Money(1000, "GBP")),
    Listing(ListingId("2"), "two", category=("B",), price=Money(0, "GBP")),
    Listing(ListingId("3"), "three", category=("C",), price=Money(5000, "GBP")),
    Listing(ListingId("4"), "four", price=Money(5000, "EUR")),
)
PHOTOS = ((b"1", b"1"), (b"2",), (), (b"4", b"4"))
FEED = CleanFeed(LISTINGS, PHOTOS)


def sure(codes: Sequence[int]) -> NDArray[np.float32]:
    return np.eye(2, dtype=np.float32)[list(codes)]


@dataclass
class Oracle:
    """Says A of every text, and of photos and both what is true where it can be."""

    trained_on: frozenset[ListingId] = frozenset()
    with_photos: bool = True
    prices: NDArray[np.float32] | None = field(
        default_factory=lambda: np.log1p(np.array([10, 7, 50, 9], np.float32))
    )

    def categorise(
        self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]
    ) -> Categorised:
        by_photo = sure([0, 1, 1, 0]) if self.with_photos else None  # one of "1" is unreadable
        owner = np.array([0, 1, 3, 3] if self.with_photos else [], dtype=np.int64)
        return Categorised(LABELS, sure([0] * 4), by_photo, owner, sure([0, 1, 1, 0]))

    def log_prices(self, listings: Sequence[Listing]) -> NDArray[np.float32] | None:
        return self.prices


@dataclass
class Digits(Oracle):
    """Photos and titles of the first three listings meet at their listing's own direction."""

    def categorise(
        self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]
    ) -> Categorised:
        own = [int(photo) for some in photos for photo in some]
        owner = np.repeat(np.arange(len(photos)), [len(some) for some in photos])
        directions = np.eye(5, dtype=np.float32)
        return replace(
            super().categorise(listings, photos),
            photos=sure([0] * len(own)) if own else None,
            owner=owner,
            titles=directions[[1, 2, 3, 0]],
            photo_vectors=directions[own],
        )


def test_every_labelled_listing_counts_and_unknown_classes_are_wrong() -> None:
    scores = evaluate(FEED, Oracle(), currency="GBP")
    assert scores["text"]["n"] == scores["combined"]["n"] == 3
    assert scores["text"]["accuracy"] == pytest.approx(1 / 3)
    assert scores["combined"]["accuracy"] == pytest.approx(2 / 3)
    assert scores["combined"]["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert scores["image"] == {"accuracy": 1.0, "macro_f1": 1.0, "n": 2}
    nothing = pytest.approx(0, abs=1e-6)
    assert scores["price"] == {"log_r2": pytest.approx(1), "log_rmse": nothing, "n": 2}


def test_what_cannot_be_scored_is_left_out() -> None:
    assert list(evaluate(FEED, Oracle(), currency="GBP")) == ["image", "text", "combined", "price"]
    without = Oracle(with_photos=False, prices=None)
    assert list(evaluate(FEED, without, currency="GBP")) == ["text", "combined"]
    unlabelled = CleanFeed(LISTINGS[3:], ((),))
    assert "price" not in evaluate(FEED, Oracle(), currency="USD")

    class OneOnly(Oracle):
        def categorise(
            self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]
        ) -> Categorised:
            return Categorised(LABELS, sure([0]), None, np.zeros(0, np.int64), sure([0]))

    assert evaluate(unlabelled, OneOnly(prices=np.zeros(1, np.float32)), currency="GBP") == {}


def test_embeddings_add_what_they_find() -> None:
    scores = evaluate(FEED, Digits(), currency="GBP")
    assert scores["similar"] == {"sibling_recall@10": 1.0, "n": 4}
    # Five photos: each is among the first ten.
    assert scores["cross_modal"] == {"title_to_image_recall@10": 1.0, "n": 3}
    bare = CleanFeed(LISTINGS, ((), (), (), ()))
    assert "similar" not in evaluate(bare, Digits(), currency="GBP")
    # Where no listing has two photos there is no sibling to find: no score, and not one of 0.
    one_each = CleanFeed(LISTINGS, ((b"1",), (b"2",), (), ()))
    scores = evaluate(one_each, Digits(), currency="GBP")
    assert "similar" not in scores
    assert scores["cross_modal"]["n"] == 2


def test_batches_come_together_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counted(Digits):
        """Whose answers are as long as what it is given."""

        def categorise(
            self, listings: Sequence[Listing], photos: Sequence[Sequence[bytes]]
        ) -> Categorised:
            whole = super().categorise(LISTINGS, PHOTOS)
            first = LISTINGS.index(listings[0])
            rows = slice(first, first + len(listings))
            mine = np.isin(whole.owner, range(4)[rows])
            assert whole.photos is not None
            assert whole.titles is not None
            assert whole.photo_vectors is not None
            return Categorised(
                whole.labels,
                whole.text[rows],
                whole.photos[mine] if mine.any() else None,
                whole.owner[mine] - first,
                whole.combined[rows],
                whole.titles[rows],
                whole.photo_vectors[mine],
            )

    expected = evaluate(FEED, Counted(), currency="GBP")
    told: list[tuple[str, int, int | None]] = []
    monkeypatch.setattr(model_evaluation, "_BATCH", 1)
    scores = evaluate(FEED, Counted(), currency="GBP", progress=lambda *what: told.append(what))
    assert scores == expected
    assert told == [("score models", done, 4) for done in range(5)]


def test_listings_that_were_trained_on_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    evaluate(FEED, Oracle(), currency="GBP")
    assert not caplog.text
    evaluate(FEED, Oracle(frozenset([ListingId("2"), ListingId("9")])), currency="GBP")
    assert "1 of the 4 listings were trained on" in caplog.text
