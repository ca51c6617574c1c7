"""Every feature of the visible table has a source when serving, and what is logged of a listing is
what another process would compute of it."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.asking import Filters, Near, Request
from marketrank.config import load
from marketrank.people import (
    Buyer,
    EventId,
    Impression,
    Interaction,
    InteractionKind,
    Purpose,
)
from marketrank.personal import Personal
from marketrank.pipelines.estimating import Estimating
from marketrank.ranking import session_features
from marketrank.ranking.session_features import NAMES
from marketrank.shown import Shown
from marketrank.simulate.shopper_features import FEATURES
from marketrank.types import (
    BlobKey,
    BuyerId,
    ImageId,
    Listing,
    ListingId,
    ModelVersion,
    Money,
    Photo,
    Place,
    RequestId,
    SellerId,
)
from marketrank.wiring import Marketplace, now

ANN = BuyerId("ann")
LEEDS = Place("Leeds", latitude=53.8, longitude=-1.55)
YORK = Near(53.96, -1.08)
WORDS = ("oak table", "pine table", "oak chair", "table lamp")


def listing(n: int) -> Listing:
    photo = Photo(ImageId("1.jpg"), 0, BlobKey("0" * 64), "0" * 64, 800, 600, 0)
    return Listing(
        ListingId(f"l{n}"),
        f"{WORDS[n % 4]} number{n}",
        "solid and clean",
        ("Home", "Furniture"),
        price=Money(1_000 + 100 * n, "GBP"),
        place=LEEDS,
        seller=SellerId(f"s{n % 3}"),
        seller_type="trade" if n % 2 else "private",
        photos=(photo,),
    )


class Tower:
    """Turns to what somebody turned to last."""

    kinds = tuple(InteractionKind)
    history, temperature, interest = 5, 0.1, 0.5

    def __init__(self, encoder: ModelVersion, dim: int) -> None:
        self.encoder = encoder
        self.space = {"dim": dim, "bumps": 2, "scales_km": [20.0], "waves": 4}

    def points(
        self,
        history: NDArray[np.float32],
        *,
        present: NDArray[np.bool_],
        **others: object,
    ) -> NDArray[np.float32]:
        return np.asarray((history * present[:, :, np.newaxis]).sum(axis=1) + 0.01, np.float32)


class Twenty:
    """Listings like each one ask twenty pounds; of l0 nobody can say."""

    def estimates(self, listings: Sequence[Listing]) -> Mapping[ListingId, Money]:
        return {one.id: Money(2_000, "GBP") for one in listings if one.id != "l0"}


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, module_database_url: str, encoder_folder: Path
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "models").mkdir()
    (folder / "models" / encoder_folder.name).symlink_to(encoder_folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARKETRANK_DATABASE_URL", module_database_url)
        market = Marketplace(load(folder))
        market.listings.apply([listing(n) for n in range(12)], at=now())
        market.index(rebuild=False)
        yield folder
        market.database.dispose()


def process(home: Path) -> Marketplace:
    """As one that has just started, with a tower."""
    market = Marketplace(load(home))
    market.follower.refresh()
    market.estimates.refresh(market.listings.last_seq())
    market.people.follower.refresh()
    encoder = market.follower.view().encoder  # type: ignore[union-attr]
    tower = Tower(encoder.version, encoder.dim)
    market.liking.personal = Personal(tower=lambda: tower, sensitive=market.liking.sensitive.flags)
    return market


def seen(market: Marketplace, request: Request) -> dict[str, NDArray[np.float32]]:
    """What a process computes of each candidate."""
    told: list[Shown] = []
    market.people.on_shown = told.append  # type: ignore[method-assign]
    market.answer(request)
    keys, features = told[0].looked.keys, told[0].looked.features
    return dict(zip(told[0].view.catalogue.ids(keys), features, strict=True))


@dataclass(frozen=True)
class Logged:
    """Two requests of a buyer who lives in Leeds, and what was logged of them: `asked` is for
    things near York, `open` for things anywhere."""

    asked: tuple[Request, Impression]
    open: tuple[Request, Impression]


@pytest.fixture(scope="module")
def logged(home: Path) -> Logged:
    market = Marketplace(load(home))
    at = now()
    buyer = Buyer(ANN, {"age": "65+"}, LEEDS, consents=dict.fromkeys(Purpose, at))
    market.buyers.put(buyer, at=at)
    kinds = (InteractionKind.CLICK, InteractionKind.SAVE)
    done = [
        Interaction(EventId(f"{kind}{n}"), ANN, ListingId(f"l{n}"), kind, at)
        for n in (1, 2)
        for kind in kinds
    ]
    market.events.record(done, at=at)
    nobody = replace(done[1], id=EventId("nobody"), listing=ListingId("l3"))
    market.events.record([nobody], at=at, anonymous=[nobody.id])
    estimating = Estimating(
        listings=market.listings,
        estimates=market.estimate_store,
        version=lambda: ModelVersion("model-1"),
        open_estimator=lambda version: Twenty(),
    )
    assert estimating.catch_up() == 12
    assert estimating.catch_up() == 0
    open_ = Request(
        RequestId("r2"),
        now(),
        text="oak table under 90 pounds",
        buyer=ANN,
        filters=Filters(category=("Home",), price_high=9_000),
    )
    asked = replace(open_, id=RequestId("r1"), filters=replace(open_.filters, near=YORK))
    serving = process(home)
    with serving.people.running():
        serving.answer(asked)
        serving.answer(open_)
        since = asked.at - timedelta(hours=1)
        until = asked.at + timedelta(hours=1)
        for _ in range(200):
            found = [one.impression for one in market.events.sessions(since, until)]
            if len(found) == 2:
                by_request = {one.request: one for one in found}
                return Logged((asked, by_request[asked.id]), (open_, by_request[open_.id]))
            time.sleep(0.05)
    pytest.fail("nothing was logged")


@pytest.fixture(params=["asked", "open"])
def either(logged: Logged, request: pytest.FixtureRequest) -> tuple[Request, Impression]:
    found: tuple[Request, Impression] = getattr(logged, request.param)
    return found


def test_every_feature_is_known_of_some_listing_that_is_served(
    either: tuple[Request, Impression],
) -> None:
    impression = either[1]
    assert impression.names == NAMES
    known = np.isfinite(impression.features).any(axis=0)
    assert [name for name, there in zip(NAMES, known, strict=True) if not there] == []


def test_what_is_logged_is_what_another_process_computes(
    home: Path, either: tuple[Request, Impression]
) -> None:
    request, impression = either
    again = seen(process(home), request)
    for id, row in zip(impression.listings, impression.features, strict=True):
        np.testing.assert_allclose(row, again[id], rtol=1e-4, atol=1e-5, err_msg=id)


def test_distances_are_from_the_place_asked_for_else_from_the_buyers_own(logged: Logged) -> None:
    """The simulator's meaning of this name, too: its shoppers ask for no place."""
    meanings = {one.name: one.meaning for one in session_features.FEATURES}
    assert FEATURES["distance_log"] == meanings["distance_log"]
    for impression, km in ((logged.asked[1], 35.8), (logged.open[1], 0.0)):
        found = np.expm1(impression.features[:, NAMES.index("distance_log")])
        np.testing.assert_allclose(found, km, atol=1.0)
        home = np.expm1(impression.features[:, NAMES.index("home_distance_log")])
        np.testing.assert_allclose(home, 0, atol=1.0)


