"""How searches are answered: retrieval, fusion, ranking, and what a release must stand."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class SearchSettings(BaseSettings):
    """How searches are answered: retrieval, fusion, ranking, and what a release must stand."""

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
    synonyms_file: Path | None = Field(
        None,
        description="Your own synonyms: a group a line, commas between its members; ours stay",
    )
