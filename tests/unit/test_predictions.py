"""Predictions over fakes of model, index and store."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from marketrank.errors import NotReady
from marketrank.models.labels import Labels
from marketrank.pipelines import predictions
from marketrank.pipelines.predictions import Predictor
from marketrank.types import (
    BlobKey,
    ImageId,
    Listing,
    ListingKey,
    ModelVersion,
    Photo,
    Seq,
    Stored,
    Vectors,
)
from small_engine import Store, engine_over

VERSION = ModelVersion("small")


class Model:
    labels = Labels((("Home",), ("Sports",)), 1)

    def __init__(self) -> None:
        self.read: list[Listing] = []

    def by_text(self, listings: list[Listing]) -> Vectors:
        self.read += listings
        return np.array([[0.25, 0.75]], np.float32)

    def by_photo(self, photos: list[bytes]) -> tuple[Vectors, Vectors]:
        return np.array([[0.75, 0.25]], np.float32), np.array([[0.6, 0.8]], np.float32)

    def by_both(self, listing: Listing, photos: list[bytes]) -> Vectors:
        self.read.append(listing)
        return np.array([[0.5, 0.5]], np.float32)


class Bench:
    """Four listings with two photos each. A photo is the number of its direction, in steps of ten
    degrees, and finds the listing of that number."""

    def __init__(self) -> None:
        self.store = Store()
        view = engine_over(self.store)._view()
        assert view is not None
        self.view: Any = replace(view, encoder=cast(Any, self))
        self.model = Model()
        self.embedded: list[bytes] = []
        self.gone: set[str] = set()
        self.predictor = Predictor(
            cast(Any, self),
            view=lambda: self.view,
            listings=cast(Any, self),
            blobs=cast(Any, self),
        )
        self.version = ModelVersion("fake")

    def current(self) -> tuple[ModelVersion, Model]:
        return VERSION, self.model

    def encode_query(self, text: str, photo: bytes | None) -> Vectors:
        return np.eye(4, dtype=np.float32)[[int(photo or b"0") % 4]]

    def encode_photos(self, photos: Sequence[bytes]) -> tuple[Vectors, list[bool]]:
        self.embedded += photos
        known = [bool(one) for one in photos]
        angles = np.radians([10 * int(one or b"0") for one in photos])
        vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
        return vectors * np.array(known, np.float32)[:, None], known

    def get_by_key(self, keys: list[ListingKey]) -> Any:
        return {
            key: replace(
                one,
                listing=replace(
                    one.listing,
                    photos=tuple(photo(int(key), place) for place in range(2)),
                    category=("Home",),
                ),
            )
            for key, one in self.store.get_by_key(keys).items()
        }

    def changes(self, after: Seq, limit: int) -> list[Stored]:
        keys = [ListingKey(key) for key in range(4)]
        found = sorted(self.get_by_key(keys).values(), key=lambda one: one.key)
        return [replace(one, seq=Seq(one.key + 1)) for one in found if one.key >= after][:limit]

    def get(self, key: BlobKey) -> bytes:
        if key in self.gone:
            raise KeyError(key)
        return key.encode()


def photo(key: int, place: int) -> Photo:
    number = str(key + 4 * place)
    return Photo(ImageId(f"{key}-{place}"), place, BlobKey(number), "", 1, 1, 0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_categories_by_text_photo_and_both(bench: Bench) -> None:
    text = bench.predictor.category_of_text("road bike")
    assert (text.name, text.index, text.version) == ("Sports", 1, VERSION)
    assert text.probabilities == {"Home": 0.25, "Sports": 0.75}
    assert bench.predictor.category_of_photo(b"0").name == "Home"
    assert bench.predictor.category_of_both("oak", b"0").probabilities["Home"] == 0.5
    assert [one.title for one in bench.model.read] == ["road bike", "oak"]
    assert bench.predictor.features(b"0").numbers == pytest.approx((0.6, 0.8))


def test_the_nearest_photos_of_the_nearest_listings(bench: Bench) -> None:
    found = bench.predictor.neighbours(b"2", 3)
    assert [one.image for one in found] == ["2-0", "1-0", "3-0"]
    assert [one.listing for one in found] == ["id2", "id1", "id3"]
    assert found[0].distance == pytest.approx(0, abs=1e-6)
    assert found[1].distance == pytest.approx(2 - 2 * np.cos(np.radians(10)), abs=1e-6)
    assert found[0].category == ("Home",)
    assert len(bench.predictor.neighbours(b"2", 50)) == 8


def test_a_photo_is_embedded_once(bench: Bench) -> None:
    bench.predictor.neighbours(b"2", 3)
    bench.embedded = []
    bench.predictor.neighbours(b"2", 3)
    assert bench.embedded == [b"2"]  # the question alone
    bench.version = ModelVersion("newer")
    bench.embedded = []
    bench.predictor.neighbours(b"2", 3)
    assert len(bench.embedded) > 1


def test_photos_are_embedded_ahead_once_somebody_asks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "_AT_ONCE", 3)
    assert bench.predictor.look_ahead() == 0
    assert bench.embedded == []  # nobody has asked
    bench.store.ended = {3}
    bench.predictor.neighbours(b"2", 1)
    assert [bench.predictor.look_ahead() for _ in range(3)] == [3, 3, 0]
    bench.embedded = []
    assert len(bench.predictor.neighbours(b"1", 50)) == 6
    assert bench.embedded == [b"1"]  # the question alone
    bench.version = ModelVersion("newer")
    assert bench.predictor.look_ahead() == 3
    assert len(bench.embedded) == 4


def test_no_more_is_embedded_ahead_than_is_held(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "_KEPT_VECTORS", 2)
    bench.predictor.neighbours(b"2", 1)
    assert bench.predictor.look_ahead() == 0


def test_photos_that_are_gone_come_last_and_ended_listings_not_at_all(bench: Bench) -> None:
    bench.gone = {"2"}
    bench.store.ended = {3}
    found = bench.predictor.neighbours(b"2", 50)
    assert found[-1].image == "2-0"
    assert "id3" not in {one.listing for one in found}


def test_before_the_first_release_and_in_an_empty_one(bench: Bench) -> None:
    bench.store.ended = {0, 1, 2, 3}
    assert bench.predictor.neighbours(b"2", 3) == ()
    bench.view = None
    with pytest.raises(NotReady, match="marketrank index"):
        bench.predictor.neighbours(b"2", 3)