def test_each_source_tells_what_it_should(logged: Logged) -> None:
    impression = logged.asked[1]

    def of(id: str, name: str) -> float:
        row = impression.listings.index(ListingId(id))
        return float(impression.features[row, NAMES.index(name)])

    assert of("l1", "price_to_estimate") == pytest.approx(np.log(1_100 / 2_000))
    assert np.isnan(of("l0", "price_to_estimate"))
    assert of("l1", "seller_log") == pytest.approx(np.log(1 + 4))  # s1: 1, 4, 7, 10
    assert of("l1", "saves_log") == pytest.approx(np.log(2), abs=1e-3)
    assert of("l1", "popularity_log") == pytest.approx(np.log(5), abs=1e-3)  # a click and a save
    assert of("l3", "saves_log") > 0  # of nobody in particular
    assert of("l4", "saves_log") == 0


def test_an_edited_listing_is_estimated_anew_and_readers_follow(home: Path) -> None:
    market = Marketplace(load(home))
    market.estimates.refresh(market.listings.last_seq())
    key = market.listings.get([ListingId("l5")])[ListingId("l5")].key
    before = market.estimates.of(np.array([key], np.int64))

    class Thirty(Twenty):
        def estimates(self, listings: Sequence[Listing]) -> Mapping[ListingId, Money]:
            return {one.id: Money(3_000, "GBP") for one in listings}

    estimating = Estimating(
        listings=market.listings,
        estimates=market.estimate_store,
        version=lambda: ModelVersion("model-1"),
        open_estimator=lambda version: Thirty(),
    )
    estimating.catch_up()
    market.listings.apply([replace(listing(5), title="oak table restored")], at=now())
    assert estimating.catch_up() == 1
    market.estimates.refresh(market.listings.last_seq())
    after = market.estimates.of(np.array([key, 10_000], np.int64))
    assert before.tolist() == [2_000]
    assert after[0] == 3_000
    assert np.isnan(after[1])


def test_the_sources_cost_little(home: Path, logged: Logged) -> None:
    market = process(home)
    view = market.follower.view()
    assert view is not None
    keys = np.arange(1, 13)[np.arange(100) % 12]
    took = []
    for _ in range(50):
        start = time.perf_counter()
        market.liking.more_facts(view, logged.asked[0], keys)
        market.estimates.of(keys)
        view.catalogue.seller_listings(keys)
        took.append(time.perf_counter() - start)
    assert float(np.median(took)) < 0.002  # 0.2 ms on a quiet machine
