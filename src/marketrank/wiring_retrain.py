"""What a retraining works with, of one marketplace."""

from collections.abc import Mapping
from datetime import datetime
from time import perf_counter
from typing import Any

from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.pipelines import audit, gate
from marketrank.pipelines.progress import Progress, silent
from marketrank.pipelines.ranker_retraining import RankerWork
from marketrank.pipelines.retrain_steps import Options, Workshop
from marketrank.wiring import Marketplace


def workshop(market: Marketplace, *, at: datetime, progress: Progress = silent) -> Workshop:
    """For one run of the steps, which is said to be at `at`."""
    settings = market.settings

    def ingest(options: Options, progress: Progress) -> Mapping[str, Any]:
        assert options.products is not None  # or nobody asks for it
        return market.ingest(
            options.products,
            options.images_table,
            options.images,
            full=options.full,
            progress=progress,
        ).as_dict()

    return Workshop(
        home=settings.home,
        listings=market.listings,
        blobs=market.blobs,
        registry=market.registry,
        ingest=ingest,
        estimator=market.estimator,
        open_encoder=market.open_encoder,
        ranker=RankerWork(
            market.events,
            market.buyers,
            market.listings,
            market.ranker_folder,
            SensitiveCategories(settings.sensitive_categories),
            audit.limits_of(settings),
            settings.impression_days,
        ),
        limits=gate.limits_of(settings),
        currency=settings.currency,
        threads=settings.processes,
        stopwatch=perf_counter,
        at=at,
        progress=progress,
    )
