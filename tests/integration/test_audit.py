"""The audit from sessions to page, before simulated shoppers whose truth is known."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright
from typer.testing import CliRunner

from chromium import ARGUMENTS, CHROMIUM
from marketrank.buyers.audit_judgement import unjudged, verdict
from marketrank.buyers.audit_table import Fact
from marketrank.buyers.fairness import Audit, Limits
from marketrank.buyers.sensitive import SensitiveCategories
from marketrank.cli import app
from marketrank.config import load
from marketrank.errors import BadInput
from marketrank.feedback.session_files import write_sessions
from marketrank.people import Buyer, Impression, Purpose, Session, Surface
from marketrank.pipelines.audit import as_dict, audit_sessions, examined, facts_of, limits_of
from marketrank.pipelines.audit_files import read_buyers, read_facts
from marketrank.pipelines.audit_report import write_audit
from marketrank.pipelines.reports import AUDIT, reports_of
from marketrank.simulate.shopper_files import write_people
from marketrank.simulate.shopper_log import SimulatedLog
from marketrank.simulate.shopper_parameters import ShopperParameters
from marketrank.simulate.shopper_sessions import simulate_sessions
from marketrank.simulate.shopper_stock import draw_stock
from marketrank.simulate.shoppers import draw_shoppers
from marketrank.types import BuyerId, Listing, ListingId
from marketrank.wiring import Marketplace

PARAMS = ShopperParameters(buyers=600, sessions=7_000, days=20)
SENSITIVE = SensitiveCategories(["Clothing & Accessories", "Baby & Kids"])
LIMITS = Limits()
AT = datetime(2026, 2, 21, 12, tzinfo=UTC)
_LABELS_OUTSIDE = """[...document.querySelectorAll('svg text')].filter(one => {
    const box = one.getBBox(); return box.x < 0 || box.x + box.width > 440 }).length"""
HOSTILE = "<script>alert(1)</script>\"'{{ 7 * 7 }}"


@lru_cache(maxsize=1)
def log() -> SimulatedLog:
    """Few listings, so that each has an audience."""
    stock = draw_stock(listings=600, seed=3, at=AT)
    return simulate_sessions(stock, draw_shoppers(stock, PARAMS, seed=3), PARAMS, seed=3)


@lru_cache(maxsize=1)
def sessions() -> tuple[Session, ...]:
    return tuple(log().sessions())


def buyers() -> tuple[Buyer, ...]:
    return log().truth.shoppers.buyers(log().truth.stock)


def facts() -> dict[ListingId, Fact]:
    stock = log().truth.stock
    return {
        ListingId(id_): Fact(tuple(advert.category.split(" / ")), "private")
        for id_, advert in zip(stock.ids, stock.adverts, strict=True)
    }


def neutral(shown: Impression) -> NDArray[np.float32]:
    """It knows of the listing and the query alone."""
    found = 2 * column(shown, "text") + column(shown, "vector") - 0.1 * column(shown, "age_log")
    return np.asarray(found + 0.3 * column(shown, "popularity_log"), np.float32)


def steered(shown: Impression) -> NDArray[np.float32]:
    """It follows what the buyer's groups like, in flats as in lamps."""
    return np.asarray(neutral(shown) + 30 * column(shown, "demographic_affinity"), np.float32)


def column(shown: Impression, name: str) -> NDArray[np.float32]:
    return np.nan_to_num(shown.features[:, shown.names.index(name)])


@lru_cache(maxsize=4)
def audited(ranker: str) -> Audit:
    rankers = {"neutral": neutral, "steered": steered, "the log": None}
    return audit_sessions(
        sessions(),
        buyers(),
        facts(),
        categories=SENSITIVE,
        limits=LIMITS,
        seed=1,
        score=rankers[ranker],
        of=ranker,
    )


def test_a_ranker_that_steers_by_demographics_is_blocked() -> None:
    reasons = verdict(audited("steered"), LIMITS)
    assert any("sensitive listings" in reason for reason in reasons)
    assert verdict(audited("neutral"), LIMITS) == []
    assert unjudged(audited("neutral")) == []


def test_what_was_logged_by_an_engine_without_demographics_passes() -> None:
    found = audited("the log")
    assert verdict(found, LIMITS) == []
    assert found.debiased  # lists of which two ranks were swapped say what positions do
    assert set(found.sensitive) == {
        path
        for path, fact in {" / ".join(one.category): one for one in facts().values()}.items()
        if fact.category[0] in ("Clothing & Accessories", "Baby & Kids") and path in found.sensitive
    }
    assert len(found.sensitive) > 5


def test_a_steered_feed_is_read_more_easily() -> None:
    def auc(ranker: str) -> float:
        groups = [g for a in audited(ranker).attributes for g in a.groups if a.name != "county"]
        return float(np.mean([g.inferred.auc.value for g in groups if g.inferred]))

    assert auc("steered") > auc("neutral") + 0.1


