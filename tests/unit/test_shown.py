"""What an engine has shown, as material of training; and what it withholds from whom."""

from dataclasses import replace

import numpy as np
import pytest

from marketrank.asking import Candidates, Filters, Near, Sort
from marketrank.engine import Engine
from marketrank.people import About, Buyer, Surface
from marketrank.ranking import ranker, session_ranker
from marketrank.ranking.ranker import FeedbackRanker, LearnedRanker, Material
from marketrank.ranking.session_features import NAMES
from marketrank.shown import SAMPLED, Shown, impression_of, light, surface_of
from marketrank.types import BuyerId, ListingId, SellerId
from small_engine import ASK, Store, engine_over, with_attributes

ANN = BuyerId("ann")


def digest(text: str) -> str:
    return f"<{text}>"


class Recorder:
    def __init__(self, engine: Engine, ranker: object = None, keep_depth: int = 4) -> None:
        self.shown: list[Shown] = []
        self.engine = Engine(
            view=engine._view,
            listings=engine._finder._listings,
            vectors=engine._finder._vectors,
            depths=engine._depths,
            ranker=(lambda: ranker) if ranker else engine._ranker,  # type: ignore[arg-type,return-value]
            on_shown=self.shown.append,
            keep_depth=keep_depth,
        )


@pytest.fixture
def engine() -> Engine:
    return engine_over(Store())


def test_a_page_and_the_others_are_kept_with_what_the_ranker_saw(engine: Engine) -> None:
    judged: list[np.ndarray] = []

    def judge(features: np.ndarray) -> np.ndarray:
        judged.append(features)
        return np.arange(len(features), dtype=np.float32)

    recorder = Recorder(engine, LearnedRanker(4, judge))
    ranking = recorder.engine.answer(replace(ASK, text="oak table", k=2, offset=1, buyer=ANN))
    assert len(judged) == 1
    one = impression_of(recorder.shown[0], buyer=ANN, digest=digest)
    assert one is not None
    assert list(one.listings[:2]) == [item.listing.id for item in ranking.items]
    assert one.positions.tolist() == [1, 2, *[-1] * (len(one.listings) - 2)]
    assert sorted(one.listings) == ["id0", "id1", "id2"]  # all that was found
    assert (one.request, one.at, one.release, one.buyer) == ("r", ASK.at, "rel", ANN)
    assert (one.surface, one.query) == (Surface.SEARCH, "<search  oak table>")
    assert one.names == NAMES
    assert one.features.dtype == np.float32
    rows = {row[: judged[0].shape[1]].tobytes() for row in one.features}
    assert rows == {row.tobytes() for row in judged[0]}


def test_each_row_is_its_own_listings(engine: Engine) -> None:
    coverage = NAMES.index("title_coverage")
    recorder = Recorder(engine, LearnedRanker(4, lambda features: -features[:, coverage]))
    recorder.engine.answer(replace(ASK, text="oak table", k=1))
    (shown,) = recorder.shown
    one = impression_of(shown, buyer=None, digest=digest)
    assert one is not None
    seen = dict(zip(shown.looked.keys.tolist(), shown.looked.features, strict=True))
    for listing, row in zip(one.listings, one.features, strict=True):
        np.testing.assert_array_equal(row, seen[int(listing.removeprefix("id"))])


@pytest.mark.parametrize(
    ("name", "near", "kept"),
    [
        ("home_distance_log", None, False),
        ("distance_log", None, False),
        ("distance_log", Near(51.5, 0), True),
    ],
    ids=["home", "no_place_asked_for", "a_place_asked_for"],
)
def test_of_nobody_there_are_no_distances_from_home(
    engine: Engine, name: str, near: Near | None, kept: bool
) -> None:
    recorder = Recorder(engine, FeedbackRanker(4))
    recorder.engine.answer(replace(ASK, text="oak table", filters=Filters(near=near)))
    shown = recorder.shown[0]
    shown.looked.features[:, NAMES.index(name)] = 1.0
    for buyer, distance in ((ANN, 1.0), (None, 1.0 if kept else np.nan)):
        one = impression_of(shown, buyer=buyer, digest=digest)
        assert one is not None
        found = one.features[:, NAMES.index(name)]
        np.testing.assert_array_equal(found, np.full(len(found), distance, np.float32))


