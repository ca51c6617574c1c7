"""What the API answers, as types: the OpenAPI document says what each field means. Later versions
may add fields."""

from typing import Any, NotRequired, TypedDict


class Place(TypedDict):
    town: str
    county: str | None
    latitude: float | None
    longitude: float | None


class Signal(TypedDict):
    signal: str
    reason: str


class Listing(TypedDict):
    """One listing; what only a result or only a whole listing has is not required."""

    id: str
    url: str
    title: str
    description: str
    price: float | None
    currency: str | None
    price_text: str | None
    category: list[str]
    place: Place | None
    created_at: str | None
    photos: list[str]
    signals: list[Signal]
    live: NotRequired[bool]
    photo_ids: NotRequired[list[str]]
    flags: NotRequired[list[str]]
    first_seen: NotRequired[str]
    score: NotRequired[float]
    distance_km: NotRequired[float | None]
    distance_miles: NotRequired[float | None]
    found_by: NotRequired[list[str]]
    repeats: NotRequired[list[str]]


class Page(TypedDict):
    """Results, best first."""

    request_id: str
    release: str
    items: list[Listing]
    total: int
    offset: int
    limit: int
    understood: dict[str, Any]
    corrected: dict[str, Any] | None
    facets: NotRequired[dict[str, list[dict[str, Any]]]]
    took_ms: NotRequired[float]


class Suggestion(TypedDict):
    text: str
    count: int
    category: list[str]
    category_count: int


class Line(TypedDict):
    """What became of one record: created, updated, unchanged or rejected."""

    line: int
    id: str | None
    status: str
    detail: str | None


class Written(TypedDict):
    counts: dict[str, int]
    lines: list[Line]


class Job(TypedDict):
    """Work that goes on by itself: `state` is running, done or failed."""

    id: str
    kind: str
    state: str
    done: int
    total: int
    counts: dict[str, int]
    problem: str | None
    created_at: str
    updated_at: str
    lines: str


class Draft(TypedDict):
    categories: list[dict[str, Any]]
    title: dict[str, Any]
    price: dict[str, Any] | None
    similar: dict[str, list[Listing]]
    warnings: list[dict[str, Any]]
    photos: list[dict[str, Any]]
    model: str
    release: str


class Category(TypedDict):
    Category: str
    Probabilities: dict[str, float]
    category: str
    category_index: int
    model: str