def test_nobody_without_consent_is_in_it() -> None:
    agreed = {one.id for one in buyers() if one.allows(Purpose.DEMOGRAPHICS)}
    came = {one.impression.buyer for one in sessions()}
    assert audited("the log").buyers == len(agreed & came) < len(came)
    with pytest.raises(BadInput, match="none of"):
        audit_sessions(sessions(), [], facts(), categories=SENSITIVE, limits=LIMITS, seed=1)


def test_position_bias_is_named_or_measured() -> None:
    assert examined(sessions(), "none") is None
    by_power = examined(sessions(), "power:2")
    assert by_power is not None
    assert by_power[:3].tolist() == pytest.approx([1, 1 / 4, 1 / 9])
    for wrong in ("power:x", "guess"):
        with pytest.raises(BadInput, match=wrong):
            examined(sessions(), wrong)


def test_no_figure_names_a_buyer(tmp_path: Path) -> None:
    page = write_audit(tmp_path, audited("steered"), limits=LIMITS, at=AT).read_text()
    told = json.dumps(as_dict(audited("steered"), LIMITS))
    for one in buyers():
        assert one.id not in page
        assert one.id not in told


def test_what_others_wrote_is_text_on_the_page(tmp_path: Path) -> None:
    found = audited("steered")
    attribute = replace(
        found.attributes[0],
        name=HOSTILE,
        groups=(replace(found.attributes[0].groups[0], value=HOSTILE),),
    )
    hostile = replace(found, attributes=(attribute,), of=HOSTILE, sensitive={HOSTILE: (1, "job")})
    page = write_audit(tmp_path, hostile, limits=LIMITS, at=AT).read_text()
    assert "<script" not in page
    assert "49" not in page.split("Fairness audit")[1][:200]