def test_whoever_ranks_what_a_ranker_of_sessions_sees_is_kept(engine: Engine) -> None:
    recorder = Recorder(engine, FeedbackRanker(4))
    for request in (replace(ASK, text="oak table"), ASK):
        recorder.engine.answer(request)
    for shown, known in zip(recorder.shown, (True, False), strict=True):
        one = impression_of(shown, buyer=None, digest=digest)
        assert one is not None
        assert not np.isnan(one.features[:, NAMES.index("age_log")]).any()
        # A feed has no words.
        assert np.isnan(one.features[:, NAMES.index("fused")]).all() != known


@pytest.mark.parametrize(("rank_depth", "looks"), [(4, 1), (2, 2)])
def test_words_are_looked_at_once_where_ranker_and_log_see_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, rank_depth: int, looks: int
) -> None:
    seen: list[int] = []

    def look(candidates: Candidates, material: Material) -> np.ndarray:
        seen.append(len(candidates.keys))
        return original(candidates, material)

    original = ranker.look
    for module in (ranker, session_ranker):
        monkeypatch.setattr(module, "look", look)
    kept = []
    for chosen in (LearnedRanker(rank_depth, lambda found: -found[:, 0]), FeedbackRanker(4)):
        recorder = Recorder(engine, chosen)
        recorder.engine.answer(replace(ASK, text="oak table"))
        one = impression_of(recorder.shown[0], buyer=None, digest=digest)
        assert one is not None
        kept.append(dict(zip(one.listings, one.features.tolist(), strict=True)))
    assert len(seen) == looks + 1
    for listing, features in kept[0].items():
        np.testing.assert_array_equal(features, kept[1][listing])


def test_what_no_ranker_may_order_teaches_nothing(engine: Engine) -> None:
    recorder = Recorder(engine, FeedbackRanker(4))
    recorder.engine.answer(replace(ASK, text="oak table", sort=Sort.PRICE))
    idle = Recorder(engine, FeedbackRanker(4), keep_depth=0)
    idle.engine.answer(replace(ASK, text="oak table"))
    for shown in (*recorder.shown, *idle.shown):
        one = impression_of(shown, buyer=None, digest=digest)
        assert one is not None
        assert np.isnan(one.features).all()


def test_the_arm_of_each_listing_is_kept(engine: Engine) -> None:
    recorder = Recorder(engine)
    recorder.engine.answer(replace(ASK, text="oak table", k=2))
    (shown,) = recorder.shown
    plain = impression_of(shown, buyer=None, digest=digest)
    assert plain is not None
    assert (plain.experiment, plain.arms) == ("", ())
    items = tuple(replace(one, arm=f"arm {n}") for n, one in enumerate(shown.items))
    tried = impression_of(replace(shown, items=items, experiment="test"), buyer=None, digest=digest)
    assert tried is not None
    assert tried.experiment == "test"
    assert tried.arms == ("arm 0", "arm 1", *[""] * (len(tried.listings) - 2))


def test_surfaces(engine: Engine) -> None:
    assert surface_of(ASK) is Surface.FEED
    assert surface_of(replace(ASK, text="x")) is Surface.SEARCH
    assert surface_of(replace(ASK, photo=b"0", text="x")) is Surface.PHOTO
    assert surface_of(replace(ASK, like=ListingId("id0"))) is Surface.SIMILAR
    recorder = Recorder(engine)
    recorder.engine.answer(replace(ASK, photo=b"0"))
    waiting = light(recorder.shown[0])
    assert waiting.request.photo == b""
    one = impression_of(waiting, buyer=None, digest=digest)
    assert one is not None
    assert (one.surface, one.query) == (Surface.PHOTO, "")


def test_nothing_shown_is_nothing_to_keep(engine: Engine) -> None:
    recorder = Recorder(engine)
    recorder.engine.answer(replace(ASK, filters=Filters(price_low=10**9)))
    assert impression_of(recorder.shown[0], buyer=None, digest=digest) is None


