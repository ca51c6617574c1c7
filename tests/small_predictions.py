"""Predictions and drafts by words and colours: what API tests ask instead of a trained model."""

from dataclasses import dataclass, field

from marketrank.errors import NotReady
from marketrank.listings.photo_advice import Advice
from marketrank.listings.title_check import check_title
from marketrank.models.price_interval import PriceRange
from marketrank.pipelines.drafts import (
    Advised,
    Draft,
    DraftPhoto,
    LikelyCategory,
    Looked,
    Similar,
)
from marketrank.pipelines.predictions import Categorised, Features, Neighbour
from marketrank.types import (
    Finding,
    ImageId,
    Listing,
    ListingId,
    ModelVersion,
    Money,
    ReleaseId,
    Signal,
)

VERSION = ModelVersion("multimodal-20260314T110000-5ma11")
PRICE = PriceRange(Money(12000, "GBP"), Money(4500, "GBP"), Money(32000, "GBP"), 0.8)
ROOTS = ("Home & Garden", "Sports, Leisure & Travel")


@dataclass
class SmallPredictions:
    """What has "bike" in its words is sport, all else furniture, a little less surely by photo."""

    published: bool = True
    asked: list[tuple[str, bytes | None]] = field(default_factory=list)
    price: PriceRange | None = None

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

    def price_range(self, listing: Listing) -> PriceRange | None:
        if not self.published:
            raise NotReady("no model is in use; run `marketrank train all`")
        return self.price

    def _said(self, text: str, photo: bytes | None, sure: float) -> Categorised:
        if not self.published:
            raise NotReady("no model is in use; run `marketrank train all`")
        self.asked.append((text, photo))
        index = int("bike" in text.lower())
        by_name = dict.fromkeys(ROOTS, 1 - sure) | {ROOTS[index]: sure}
        return Categorised(ROOTS[index], index, by_name, VERSION)


@dataclass
class SmallDrafts:
    """Says the same of all drafts, and what `like` is like."""

    like: Listing
    asked: list[Draft] = field(default_factory=list)
    ready: bool = True

    def look(self, draft: Draft) -> Looked:
        self.asked.append(draft)
        title = draft.values.get("title", "")
        return Looked(
            listing=Listing(ListingId("your draft"), title),
            title=check_title(title),
            warnings=(),
            photos=tuple(
                DraftPhoto(640, 480, (Advice("dark", "It is dark."),)) for _ in draft.photos
            ),
        )

    def advise(self, draft: Draft) -> Advised:
        if not self.ready:
            raise NotReady("no model is in use; run `marketrank train all`")
        self.asked.append(draft)
        title = draft.values.get("title", "")
        return Advised(
            listing=Listing(ListingId("your draft"), title),
            categories=(LikelyCategory(("Home & Garden", "Tables"), 0.9),),
            title=check_title(title),
            spelling=None,
            price=PRICE,
            live=(Similar(self.like, 0.75),),
            sold=(),
            warnings=(Finding(Signal.DUPLICATE, "The same words are in 1001.", (self.like.id,)),),
            photos=tuple(
                DraftPhoto(640, 480, (Advice("dark", "It is dark."),)) for _ in draft.photos
            ),
            model=VERSION,
            release=ReleaseId("20260314T110000-5ma11"),
        )