@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_fits_its_window(tmp_path: Path, width: int) -> None:
    page = write_audit(tmp_path, audited("steered"), limits=LIMITS, at=AT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        view = browser.new_page(viewport={"width": width, "height": 800})
        asked: list[str] = []
        view.on("request", lambda request: asked.append(request.url))
        view.goto(page.as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        assert view.locator("svg[role=img]").count() >= 8
        assert view.evaluate(_LABELS_OUTSIDE) == 0
        assert asked == [page.as_uri()]
        browser.close()


def run(*arguments: str) -> dict[str, object]:
    done = CliRunner().invoke(app, ["audit", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_a_folder_of_sessions(tmp_path: Path) -> None:
    folder, home = tmp_path / "sessions", tmp_path / "home"
    write_sessions(folder, sessions()[:2_500])
    write_people(folder, log())
    home.mkdir()
    (home / "marketrank.toml").write_text(
        'sensitive_categories = ["Clothing & Accessories"]\naudit_min_audience = 12\n'
    )
    arguments = ["--sessions", str(folder), "--out", str(tmp_path / "page"), "--home", str(home)]
    told = run(*arguments)
    assert 250 < int(str(told["buyers"])) <= audited("the log").buyers
    assert told["debiased"] is True
    assert told["reasons"] == []
    assert Path(str(told["page"])).exists()
    (kept,) = reports_of(home, AUDIT)
    assert kept.content["buyers"] == told["buyers"]
    assert kept.page is not None
    assert kept.page.read_bytes() == Path(str(told["page"])).read_bytes()
    assert run(*arguments, "--propensity", "none")["debiased"] is False
    shown = CliRunner().invoke(app, ["audit", *arguments]).stdout
    assert "no limit is exceeded" in shown
    # Some 40 buyers a group: not enough to rule a gap out, and that is said wherever it is read.
    unsure = [str(one) for one in told["too_few"]]  # type: ignore[attr-defined]
    judged = list(told["judged"])  # type: ignore[call-overload]
    assert 0 < len(unsure) == sum(one["finding"] == "too few to tell" for one in judged)
    assert all(0 <= one["power"] <= 1 for one in judged)
    assert unsure[0] in shown
    assert f"in {len(judged) - len(unsure)} of {len(judged)} comparisons" in shown
    page = kept.page.read_text(encoding="utf-8")
    assert page.count("<em>too few to tell</em>") == len(unsure)
    assert "no sign of fairness" in page
    (folder / "consents.csv").write_text("buyer_id,purpose,at\nx,spying,2026-01-01\n")
    with pytest.raises(BadInput, match=r"consents.csv, line 2.*spying"):
        read_buyers(folder)
    (folder / "consents.csv").unlink()
    agreed = [one for one in read_buyers(folder) if one.allows(Purpose.DEMOGRAPHICS)]
    assert len(agreed) == PARAMS.buyers
    (folder / "listings.csv").write_text("listing_id,category,seller_type\na,Jobs / Bar,trade\n")
    assert read_facts(folder) == {"a": Fact(("Jobs", "Bar"), "trade")}
    (folder / "listings.csv").write_text("listing_id\na\n")
    with pytest.raises(BadInput, match="no column category"):
        read_facts(folder)


def test_a_home(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log of the engine itself, joined with consents and categories of the store."""
    monkeypatch.setenv("MARKETRANK_DATABASE_URL", database_url)
    monkeypatch.setenv("MARKETRANK_AUDIT_MIN_BUYERS", "10")
    market = Marketplace(load(tmp_path))
    now = datetime.now(UTC)
    adverts = [
        Listing(ListingId(f"l{n}"), "Flat", category=("Property",), seller_type="trade")
        for n in range(3)
    ]
    market.listings.apply(adverts, at=now)
    for n in range(24):
        consents = {Purpose.HISTORY: now, Purpose.DEMOGRAPHICS: now}
        if n >= 20:
            del consents[Purpose.DEMOGRAPHICS]
        age = {"age": "old" if n % 2 else "young"}
        market.buyers.put(Buyer(BuyerId(f"b{n}"), age, consents=consents), at=now)
    shown = sessions()[0].impression
    market.events.log(
        [
            replace(
                shown,
                request=shown.request.__class__(f"r{n}"),
                at=now - timedelta(days=40 if n == 0 else 1),
                listings=tuple(one.id for one in adverts),
                positions=np.arange(3, dtype=np.int32),
                features=np.zeros((3, 1), np.float32),
                names=("x",),
                buyer=BuyerId(f"b{n}"),
                query="",
            )
            for n in range(24)
        ]
    )
    told = run("--out", str(tmp_path / "page"), "--home", str(tmp_path))
    assert told["buyers"] == 19
    assert told["sensitive"] == {"Property": [3, "property"]}
    assert told["sellers"] == {"trade": 1.0}
    long = run("--out", str(tmp_path / "page"), "--home", str(tmp_path), "--days", "60")
    assert long["buyers"] == 20
    assert isinstance(long["attributes"], list)
    assert [group["value"] for group in long["attributes"][0]["groups"]] == ["old", "young"]
    every = list(market.events.sessions(now - timedelta(days=60), now))
    assert facts_of(every, market.listings)[ListingId("l1")] == Fact(("Property",), "trade")


def test_a_learned_ranker_is_audited_before_it_is_promoted(tmp_path: Path) -> None:
    """A model of demographics alone, beside one of words: what was learned is told with it."""
    from marketrank.pipelines.ranker_gate import audited as gate
    from marketrank.pipelines.train_ranker import Learned, promote
    from marketrank.ranking.session_model import SessionModel

    def learned(name: str) -> Learned:
        values = np.concatenate([column(one.impression, name) for one in sessions()[:500]])
        table = np.stack([values, values], axis=1)
        data = lightgbm.Dataset(table, values * 100)
        settings = {"verbosity": -1, "min_data_in_leaf": 5, "num_leaves": 63, "learning_rate": 0.5}
        trees = lightgbm.train(settings, data, 20).model_to_string()
        model = SessionModel(trees, (name, name), (Surface.FEED,), {}, {})
        return Learned(model, {"systems": {}}, [])

    def asked(name: str, limits: Limits) -> Learned:
        return gate(
            learned(name),
            sessions(),
            buyers(),
            facts(),
            later=0.8,
            categories=SENSITIVE,
            limits=limits,
            seed=1,
        )

    blocked = asked("demographic_affinity", LIMITS)
    assert any("sensitive listings" in reason for reason in blocked.worse)
    assert blocked.report["audit"]["of"] == "the new ranker"
    assert blocked.model.trained["audit"]["reasons"] == blocked.worse
    assert blocked.report["audit"]["judged"]
    with pytest.raises(BadInput, match="sensitive listings"):
        promote(tmp_path, blocked, at=AT)
    assert asked("popularity_log", LIMITS).worse == []
    assert asked("demographic_affinity", replace(LIMITS, reach_share=0.0, ndcg_gap=1.0)).worse == []


def test_settings_become_limits(tmp_path: Path) -> None:
    assert limits_of(load(tmp_path, {})) == Limits()
    given: Mapping[str, float] = {
        "min_buyers": 50,
        "min_audience": 7,
        "reach_variance": 0.2,
        "reach_share": 0.5,
        "ndcg_gap": 0.3,
    }
    text = "".join(f"audit_{name} = {value}\n" for name, value in given.items())
    (tmp_path / "marketrank.toml").write_text(text)
    assert limits_of(load(tmp_path, {})) == Limits(**given)  # type: ignore[arg-type]