def test_the_same_question_has_the_same_digest_and_another_has_another(engine: Engine) -> None:
    recorder = Recorder(engine)
    asked = [
        replace(ASK, text="oak table"),
        replace(ASK, text="  Oak  TABLE "),
        replace(ASK, text="oak"),
        replace(ASK, like=ListingId("id0")),
        replace(ASK, like=ListingId("id1")),
        ASK,
    ]
    for request in asked:
        recorder.engine.answer(request)
    made = [impression_of(shown, buyer=None, digest=digest) for shown in recorder.shown]
    same, also, *others = [one.query for one in made if one]
    assert same == also
    assert len({same, *others}) == 5
    assert others[-1] == ""


def test_some_of_many_that_were_not_shown_are_drawn(engine: Engine) -> None:
    recorder = Recorder(engine, keep_depth=0)
    recorder.engine.answer(replace(ASK, text="oak table", k=1))
    (shown,) = recorder.shown
    keys = np.arange(4, dtype=np.int64)
    catalogue = shown.view.catalogue

    class Many:
        """A catalogue of any number of listings."""

        def key_of(self, listing: ListingId) -> int:
            return int(listing.removeprefix("id"))

        def ids(self, keys: np.ndarray) -> list[str]:
            return [f"id{key}" for key in keys.tolist()]

    assert catalogue.ids(keys) == Many().ids(keys)
    n = 60
    many = replace(
        shown,
        view=replace(shown.view, catalogue=Many()),  # type: ignore[arg-type]
        candidates=replace(
            shown.candidates,
            keys=np.arange(n, dtype=np.int64),
            scores=np.linspace(1, 0, n, dtype=np.float32),
            parts={},
        ),
    )
    one = impression_of(many, buyer=None, digest=digest)
    again = impression_of(many, buyer=None, digest=digest)
    other = impression_of(
        replace(many, request=replace(many.request, id="r2")),  # type: ignore[arg-type]
        buyer=None,
        digest=digest,
    )
    assert one is not None
    assert again is not None
    assert other is not None
    assert len(one.listings) == 1 + SAMPLED
    assert len(set(one.listings)) == 1 + SAMPLED
    assert one.listings == again.listings != other.listings


# --- what is withheld -------------------------------------------------------------------------


def asking(engine: Engine, about: About | None) -> Engine:
    return Engine(
        view=engine._view,
        listings=engine._finder._listings,
        vectors=engine._finder._vectors,
        depths=replace(engine._depths, vector=4),  # all, so that none moves up for another
        people={ANN: about}.get,
    )


def found(engine: Engine, **asked: object) -> set[str]:
    answer = engine.answer(replace(ASK, **asked))  # type: ignore[arg-type]
    return {item.listing.id for item in answer.items}


EVERY_SURFACE = ({}, {"text": "oak table"}, {"photo": b"1"}, {"like": ListingId("id0")})


@pytest.mark.parametrize("asked", EVERY_SURFACE)
def test_what_a_buyer_has_hidden_is_on_no_surface(engine: Engine, asked: dict[str, object]) -> None:
    hiding = asking(engine, About(Buyer(ANN), frozenset({ListingId("id1"), ListingId("gone")})))
    assert "id1" in found(hiding, **asked)
    assert found(hiding, **asked, buyer=ANN) == found(hiding, **asked) - {"id1"}
    # It is what they said, no profile.
    assert "id1" not in found(hiding, **asked, buyer=ANN, profiling=False)
    assert "id1" in found(hiding, **asked, buyer=BuyerId("ben"))


@pytest.mark.parametrize("asked", EVERY_SURFACE)
def test_ones_own_listings_are_found_and_never_recommended(
    engine: Engine, asked: dict[str, object]
) -> None:
    sellers = {1: {"seller": SellerId("attic")}, 2: {"seller": SellerId("other")}}
    offered = with_attributes(engine, sellers)
    selling = asking(offered, About(Buyer(ANN, seller=SellerId("attic"))))
    recommended = not asked or "like" in asked
    without = found(selling, **asked) - ({"id1"} if recommended else set())
    assert found(selling, **asked, buyer=ANN) == without
    assert "id1" in found(asking(offered, About(Buyer(ANN))), **asked, buyer=ANN)
    unknown = asking(offered, About(Buyer(ANN, seller=SellerId("nobody"))))
    assert "id1" in found(unknown, **asked, buyer=ANN)
