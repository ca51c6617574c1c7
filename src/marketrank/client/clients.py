"""The two clients. Each method is a request of `calls`, sent until it is answered."""

import asyncio
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, cast

from marketrank.client import calls
from marketrank.client.calls import Call, Retries, Values
from marketrank.client.shapes import (
    Category,
    Draft,
    Job,
    Line,
    Listing,
    Page,
    Suggestion,
    Written,
)

_SECONDS = 30.0
_LINES = 1_000  # a page


class Client:
    """Talks to one server; a context manager. May be used from several threads.

    `key` is sent with each request; `transport` is httpx's, for tests. All methods raise ApiError
    for an answer that is an error, after `retries`, and httpx.TransportError where there is none.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        seconds: float = _SECONDS,
        retries: Retries | None = None,
        transport: Any = None,
    ) -> None:
        httpx = calls.need_httpx()
        self._failed = httpx.TransportError
        self._retries = retries or Retries()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=address, headers=headers, timeout=seconds, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def search(self, q: str = "", *, photo: bytes | None = None, **filters: Any) -> Page:
        """By words, a photo or both; `filters` are the API's parameters: near="Leeds", limit=5."""
        return cast("Page", self._send(calls.search(q, photo, filters)))

    def suggest(self, q: str, *, limit: int | None = None) -> list[Suggestion]:
        found = self._send(Call("GET", "/v1/suggest", params={"q": q, "limit": limit}))
        return cast("list[Suggestion]", found["suggestions"])

    def listing(self, id: str) -> Listing:
        return cast("Listing", self._send(calls.listing(id)))

    def similar(self, id: str, **params: Any) -> Page:
        return cast("Page", self._send(calls.listing(id, "/similar", params)))

    def create(self, values: Values, *, idempotency_key: str | None = None) -> Listing:
        """A new listing. However often the connection fails, it is made once."""
        return cast("Listing", self._send(calls.create(values, idempotency_key)))

    def put(self, records: Iterable[Values]) -> Written | Job:
        """Make or change many; a Job, which has a `state`, where there are very many."""
        return cast("Written | Job", self._send(calls.put(records)))

    def change(self, id: str, values: Values, *, etag: str | None = None) -> Listing:
        return cast("Listing", self._send(calls.change(id, values, etag)))

    def end(self, id: str) -> Listing:
        return cast("Listing", self._send(calls.end(id)))

    def add_photos(
        self,
        id: str,
        *photos: bytes,
        url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Listing:
        """Files, or the public address of one."""
        return cast("Listing", self._send(calls.add_photos(id, photos, url, idempotency_key)))

    def remove_photo(self, id: str, image: str) -> Listing:
        return cast("Listing", self._send(calls.remove_photo(id, image)))

    def job(self, id: str) -> Job:
        return cast("Job", self._send(calls.job(id)))

    def job_lines(self, id: str) -> list[Line]:
        """All that are written so far."""
        lines: list[Line] = []
        cursor: int | None = 0
        while cursor is not None:
            page = self._send(calls.job(id, "/lines", {"cursor": cursor, "limit": _LINES}))
            lines += page["items"]
            cursor = page["next"]
        return lines

    def wait_for(self, id: str, *, every: float = 0.5) -> Job:
        """The job, once it is done or has failed."""
        while (found := self.job(id))["state"] == "running":
            time.sleep(every)
        return found

    def draft(self, title: str = "", *photos: bytes, **values: Any) -> Draft:
        """Advice on a listing: description="…", category="…", price="…", location="…"."""
        return cast("Draft", self._send(calls.draft(title, photos, values)))

    def category(self, text: str = "", photo: bytes | None = None) -> Category:
        """The likeliest root category of words, a photo or both."""
        return cast("Category", self._send(calls.category(text, photo)))

    def _send(self, call: Call) -> Any:
        for n in range(self._retries.times + 1):
            last, answer = n == self._retries.times, None
            try:
                answer = self._http.request(call.method, call.path, **call.arguments())
                if last or not calls.should_retry(answer):
                    return calls.read(answer)
            except self._failed:
                if last:
                    raise
            time.sleep(self._retries.wait(n, answer))
        raise AssertionError("the last try returns or raises")


class AsyncClient:
    """`Client` for asyncio; an asynchronous context manager."""

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        seconds: float = _SECONDS,
        retries: Retries | None = None,
        transport: Any = None,
    ) -> None:
        httpx = calls.need_httpx()
        self._failed = httpx.TransportError
        self._retries = retries or Retries()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(
            base_url=address, headers=headers, timeout=seconds, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def search(self, q: str = "", *, photo: bytes | None = None, **filters: Any) -> Page:
        return cast("Page", await self._send(calls.search(q, photo, filters)))

    async def suggest(self, q: str, *, limit: int | None = None) -> list[Suggestion]:
        found = await self._send(Call("GET", "/v1/suggest", params={"q": q, "limit": limit}))
        return cast("list[Suggestion]", found["suggestions"])

    async def listing(self, id: str) -> Listing:
        return cast("Listing", await self._send(calls.listing(id)))

    async def similar(self, id: str, **params: Any) -> Page:
        return cast("Page", await self._send(calls.listing(id, "/similar", params)))

    async def create(self, values: Values, *, idempotency_key: str | None = None) -> Listing:
        return cast("Listing", await self._send(calls.create(values, idempotency_key)))

    async def put(self, records: Iterable[Values]) -> Written | Job:
        return cast("Written | Job", await self._send(calls.put(records)))

    async def change(self, id: str, values: Values, *, etag: str | None = None) -> Listing:
        return cast("Listing", await self._send(calls.change(id, values, etag)))

    async def end(self, id: str) -> Listing:
        return cast("Listing", await self._send(calls.end(id)))

    async def add_photos(
        self,
        id: str,
        *photos: bytes,
        url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Listing:
        return cast("Listing", await self._send(calls.add_photos(id, photos, url, idempotency_key)))

    async def remove_photo(self, id: str, image: str) -> Listing:
        return cast("Listing", await self._send(calls.remove_photo(id, image)))

    async def job(self, id: str) -> Job:
        return cast("Job", await self._send(calls.job(id)))

    async def job_lines(self, id: str) -> list[Line]:
        lines: list[Line] = []
        cursor: int | None = 0
        while cursor is not None:
            page = await self._send(calls.job(id, "/lines", {"cursor": cursor, "limit": _LINES}))
            lines += page["items"]
            cursor = page["next"]
        return lines

    async def wait_for(self, id: str, *, every: float = 0.5) -> Job:
        while (found := await self.job(id))["state"] == "running":
            await asyncio.sleep(every)
        return found

    async def draft(self, title: str = "", *photos: bytes, **values: Any) -> Draft:
        return cast("Draft", await self._send(calls.draft(title, photos, values)))

    async def category(self, text: str = "", photo: bytes | None = None) -> Category:
        return cast("Category", await self._send(calls.category(text, photo)))

    async def _send(self, call: Call) -> Any:
        for n in range(self._retries.times + 1):
            last, answer = n == self._retries.times, None
            try:
                answer = await self._http.request(call.method, call.path, **call.arguments())
                if last or not calls.should_retry(answer):
                    return calls.read(answer)
            except self._failed:
                if last:
                    raise
            await asyncio.sleep(self._retries.wait(n, answer))
        raise AssertionError("the last try returns or raises")
