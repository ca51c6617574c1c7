"""When drift, a new model or a retraining is told."""

from pydantic import Field
from pydantic_settings import BaseSettings


class WatchingSettings(BaseSettings):
    """When drift, a new model or a retraining is told."""

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
