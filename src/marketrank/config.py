"""Settings: one TOML file in the home folder and the environment, read once at start."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from marketrank.errors import BadSettings

FILE_NAME = "marketrank.toml"
_PREFIX = "MARKETRANK_"
# Read elsewhere, or by the tests; not settings.
_OTHER_VARIABLES = {"MARKETRANK_HOME", "MARKETRANK_KEY", "MARKETRANK_TEST_DATA"}


class Settings(BaseSettings):
    """Every setting of marketrank: name, type, default, unit and meaning stand here alone.

    Each can be given as MARKETRANK_<NAME> or as a key of <home>/marketrank.toml; the environment
    wins. Unknown names are errors.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    home: Path = Field(description="Folder of everything that marketrank keeps")
    database_url: str = Field(
        "",
        repr=False,  # may hold a password
        description="postgresql://… of a server; empty starts the embedded one in the home",
    )
    photos_url: str = Field(
        "", description="Where cleaned photos are kept (fsspec URL); empty means <home>/photos"
    )
    keys_folder: Path | None = Field(
        None,
        description="Where the keys of buyers are kept, never with the database's backups; empty "
        "means <home>/keys",
    )
    impression_days: int = Field(
        90, ge=1, description="How long what was shown is kept for training (days)"
    )
    currency: str = Field(
        "GBP", pattern="^[A-Z]{3}$", description="ISO 4217 code of prices without a symbol"
    )
    country: str = Field(
        "GB", pattern="^[A-Z]{2}$", description="ISO 3166 code: places and phone numbers"
    )
    photo_size: int = Field(
        448,
        ge=32,
        le=2048,
        description="Side of a cleaned photo in pixels: twice the image tower's input, so that "
        "JPEG decoding at half scale feeds it and the page stays sharp",
    )
    photo_max_bytes: int = Field(
        20_000_000, gt=0, description="Larger photo files are rejected before decoding (bytes)"
    )
    photo_max_pixels: int = Field(
        60_000_000, gt=0, description="Photos with more pixels are rejected before decoding"
    )
    keep_original_text: bool = Field(
        False, description="Keep texts as they were before contact details were masked"
    )
    processes: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Worker processes for photos, and threads for the encoder",
    )
    photo_weight: float = Field(
        0.36, ge=0, le=1, description="Share of a listing's similarity that its photos decide"
    )
    retrieve_depth: int = Field(
        1000, ge=10, description="Hits that the text retriever fetches for one request"
    )
    vector_depth: int = Field(
        200, ge=10, description="Hits that the vector retriever fetches for one request"
    )
    sort_depth: int = Field(
        200, ge=10, description="Best matches of a query that a sort by price or date reorders"
    )
    sort_floor: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Share of the best match's score that a match needs for such a sort",
    )
    fusion: Literal["confidence", "reciprocal_rank"] = Field(
        "confidence",
        description="How words and vectors become one list: by scores, each retriever weighing by "
        "how good its best hit is, or by ranks",
    )
    fusion_k: int = Field(
        60, ge=1, description="Constant of reciprocal rank fusion (Cormack et al., SIGIR 2009)"
    )
    near_boost: float = Field(
        2.0, ge=0, description="What a place without a radius adds to the score of a listing there"
    )
    near_km: float = Field(
        25, gt=0, description="Distance at which half of that is left (kilometres)"
    )
    price_boost: float = Field(
        0.5, ge=0, description="What the cheapest match gains from “cheap”, as a share of its score"
    )
    words_boost: float = Field(
        0.1, ge=0, description="What the condition, size or brand asked for adds to the score"
    )
    category_boost: float = Field(
        0.05, ge=0, description="What a category adds that the query surely is of (see ADR 112)"
    )
    category_confidence: float = Field(
        0.7, ge=0, le=1, description="Probability from which a query's category is shown"
    )
    brands: Path | None = Field(
        None, description="Text file of brands to know in queries, one a line"
    )
    refine_share: float = Field(
        0.2,
        ge=0,
        le=1,
        description='Share of words in the vector of a photo or listing with words ("in blue")',
    )
    refine_depth: int = Field(
        100, ge=1, description="Best matches of that vector among which the words choose"
    )
    similar_category: float = Field(
        0.1, ge=0, le=1, description="Similar listings: what the same category adds to a cosine"
    )
    similar_price: float = Field(
        0.05, ge=0, le=1, description="Similar listings: what the same price adds to a cosine"
    )
    similar_same: float = Field(
        0.98, gt=0, description="Similar listings: from this cosine on it is the same thing again"
    )
    rerank_window: int = Field(
        100, ge=0, le=1000, description="Best candidates that are reordered; 0 reorders none"
    )
    diversity: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="How much being unlike the results before it counts beside fitting the query",
    )
    seller_cap: int = Field(
        4, ge=0, description="Results of one seller among 24 in a row; 0 sets no limit"
    )
    half_life_days: float = Field(
        30.0, gt=0, description="Age at which half of a listing's freshness is gone (days)"
    )
    freshness_floor: float = Field(
        0.9, ge=0, le=1, description="What is left of the fit of an old listing; 1 ignores age"
    )
    collapse_repeats: bool = Field(
        True, description="Show results with the same words once, with a count"
    )
    ranker: Literal["learned", "judged", "feedback", "shuffle", "none"] = Field(
        "learned",
        description="Who orders the best candidates: the ranker of `marketrank train ranker`, "
        "until there is one that of `train fusion`, until then feedback; without the first "
        "(judged); feedback alone; chance, to measure against; or nobody",
    )
    rank_depth: int = Field(100, ge=1, description="Candidates that are reordered")
    exact_below: int = Field(
        10_000, ge=0, description="Indexes with fewer vectors are searched exactly"
    )
    rebuild_share: float = Field(
        0.1, gt=0, description="Fresh vectors, as a share of the index, that cause a rebuild"
    )
    shadow_queries: int = Field(
        50,
        ge=0,
        le=1000,
        description="Latest searches (in memory, without who asked) that a new release is tried "
        "on beside the old one before it takes over; 0 tries none",
    )
    shadow_overlap: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the first ten results that a new release must have in common with "
        "the old one over these searches, or it is refused",
    )
    shadow_slower: float = Field(
        3.0,
        ge=1,
        description="How many times slower than the old one a new release may answer them",
    )
    feed_taste: float = Field(
        2.0, ge=0, description="Home feed: weight of what fits the buyer; what is new weighs 1"
    )
    feed_popular: float = Field(
        1.0, ge=0, description="Home feed: weight of what is popular; what is new weighs 1"
    )
    taste_boost: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Searches: what a match gains that is like what the buyer turned to, as a "
        "share of its score",
    )
    taste_half_life_days: float = Field(
        14.0, gt=0, description="Age at which half of what an interaction says is gone (days)"
    )
    popular_half_life_days: float = Field(
        2.0, gt=0, description="Age at which an interaction counts half for what is popular (days)"
    )
    audience_per_day: int = Field(
        5, ge=1, description="For how many listings a day a buyer is offered to sellers"
    )
    synonyms_file: Path | None = Field(
        None,
        description="Your own synonyms: a group a line, commas between its members; ours stay",
    )
    sensitive_categories: tuple[str, ...] = Field(
        (),
        description="Categories in which demographics are never used, besides those of housing, "
        "jobs and credit: words of their labels, or paths as 'Motors / Vans'; with '!' before it, "
        "a category that is not sensitive after all",
    )
    audit_min_buyers: int = Field(
        30, ge=10, description="Groups of fewer buyers are not shown in an audit"
    )
    audit_min_audience: int = Field(
        20, ge=5, description="Listings that reached fewer buyers are not judged in an audit"
    )
    audit_reach_variance: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Share of a listing's audience that may have to be exchanged to be like its "
        "eligible one (the variance of Meta's settlement of 2022)",
    )
    audit_reach_share: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of sensitive listings that must be within it, or no ranker is promoted",
    )
    audit_ndcg_gap: float = Field(
        0.1,
        ge=0,
        le=1,
        description="How far a group's NDCG may be below all others', or no ranker is promoted",
    )
    drift_days: int = Field(
        7, ge=1, description="Days of the latest window that drift is looked for in"
    )
    drift_least: int = Field(
        100, ge=10, description="A column with fewer rows in a window is not judged"
    )
    drift_sample: int = Field(
        3_000, ge=100, description="Listings and sessions of each window that are looked at"
    )
    drift_number: float = Field(
        0.2, gt=0, description="Numbers: so many standard deviations away is drift (Wasserstein)"
    )
    drift_share: float = Field(
        0.2, gt=0, description="Labels: a population stability index above it is drift"
    )
    drift_words: float = Field(
        0.02, gt=0, le=1, description="Words: a Jensen-Shannon divergence above it is drift (bits)"
    )
    drift_vector: float = Field(
        0.7,
        gt=0.5,
        lt=1,
        description="Embeddings: drift where a linear classifier tells windows apart by this AUC",
    )
    drift_rate: float = Field(
        1.5, gt=1, description="Rates: drift where one is more than so many times the other"
    )
    gate_golden_share: float = Field(
        0.95,
        ge=0,
        le=1,
        description="Share of the golden queries that the model in use answers, of which a new one "
        "must answer as many, or it is not promoted",
    )
    gate_latency_ratio: float = Field(
        1.5,
        gt=0,
        description="How many times as long as with the model in use encoding may take with a new "
        "one (median), or it is not promoted",
    )
    retrain_webhook: str = Field(
        "",
        repr=False,  # its address may be a secret
        pattern="^(https?://.+)?$",
        description="URL to which the outcome of each `marketrank retrain` is posted as JSON",
    )
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        home: Path = init_settings()["home"]
        file = TomlConfigSettingsSource(settings_cls, toml_file=home / FILE_NAME)
        return (init_settings, env_settings, file)


def load(home: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a home folder: the argument, else MARKETRANK_HOME, else ./.marketrank.

    Raises BadSettings for an unknown name or a bad value.
    """
    env = os.environ if environ is None else environ
    chosen = home or Path(env.get("MARKETRANK_HOME") or ".marketrank")
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    unknown = sorted(k for k in env if k.startswith(_PREFIX) and k not in known | _OTHER_VARIABLES)
    if unknown:
        raise BadSettings(
            f"unknown environment variable {unknown[0]}; known are {', '.join(sorted(known))}"
        )
    try:
        return Settings(home=chosen.expanduser().resolve())
    except ValidationError as error:
        raise BadSettings(_explain(error, chosen)) from error
    except ValueError as error:  # a torn TOML file
        raise BadSettings(f"{chosen / FILE_NAME} is not valid TOML: {error}") from error


def _explain(error: ValidationError, home: Path) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        value: Any = problem.get("input")
        if problem["type"] == "extra_forbidden":
            known = ", ".join(Settings.model_fields)
            lines.append(f"unknown setting {name!r} in {home / FILE_NAME}; known are {known}")
        else:
            lines.append(f"setting {name} = {value!r}: {problem['msg']}")
    return "; ".join(lines)
