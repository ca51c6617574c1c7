"""The operator's area over a desk in memory: who comes in, and what they see and change."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from marketrank.access import Action, KeyId, Scope
from marketrank.api.app import create_app
from marketrank.api.operator.area import ROOMS
from marketrank.api.operator.sessions import AREA, COOKIE, SIGN_IN
from marketrank.config import Settings
from small_desk import PICTURE, SmallDesk, furnished, small_desk
from small_market import NOW, SmallMarket, small_market

TOKEN = re.compile(r'name="csrf" value="([^"]+)"')
PAGES = [AREA + path for path, _ in ROOMS]


class Operator:
    """A browser at the area of a small market."""

    def __init__(self, home: Path, base: str = "http://testserver", **settings: object) -> None:
        self.market: SmallMarket = small_market(padding=0)
        self.desk: SmallDesk = small_desk()
        self.settings = Settings(home=home, **settings)  # type: ignore[arg-type]
        app = create_app(
            self.market, settings=self.settings, clock=lambda: self.market.clock, desk=self.desk
        )
        self.client = TestClient(app, base, raise_server_exceptions=False, follow_redirects=False)

    def key(self, *scopes: Scope, seller: str | None = None) -> str:
        made = self.market.key_store.make(*scopes, at=NOW, seller=seller)
        return made["Authorization"].removeprefix("Bearer ")

    def sign_in(self, token: str | None = None, to: str = "") -> httpx.Response:
        form = self.client.get(SIGN_IN, params={"next": to} if to else {})
        found = re.search(r'name="next" value="([^"]*)"', form.text)
        assert found
        fields = {
            "csrf": TOKEN.findall(form.text)[0],
            "next": found[1],
            "key": self.key(Scope.ADMIN) if token is None else token,
        }
        return self.client.post(SIGN_IN, data=fields)

    def post(self, path: str, page: str = AREA, **fields: str) -> httpx.Response:
        """Post a form of a page, with its token."""
        token = TOKEN.findall(self.client.get(page).text)[0]
        return self.client.post(AREA + path, data={"csrf": token, **fields})


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    one = Operator(tmp_path)
    with one.client:
        yield one


@pytest.fixture
def inside(operator: Operator, tmp_path: Path) -> Operator:
    """Signed in, at a desk of a home in use."""
    desk = furnished(NOW, tmp_path)
    for name in vars(desk):
        setattr(operator.desk, name, getattr(desk, name))
    assert operator.sign_in().status_code == 303
    return operator


@pytest.mark.parametrize("path", PAGES)
def test_nobody_comes_in_without_signing_in(operator: Operator, path: str) -> None:
    away = operator.client.get(path)
    assert away.status_code == 303
    assert away.headers["location"].startswith(f"{SIGN_IN}?next=")
    assert operator.client.post(path).headers["location"] == SIGN_IN


def test_a_key_in_the_header_does_not_open_the_area(operator: Operator) -> None:
    header = {"Authorization": f"Bearer {operator.key(Scope.ADMIN)}"}
    assert operator.client.get(AREA, headers=header).status_code == 303


def test_signing_in_and_out(operator: Operator) -> None:
    token = operator.key(Scope.ADMIN)
    came = operator.sign_in(token, to=f"{AREA}/runs")
    assert (came.status_code, came.headers["location"]) == (303, f"{AREA}/runs")
    cookie = next(c for c in came.headers.get_list("set-cookie") if c.startswith(COOKIE))
    for flag in ("HttpOnly", "SameSite=strict", f"Path={AREA}", "Max-Age=28800"):
        assert flag in cookie
    assert "Secure" not in cookie
    secret = token.partition(".")[2]
    assert secret not in cookie
    shown = operator.client.get(AREA)
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert operator.post("/sign-out").headers["location"] == SIGN_IN
    assert operator.client.get(AREA).status_code == 303


def test_over_https_the_cookie_never_travels_in_the_clear(tmp_path: Path) -> None:
    one = Operator(tmp_path, "https://testserver")
    cookies = one.sign_in().headers.get_list("set-cookie")
    assert len(cookies) == 2
    assert all("Secure" in cookie for cookie in cookies)


@pytest.mark.parametrize("scopes", [(Scope.READ,), (Scope.WRITE,), (Scope.SELLER,)])
def test_keys_of_other_scopes_are_refused(operator: Operator, scopes: tuple[Scope, ...]) -> None:
    token = operator.key(*scopes, seller="s1" if Scope.SELLER in scopes else None)
    refused = operator.sign_in(token)
    assert refused.status_code == 403
    assert "scope admin" in refused.text
    assert token not in refused.text
    assert COOKIE not in operator.client.cookies


@pytest.mark.parametrize("token", ["", "nonsense", f"mr_{'0' * 16}.{'a' * 43}"])
def test_what_is_no_key_is_refused(operator: Operator, token: str) -> None:
    assert operator.sign_in(token).status_code == 403
    assert operator.client.get(AREA).status_code == 303


def test_signing_in_needs_the_form_of_this_browser(operator: Operator) -> None:
    key = operator.key(Scope.ADMIN)
    fields = {"key": key, "csrf": TOKEN.findall(operator.client.get(SIGN_IN).text)[0]}
    operator.client.cookies.clear()
    assert operator.client.post(SIGN_IN, data=fields).status_code == 403
    operator.client.get(SIGN_IN)  # another cookie
    assert operator.client.post(SIGN_IN, data=fields).status_code == 403
    assert operator.client.get(AREA).status_code == 303


@pytest.mark.parametrize(
    "to", ["https://example.com/", "//example.com", "/operator@example.com", "/v1/x", SIGN_IN]
)
def test_signing_in_leads_nowhere_else(operator: Operator, to: str) -> None:
    form = operator.client.get(SIGN_IN, params={"next": to})
    fields = {"csrf": TOKEN.findall(form.text)[0], "next": to, "key": operator.key(Scope.ADMIN)}
    assert operator.client.post(SIGN_IN, data=fields).headers["location"] == AREA


def test_who_was_at_the_sellers_sign_in_can_sign_in_here(operator: Operator) -> None:
    assert operator.client.get("/seller/sign-in").status_code == 200
    assert operator.sign_in().headers["location"] == AREA


def test_a_session_ends_with_its_key(operator: Operator) -> None:
    token = operator.key(Scope.ADMIN)
    operator.sign_in(token)
    assert operator.client.get(AREA).status_code == 200
    store = operator.market.key_store
    held = store.held[KeyId(token[3:19])]
    for ended in (
        replace(held, key=replace(held.key, revoked_at=NOW)),
        replace(held, key=replace(held.key, scopes=frozenset({Scope.READ}))),
        replace(held, key=replace(held.key, expires_at=NOW - timedelta(seconds=1))),
        # Rotated, and the old secret no longer holds.
        replace(held, digest=b"new", previous=held.digest, previous_until=NOW),  # type: ignore[arg-type]
    ):
        store.put(ended)
        assert operator.client.get(AREA).status_code == 303
    still = replace(held, digest=b"new", previous=held.digest, previous_until=NOW + timedelta(1))  # type: ignore[arg-type]
    store.put(still)
    assert operator.client.get(AREA).status_code == 200


def test_a_changed_cookie_is_nobody(inside: Operator) -> None:
    cookie = inside.client.cookies[COOKIE]
    inside.client.cookies.clear()
    swapped = ("b" if cookie[5] != "b" else "c").join((cookie[:5], cookie[6:]))
    answer = inside.client.get(AREA, headers={"Cookie": f"{COOKIE}={swapped}"})
    assert answer.status_code == 303
    assert inside.client.get(AREA, headers={"Cookie": f"{COOKIE}={cookie}"}).status_code == 200


def test_guesses_are_limited_as_searches_are(tmp_path: Path) -> None:
    one = Operator(tmp_path, rate_per_address=1, rate_burst_seconds=12)
    statuses = [one.client.post(SIGN_IN).status_code for _ in range(3)]
    assert statuses == [403, 403, 429]


def test_a_marketplace_that_is_closed_lets_its_operator_sign_in(tmp_path: Path) -> None:
    one = Operator(tmp_path, open_reading=False)
    assert one.sign_in().status_code == 303
    assert one.client.get(AREA).status_code == 200


def test_without_a_desk_there_is_no_area(tmp_path: Path) -> None:
    app = create_app(small_market(), settings=Settings(home=tmp_path), clock=lambda: NOW)
    assert TestClient(app).get(SIGN_IN).status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_an_empty_home_says_what_to_do(operator: Operator, path: str) -> None:
    operator.sign_in()
    operator.market.audit.actions.clear()
    page = operator.client.get(path)
    assert page.status_code == 200
    assert 'aria-current="page"' in page.text
    assert re.search(r"marketrank \w+|experiments\.toml|Nothing", page.text)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", ("104,211", "3,120 ended", "75.0 s", "900 ms", "rank 420 ms", "/v1/search")),
        ("/versions/models", ("0.8660", "Gate: refused", "no golden query", "latency ratio")),
        ("/versions/rankers", ("None is in use", "0.3100")),
        ("/versions/towers", ("No version was published",)),
        ("/runs", ("vision-1", "unfinished", "0.5900")),
        ("/runs/vision-1", ("<polyline", "kept", "Confusion image", "5,788 all")),
        ("/relevance", ("known-item", "0.7100", "bm25", "Among all listings")),
        ("/fairness", ("640 consenting", "−0.12 of all others", "18-24", "Too little|No group")),
        ("/quarantine", ("120 by reason", "torn record", "row 0", "&lt;b&gt;oak")),
        ("/experiments", ("next less now", "+0.0600", "301 buyers")),
        ("/drift", ("Alarm", "price", "drifted", "days 7; latest: seen since, listings 812")),
        ("/retrainings", ("refused", "drift: price", "worse than v1", "v1", "train: no room")),
        ("/log", ("/operator/sign-in", "address testclient")),
    ],
)  # fmt: skip
def test_every_page_of_a_home_in_use(inside: Operator, path: str, words: tuple[str, ...]) -> None:
    page = inside.client.get(AREA + path)
    assert page.status_code == 200
    for each in words:
        assert any(one in page.text for one in each.split("|")), each
    assert "style=" not in page.text  # the policy of the pages would drop it


def test_words_of_slow_queries_are_shown_where_they_are_kept(inside: Operator) -> None:
    slow = [replace(one, text="gift for ann") for one in inside.desk.shown.slow]
    assert "gift for ann" not in inside.client.get(AREA).text
    inside.desk.shown = replace(inside.desk.shown, slow=slow, kept_words=True)
    assert "gift for ann" in inside.client.get(AREA).text


def test_promoting_and_rolling_back(inside: Operator) -> None:
    models = inside.desk.held["models"]
    page, now = f"{AREA}/versions/models", str(models.current)
    wanted = models.versions[0].name
    path = f"/versions/models/promote/{wanted}"
    done = inside.post(path, page, current=now, why="better  photos")
    assert done.status_code == 303
    assert f"{wanted} is in use now." in inside.client.get(done.headers["location"]).text
    assert inside.desk.held["models"].current == wanted
    change = inside.desk.held["models"].changes[0]
    assert change.why == "better photos (by key 0 in the operator's area)"
    back = inside.post("/versions/models/roll-back", page, current=wanted)
    assert "is in use again." in inside.client.get(back.headers["location"]).text
    assert inside.desk.held["models"].current == now
    logged = [(one.action, one.target, one.detail["status"]) for one in inside.market.audit.actions]
    assert logged[1:] == [
        ("POST", AREA + path, 303),
        ("POST", f"{AREA}/versions/models/roll-back", 303),
    ]
    assert all(one.detail["address"] == "testclient" for one in inside.market.audit.actions)


def test_back_to_none(inside: Operator) -> None:
    (one,) = inside.desk.held["rankers"].versions
    page = f"{AREA}/versions/rankers"
    inside.post(f"/versions/rankers/promote/{one.name}", page, current="")
    done = inside.post("/versions/rankers/roll-back", page, current=one.name)
    assert "None is in use any more." in inside.client.get(done.headers["location"]).text
    assert inside.desk.held["rankers"].current is None
    # An address that is opened again later says nothing that no longer holds.
    inside.post(f"/versions/rankers/promote/{one.name}", page, current="")
    assert "any more" not in inside.client.get(done.headers["location"]).text


def test_a_choice_made_on_an_old_page_is_refused(inside: Operator) -> None:
    models = inside.desk.held["models"]
    path = f"/versions/models/promote/{models.versions[0].name}"
    refused = inside.post(path, f"{AREA}/versions/models", current="another")
    assert refused.status_code == 409
    assert "look again" in refused.text
    assert inside.desk.held["models"] is models


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/versions/models/promote/nothing", 422, "there is no"),
        ("/versions/rankers/roll-back", 409, "nothing to go back to"),
        ("/versions/models/promote/{damaged}", 409, "checksum"),
        ("/versions/chairs/roll-back", 404, ""),
    ],
)
def test_what_cannot_be_chosen(inside: Operator, path: str, status: int, words: str) -> None:
    damaged = inside.desk.held["models"].versions[0].name
    inside.desk.damaged.add(damaged)
    current = inside.desk.versions(path.split("/")[2]).current or ""
    refused = inside.post(path.format(damaged=damaged), current=current)
    assert refused.status_code == status
    assert words in refused.text


@pytest.mark.parametrize("token", ["", "nonsense", "of another session"])
@pytest.mark.parametrize("path", ["/versions/models/roll-back", "/sign-out"])
def test_a_form_of_somebody_else_is_refused(inside: Operator, path: str, token: str) -> None:
    if token == "of another session":
        token = TOKEN.findall(inside.client.get(AREA).text)[0]
        inside.client.post(AREA + "/sign-out", data={"csrf": token})
        inside.sign_in()
    current = str(inside.desk.held["models"].current)
    refused = inside.client.post(AREA + path, data={"csrf": token, "current": current})
    assert refused.status_code == 403
    assert inside.desk.held["models"].current == current
    assert inside.client.get(AREA).status_code == 200  # nor signed out
    assert inside.market.audit.actions[-1].detail["status"] == 403


def test_pictures_are_of_a_run_and_nothing_else(inside: Operator) -> None:
    path = f"{AREA}/runs/vision-1/pictures"
    found = inside.client.get(f"{path}/confusion-image.png")
    assert (found.content, found.headers["content-type"]) == (PICTURE, "image/png")
    for other in ("else.png", "..%2Fvision-1%2Fconfusion-image.png", "%2e%2e%2fconfig.json"):
        assert inside.client.get(f"{path}/{other}").status_code == 404
    assert inside.client.get(f"{AREA}/runs/vision-2").status_code == 404


def test_the_whole_audit_brings_its_own_style_and_may_do_nothing(inside: Operator) -> None:
    page = inside.client.get(f"{AREA}/fairness/page")
    assert "The whole audit" in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "sandbox" in page.headers["content-security-policy"]


def test_quarantine_by_reason_and_page(inside: Operator) -> None:
    def rows(query: str) -> list[str]:
        return re.findall(r"(?:listing|photo) row (\d+)", inside.client.get(query).text)

    first = rows(f"{AREA}/quarantine")
    assert (len(first), first[0]) == (50, "0")
    assert rows(f"{AREA}/quarantine?page=3") == [str(n) for n in range(100, 120)]
    torn = rows(f"{AREA}/quarantine?kind=listing&reason=torn_record")
    assert torn == [str(n) for n in range(0, 120, 3)]
    assert (
        rows(f"{AREA}/quarantine?kind=photo&page=2") == [str(n) for n in range(120) if n % 3][50:]
    )
    for odd in ("page=x", "page=-1", "reason=nothing", "kind=%00", "page=²"):
        assert rows(f"{AREA}/quarantine?{odd}") == first


def test_experiments_of_so_many_days(inside: Operator) -> None:
    for query in ("", "?days=7", "?days=100000"):
        assert inside.client.get(f"{AREA}/experiments{query}").status_code == 200
    assert inside.desk.asked_days == [28, 7, 28]
    inside.desk.mistake = "experiments.toml is not valid TOML"
    assert "not valid TOML" in inside.client.get(f"{AREA}/experiments").text


def test_the_log_has_pages(inside: Operator) -> None:
    for n in range(60):
        inside.market.audit.write(Action(NOW, "command line", "create", f"key {n}"))
    first = inside.client.get(f"{AREA}/log").text
    assert first.count("<code>key ") == 50
    older = inside.client.get(f"{AREA}/log" + re.findall(r'href="(\?before=\d+)"', first)[0]).text
    assert older.count("<code>key ") == 10
    assert f"<code>{SIGN_IN}</code>" in older
