"""Predictions by words and colours: what the API's tests ask instead of a trained model."""

from dataclasses import dataclass, field

from marketrank.errors import NotReady
from marketrank.pipelines.predictions import Categorised, Features, Neighbour
from marketrank.types import ImageId, ListingId, ModelVersion

VERSION = ModelVersion("multimodal-20260314T110000-5ma11")
ROOTS = ("Home & Garden", "Sports, Leisure & Travel")


@dataclass
class SmallPredictions:
    """What has "bike" in its words is sport, all else furniture, a little less surely by photo."""

    published: bool = True
    asked: list[tuple[str, bytes | None]] = field(default_factory=list)

    def category_of_text(self, text: str) -> Categorised:
        return self._said(text, None, 0.9)

    def category_of_photo(self, photo: bytes) -> Categorised:
        return self._said("", photo, 0.6)

    def category_of_both(self, text: str, photo: bytes) -> Categorised:
        return self._said(text, photo, 0.95)

    def features(self, photo: bytes) -> Features:
        self._said("", photo, 1.0)
        return Features((0.6, 0.8), VERSION)

    def neighbours(self, photo: bytes, k: int) -> tuple[Neighbour, ...]:
        self._said("", photo, 1.0)
        found = (("1001-0", "1001"), ("1001-1", "1001"), ("1012-0", "1012"), ("1002-0", "1002"))
        return tuple(
            Neighbour(ImageId(image), ListingId(listing), ("Home & Garden",), 0.25 * rank)
            for rank, (image, listing) in enumerate(found[:k])
        )

    def _said(self, text: str, photo: bytes | None, sure: float) -> Categorised:
        if not self.published:
            raise NotReady("no model is in use; run `marketrank train all`")
        self.asked.append((text, photo))
        index = int("bike" in text.lower())
        by_name = dict.fromkeys(ROOTS, 1 - sure) | {ROOTS[index]: sure}
        return Categorised(ROOTS[index], index, by_name, VERSION)
