"""What the API asks of the rest: one Protocol, so that it runs against a real or a small market."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

from starlette.requests import Request as HttpRequest

from marketrank.access import AuditLog, Keys
from marketrank.asking import Near, Ranking, Request, Suggestion
from marketrank.audience import Matched
from marketrank.config import Settings
from marketrank.feedback.intake import Taken
from marketrank.feedback.interest import Interest
from marketrank.jobs import ReplayStore
from marketrank.people import Buyer, Interaction
from marketrank.pipelines.bulk_writes import BulkWrites
from marketrank.pipelines.drafts import Drafts
from marketrank.pipelines.offers import Offers
from marketrank.pipelines.predictions import Predictions
from marketrank.types import (
    BlobKey,
    BuyerId,
    ListingId,
    ReleaseId,
    RequestId,
    SellerId,
    Seq,
    Stored,
)


class People(Protocol):
    """Buyers, as the API needs them."""

    def take(self, interactions: Mapping[int, Interaction], at: datetime) -> Taken:
        """Keep events, given by their place in a batch; see feedback.intake.Intake."""

    def get(self, id: BuyerId) -> Buyer | None:
        """None for a buyer of whom nothing is held."""

    def change(self, id: BuyerId, change: Callable[[Buyer], Buyer], at: datetime) -> Buyer:
        """Put what `change` makes of a buyer, new ones too, as one step."""

    def export(self, id: BuyerId) -> Mapping[str, Any]:
        """All that is held. Raises BadInput for a buyer of whom nothing is."""

    def erase(self, id: BuyerId) -> bool:
        """Remove every trace; whether there was any."""


class Service(Protocol):
    """The marketplace as one process sees it. Every method may be called from several threads."""

    @property
    def people(self) -> People: ...

    @property
    def keys(self) -> Keys:
        """Checks the keys that requests carry."""

    @property
    def audit(self) -> AuditLog:
        """What was done with the rights of an administrator."""

    @property
    def predictions(self) -> Predictions:
        """What the models in use say of texts and photos."""

    @property
    def drafts(self) -> Drafts:
        """Advice to sellers."""

    @property
    def offers(self) -> Offers:
        """Writes listings."""

    @property
    def bulk(self) -> BulkWrites:
        """Writes many, in jobs."""

    @property
    def replays(self) -> ReplayStore:
        """Answers to requests that may be sent again."""

    def fetch_photo(self, url: str, *, max_bytes: int) -> bytes:
        """The file at a public address. Raises BadInput for any other."""

    def answer(self, request: Request) -> Ranking:
        """Rank listings. Raises NotReady before the first release, BadInput for a request that
        cannot be answered."""

    def suggest(self, text: str, limit: int) -> tuple[Suggestion, ...]:
        """At most `limit` completions of what was typed. Raises NotReady before the first
        release."""

    def release(self) -> ReleaseId | None:
        """The release that answers now; None until one is loaded."""

    def listing(self, id: ListingId) -> Stored | None:
        """A listing, live or ended; None where there never was one."""

    def listings_of(self, seller: SellerId, limit: int, before: Seq | None) -> list[Stored]:
        """A seller's, live and ended, the last changed first; those before a change."""

    @property
    def interest(self) -> Interest:
        """What buyers have done with each listing, as counts."""

    def photo(self, key: BlobKey) -> bytes:
        """A cleaned photo (JPEG). Raises KeyError where there is none."""

    def locate(self, name: str) -> Near | None:
        """A place by its name ("Bristol"), without a radius; None where it is not known."""

    def buyers_for(self, id: ListingId, seller: SellerId | None, k: int, at: datetime) -> Matched:
        """See audience.AudienceFinder."""

    def clean_photo(self, data: bytes) -> bytes:
        """An uploaded file → a cleaned JPEG. Raises BadInput with a reason that the sender of
        the file understands."""


@dataclass(frozen=True, slots=True)
class Context:
    """What every handler needs; the application carries one. `clock` returns UTC."""

    service: Service
    settings: Settings
    clock: Callable[[], datetime]


def context(http: HttpRequest) -> Context:
    return cast("Context", http.app.state.context)


def request_id(http: HttpRequest) -> RequestId:
    """The id of this HTTP request, which also names the ranking that it leads to."""
    return RequestId(http.state.request_id)
