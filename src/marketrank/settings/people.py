"""What is made of buyers: feeds, tastes, audiences, and audits of how they are served."""

from pydantic import Field
from pydantic_settings import BaseSettings


class PeopleSettings(BaseSettings):
    """What is made of buyers: feeds, tastes, audiences, and audits of how they are served."""

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
