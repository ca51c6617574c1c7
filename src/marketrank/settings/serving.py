"""How the API and its pages answer, whom, and how much at a time."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ServingSettings(BaseSettings):
    """How the API and its pages answer, whom, and how much at a time."""

    serve_indexes: bool = Field(
        True,
        description="Whether `marketrank serve` also indexes where no other process does; false "
        "where `marketrank worker` runs and the API only reads",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Log lines for people, or one JSON object a line"
    )
    log_requests: bool = Field(
        False, description="Log a line for each request: its route, status and time (ms)"
    )
    keep_slow_queries: bool = Field(
        False,
        description="Show the words of the slowest queries in the operator's area; else only how "
        "many there were. They stay in memory for an hour at most",
    )
    open_reading: bool = Field(
        True, description="Search, listings, predictions and drafts need no key"
    )
    rate_per_address: float = Field(
        100, ge=0, description="Requests a second of one address without a key; 0 sets no limit"
    )
    rate_per_key: float = Field(
        100, ge=0, description="Requests a second of one key; 0 sets no limit"
    )
    rate_burst_seconds: float = Field(
        2, gt=0, description="So many seconds' worth of requests may come at once"
    )
    request_seconds: float = Field(
        60, gt=0, description="A request that takes longer is answered with 503 (seconds)"
    )
    requests_at_once: int = Field(
        32,
        ge=0,
        description="Requests that one process answers at a time; who comes beyond that gets 503 "
        "and Retry-After at once, instead of waiting with all others; 0 sets no limit",
    )
    answers_at_once: int = Field(
        2,
        ge=0,
        description="Searches and feeds that one process works at at a time; who comes beyond "
        "that waits for a turn, in order; 0 sets no limit",
    )
    bulk_max_bytes: int = Field(
        50_000_000, gt=0, description="Largest body of PUT /v1/listings (bytes)"
    )
    bulk_at_once: int = Field(500, ge=0, description="PUT /v1/listings of more lines becomes a job")
    photos_per_listing: int = Field(24, ge=1, description="Most photos of a listing by the API")
    cors_origins: tuple[str, ...] = Field(
        (), description="Origins whose pages may read the API from a browser; none by default"
    )
    page_key: str = Field(
        "",
        repr=False,
        description="What cookies of the page are signed with: 32 random characters or more, for a "
        "site of yours that names its buyers; empty makes a key in the keys folder",
    )
    demo_buyers: bool = Field(
        False,
        description="The page lets anybody be one of a few made-up buyers; `marketrank demo` turns "
        "it on, and no real marketplace should",
    )
    poll_seconds: float = Field(
        0.2, gt=0, le=5, description="How often indexer and readers look for changes (seconds)"
    )
