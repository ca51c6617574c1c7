"""Drive a running server with simulated shoppers: they introduce themselves, search, look at their
feeds, click, save, write, buy and hide, over the public API alone."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from time import perf_counter, sleep
from typing import Any

from marketrank.errors import BadInput, NotReady
from marketrank.people import Buyer, InteractionKind
from marketrank.simulate.shopper_visits import Done, Visit, Visits
from marketrank.simulate.truth import Truth
from marketrank.types import BuyerId, ListingId

Call = Callable[[str, str, Mapping[str, Any] | None], tuple[int, Any]]
"""(method, path, body) → (status, answer), both as JSON objects; the answer is None where it is
none."""
_SECONDS = 30
_GRACE = timedelta(seconds=1)
_MISSING = (404, 405)
_NO_KEY = (401, 403)
_TOO_OFTEN = 429


@dataclass
class Driven:
    """What came of it: counts. `shown_after_sold` and `shown_after_hidden` count listings that a
    server should not have shown any more, a second after it was told; `median_ms` is of searches
    and feeds."""

    visits: int = 0
    searches: int = 0
    feeds: int = 0
    recommendations: int = 0
    """Of the feeds, those from /v1/buyers/{id}/recommendations."""
    buyers: int = 0
    shown: int = 0
    events: dict[str, int] = field(default_factory=dict)
    """By kind, as sent."""
    accepted: int = 0
    refused: int = 0
    shown_after_sold: int = 0
    shown_after_hidden: int = 0
    median_ms: float = 0.0


def drive(
    call: Call,
    truth: Truth,
    *,
    visits: int,
    seed: int,
    clock: Callable[[], datetime],
    progress: Callable[[int, int], None] | None = None,
) -> Driven:
    """Let `visits` shoppers visit, one after the other. The server must hold the market of the
    same listings and seed. Raises BadInput where it takes none of a visit's events or wants another
    key, NotReady where it does not answer."""
    drive_ = _Drive(call, truth, seed, clock)
    for number in range(visits):
        drive_.visit(number)
        if progress:
            progress(number + 1, visits)
    return drive_.result()


class _Drive:
    def __init__(self, call: Call, truth: Truth, seed: int, clock: Callable[[], datetime]) -> None:
        self._call, self._truth, self._clock = call, truth, clock
        self._visits = Visits(truth, seed)
        self._buyers = truth.shoppers.buyers(truth.stock)
        self._run = f"{seed}-{int(clock().timestamp() * 1000):x}"
        self._met: set[BuyerId] = set()
        self._sold: dict[ListingId, datetime] = {}
        self._hidden: dict[tuple[BuyerId, ListingId], datetime] = {}
        self._recommends = True
        self._told = 0
        self._ms: list[float] = []
        self._out = Driven()

    def visit(self, number: int) -> None:
        visit = self._visits.come(number)
        buyer = self._buyers[visit.buyer]
        if buyer.id not in self._met:
            self._introduce(buyer)
        due = self._clock() - _GRACE
        request, shown = self._see(visit, buyer.id)
        self._out.visits += 1
        self._out.shown += len(shown)
        for one in shown:
            self._out.shown_after_sold += self._sold.get(one, due) < due
            self._out.shown_after_hidden += self._hidden.get((buyer.id, one), due) < due
        self._tell(buyer.id, request, self._visits.react(visit, shown))

    def result(self) -> Driven:
        self._out.buyers = len(self._met)
        self._out.median_ms = median(self._ms) if self._ms else 0.0
        return self._out

    def _introduce(self, buyer: Buyer) -> None:
        """A server without buyers is driven all the same."""
        self._met.add(buyer.id)
        path = f"/v1/buyers/{urllib.parse.quote(buyer.id, safe='')}"
        place = buyer.place
        profile: dict[str, Any] = {"attributes": dict(buyer.attributes)}
        if place:
            profile["place"] = {
                "town": place.town,
                "county": place.county,
                "latitude": place.latitude,
                "longitude": place.longitude,
            }
        if buyer.seller:
            profile["seller"] = buyer.seller
        if self._ask("PUT", path, profile, allowed=_MISSING) is not None:
            agreed = {str(purpose): True for purpose in buyer.consents}
            self._ask("PUT", f"{path}/consents", agreed)

    def _see(self, visit: Visit, buyer: BuyerId) -> tuple[str, list[ListingId]]:
        """The id of the answer and the listings of its first page."""
        began = perf_counter()
        answer = None
        k = str(self._truth.params.shown)
        if visit.query:
            self._out.searches += 1
        else:
            self._out.feeds += 1
            if self._recommends:
                path = f"/v1/buyers/{urllib.parse.quote(buyer, safe='')}/recommendations"
                answer = self._ask("GET", f"{path}?{_query({'k': k})}", allowed=_MISSING)
                self._recommends = answer is not None
                self._out.recommendations += self._recommends
        asked = {"limit": k, "buyer": buyer, **({"q": visit.query} if visit.query else {})}
        if answer is None:
            answer = self._ask("GET", f"/v1/search?{_query(asked)}", allowed=(422,))
        if answer is None:  # it knows no buyers
            del asked["buyer"]
            answer = self._ask("GET", f"/v1/search?{_query(asked)}")
        self._ms.append((perf_counter() - began) * 1000)
        items = (answer or {}).get("items", [])
        shown = [ListingId(str(item["id"])) for item in items]
        return str((answer or {}).get("request_id", "")), shown

    def _tell(self, buyer: BuyerId, request: str, done: Sequence[Done]) -> None:
        if not done:
            return
        events = []
        for one in done:
            self._told += 1
            events.append(
                {
                    "id": f"sim-{self._run}-{self._told}",
                    "buyer": buyer,
                    "listing": one.listing,
                    "kind": str(one.kind),
                    "at": self._clock().isoformat().replace("+00:00", "Z"),
                    "request": request or None,
                }
            )
            self._out.events[str(one.kind)] = self._out.events.get(str(one.kind), 0) + 1
        answer = self._ask("POST", "/v1/events", {"events": events}, allowed=(409, *_MISSING))
        if answer is None:
            raise BadInput(
                "the server took none of the events of a visit: it must have POST /v1/events and "
                "hold the simulated market of the same --listings and --seed"
            )
        self._out.accepted += int(answer.get("accepted", len(events)))
        self._out.refused += len(answer.get("refused", ()))
        now = self._clock()
        for one in done:
            if one.kind is InteractionKind.SOLD:
                self._sold[one.listing] = now
            elif one.kind is InteractionKind.HIDE:
                self._hidden[buyer, one.listing] = now

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        allowed: Sequence[int] = (),
    ) -> dict[str, Any] | None:
        """The answer; None for one of the statuses allowed."""
        status, answer = self._call(method, path, body)
        if status in allowed:
            return None
        if status in _NO_KEY:
            raise BadInput(
                f"{method} {path} answered {status}: give a key of scope write with --key or "
                "MARKETRANK_KEY; `marketrank keys create simulation --scope write` makes one"
            )
        if status != 200 or not isinstance(answer, dict):
            detail = answer.get("detail", "") if isinstance(answer, dict) else ""
            raise NotReady(f"{method} {path} answered {status}: {str(detail)[:300]}")
        return answer


def _query(parameters: Mapping[str, str]) -> str:
    return urllib.parse.urlencode(parameters)


def http_call(url: str, key: str = "") -> Call:
    """Calls of the server at `url`, as http://127.0.0.1:8080, with a key of its API. Raises
    BadInput for another scheme; its calls wait as the server asks them to (429), and raise NotReady
    where nobody answers."""
    base = url.rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise BadInput(f"--drive {url}: give the address of a server, as http://127.0.0.1:8080")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"

    def call(method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(base + path, data, headers, method=method)
        while True:
            try:
                with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                    return answer.status, _read(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != _TOO_OFTEN:
                    return error.code, _read(error.read())
                sleep(float(error.headers.get("Retry-After", "1")))
            except (OSError, urllib.error.URLError) as error:
                raise NotReady(
                    f"{base} does not answer ({error}); start `marketrank serve`"
                ) from error

    return call


def _read(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
