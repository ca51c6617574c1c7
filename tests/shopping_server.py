"""A server of a few lines for simulated shoppers."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from marketrank.api.buyers_feed import _FEED as FEED_PARAMETERS
from marketrank.simulate.shopper_stock import Stock


class Server:
    """`forgets`: goes on showing what is sold or hidden. `old`: knows no buyers."""

    def __init__(
        self,
        stock: Stock,
        *,
        forgets: bool = False,
        old: bool = False,
        recommends: bool = False,
    ) -> None:
        self.forgets, self.old, self.recommends = forgets, old, recommends
        self.stock, self.listings = stock, list(stock.ids)
        self.events: list[dict[str, Any]] = []
        self.profiles: dict[str, Any] = {}
        self.consents: dict[str, Any] = {}
        self.queries: list[dict[str, str]] = []
        self.gone: set[Any] = set()

    def __call__(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, Any]:
        parts = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v1/search":
            return self.search(asked)
        if parts.path == "/v1/events" and body is not None:
            return self.tell(body["events"])
        buyer = unquote(parts.path.split("/")[3])
        if method == "GET" and parts.path.endswith("/recommendations") and self.recommends:
            if not set(asked) <= {one.name for one in FEED_PARAMETERS}:
                return 422, {"detail": f"{', '.join(asked)}: there is no such parameter"}
            return self.search({"limit": asked["k"], "buyer": buyer})
        if method == "PUT" and not self.old:
            held = self.consents if parts.path.endswith("/consents") else self.profiles
            held[buyer] = body
            return 200, {}
        return 404, {"detail": "no such page"}

    def search(self, asked: dict[str, str]) -> tuple[int, Any]:
        if self.old and "buyer" in asked:
            return 422, {"detail": "unknown parameter"}
        self.queries.append(asked)
        wanted = {
            one
            for one in self.listings
            if self.forgets or not {one, (asked.get("buyer"), one)} & self.gone
        }
        score, _ = self.stock.words.match(asked.get("q", ""))
        best = sorted(range(len(score)), key=lambda i: -score[i])
        ids = [self.listings[i] for i in best if self.listings[i] in wanted]
        items = [{"id": one} for one in ids[: int(asked["limit"])]]
        return 200, {"request_id": f"q{len(self.queries)}", "items": items}

    def tell(self, events: list[dict[str, Any]]) -> tuple[int, Any]:
        self.events += events
        for one in events:
            if one["kind"] == "sold":
                self.gone.add(one["listing"])
            if one["kind"] == "hide":
                self.gone.add((one["buyer"], one["listing"]))
        return 200, {"accepted": len(events), "repeated": 0, "ended": 0, "refused": []}
