"""What both clients share: requests as values, when to try again, and errors."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import orjson

from marketrank.errors import MarketrankError, MissingExtra

if TYPE_CHECKING:
    import httpx

_TRY_AGAIN = {429, 502, 503, 504}
_LINES = "application/x-ndjson"
Values = Mapping[str, Any]


class ApiError(MarketrankError):
    """An answer that is an error. `status` is HTTP's, `type` and `more` are the problem's."""

    def __init__(self, status: int, problem: Values) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.request_id = problem.get("request_id")
        self.more = dict(problem)
        detail = problem.get("detail") or problem.get("title") or "no reason given"
        super().__init__(f"{status}: {detail}")


@dataclass(frozen=True, slots=True)
class Retries:
    """Failed connections, and 429, 502, 503 and 504, are tried again up to `times` times, after a
    random part of `first` · 2ⁿ seconds (full jitter: Brooker, Exponential backoff and jitter, AWS
    2015), `longest` at most, and no sooner than Retry-After asks for, which may be longer."""

    times: int = 4
    first: float = 0.2
    longest: float = 10.0
    draw: Callable[[], float] = random.random

    def wait(self, n: int, answer: "httpx.Response | None") -> float:
        """Seconds before try n + 1."""
        drawn = self.draw() * min(self.longest, self.first * 2.0**n)
        asked = "" if answer is None else str(answer.headers.get("retry-after", ""))
        return max(drawn, float(asked) if asked.isdecimal() else 0.0)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that may be sent again as it is."""

    method: str
    path: str
    params: Values = field(default_factory=dict)
    json: Values | None = None
    content: bytes | None = None
    fields: Values = field(default_factory=dict)
    files: tuple[tuple[str, tuple[str, bytes]], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> dict[str, Any]:
        """For `httpx.Client.request`."""
        found: dict[str, Any] = {"params": _given(self.params), "headers": dict(self.headers)}
        if self.json is not None:
            found["content"] = orjson.dumps(self.json)
            found["headers"]["Content-Type"] = "application/json"
        if self.content is not None:
            found["content"] = self.content
        if self.fields or self.files:
            found["data"] = _given(self.fields)
        if self.files:
            found["files"] = list(self.files)
        return found


def need_httpx() -> Any:
    """The module. Raises MissingExtra, naming the command, where it is not installed."""
    try:
        import httpx
    except ImportError as error:
        raise MissingExtra("the client", "client") from error
    return httpx


def should_retry(answer: "httpx.Response") -> bool:
    if answer.status_code == 409:  # our own first try is still being answered
        return "retry-after" in answer.headers
    return answer.status_code in _TRY_AGAIN


def read(answer: "httpx.Response") -> Any:
    """The JSON of an answer. Raises ApiError for an error, and for what is no JSON."""
    try:
        found = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        found = {"detail": f"the answer is no JSON: {answer.text[:100]!r}"}
        raise ApiError(answer.status_code, found) from None
    if answer.is_error:
        raise ApiError(answer.status_code, found if isinstance(found, dict) else {})
    return found


def search(q: str, photo: bytes | None, filters: Values) -> Call:
    if photo is None:
        return Call("GET", "/v1/search", params={"q": q, **filters})
    return Call("POST", "/v1/search", fields={"q": q, **filters}, files=(_file("photo", photo),))


def listing(id: str, more: str = "", params: Values | None = None) -> Call:
    return Call("GET", _path(id, more), params=params or {})


def create(values: Values, key: str | None) -> Call:
    return Call("POST", "/v1/listings", json=values, headers=_once(key))


def put(records: Iterable[Values]) -> Call:
    body = b"\n".join(orjson.dumps(dict(record)) for record in records)
    return Call("PUT", "/v1/listings", content=body, headers={"Content-Type": _LINES})


def change(id: str, values: Values, etag: str | None) -> Call:
    headers = {"If-Match": etag} if etag else {}
    return Call("PATCH", _path(id), json=values, headers=headers)


def end(id: str) -> Call:
    return Call("DELETE", _path(id))


def add_photos(id: str, photos: Sequence[bytes], url: str | None, key: str | None) -> Call:
    if url is not None:
        return Call("POST", _path(id, "/photos"), json={"url": url}, headers=_once(key))
    files = tuple(_file("photo", one) for one in photos)
    return Call("POST", _path(id, "/photos"), files=files, headers=_once(key))


def remove_photo(id: str, image: str) -> Call:
    return Call("DELETE", _path(id, f"/photos/{quote(image, safe='')}"))


def job(id: str, more: str = "", params: Values | None = None) -> Call:
    return Call("GET", f"/v1/jobs/{quote(id, safe='')}{more}", params=params or {})


def draft(title: str, photos: Sequence[bytes], values: Values) -> Call:
    files = tuple(_file("photo", one) for one in photos)
    return Call("POST", "/v1/drafts", fields={"title": title, **values}, files=files)


def category(text: str, photo: bytes | None) -> Call:
    if photo is None:
        return Call("POST", "/predict/text", json={"text": text})
    if not text:
        return Call("POST", "/predict/image", files=(_file("image", photo),))
    fields = {"text": text}
    return Call("POST", "/predict/combined", fields=fields, files=(_file("image", photo),))


def _path(id: str, more: str = "") -> str:
    # Ids may hold slashes, which the API takes as they are.
    return f"/v1/listings/{quote(id)}{more}"


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or uuid4().hex}


def _file(name: str, data: bytes) -> tuple[str, tuple[str, bytes]]:
    return name, ("photo", data)


def _given(values: Values) -> dict[str, str]:
    return {name: str(value) for name, value in values.items() if value not in (None, "")}
