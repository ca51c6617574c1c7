"""The commands of the API's keys: `marketrank keys create | list | revoke | rotate | audit`."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from marketrank.access import (
    Action,
    ApiKey,
    HeldKey,
    KeyId,
    Scope,
    check_scopes,
    new_token,
)
from marketrank.cli_home import Home, Json, open_existing
from marketrank.errors import BadInput
from marketrank.terminal import report
from marketrank.types import SellerId

if TYPE_CHECKING:
    from marketrank.wiring import Marketplace

app = typer.Typer(help="Give out and take back keys of the API.", no_args_is_help=True)
_out = Console(highlight=False, markup=False)
_ACTOR = "command line"
_LONGEST_NAME = 200

Id = Annotated[str, typer.Argument(help="As `marketrank keys list` names it.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, for your own list.")],
    *,
    scope: Annotated[list[Scope], typer.Option(help="May be repeated.")],
    seller: Annotated[str, typer.Option(help="Of scope seller: whose listings.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Valid so long; 0: until revoked.")] = 0,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown once, and nobody can read it again."""
    from marketrank.wiring import now

    if not name.strip() or len(name) > _LONGEST_NAME:
        raise BadInput(f"the name has {len(name)} characters; give 1 to {_LONGEST_NAME}")
    market, at = open_existing(home), now()
    of = SellerId(seller) if seller else None
    id, token, digest = new_token()
    ends = at + timedelta(days=days) if days else None
    key = ApiKey(id, name, check_scopes(scope, of), at, of, ends)
    market.key_store.put(HeldKey(key, digest))
    _log(market, "create key", key, at)
    _tell(key, token, json, "is made")


@app.command("list")
def list_keys(home: Home = None, json: Json = False) -> None:
    """List all keys, the oldest first, without their secrets."""
    found = open_existing(home).key_store.all()
    table = Table("id", "name", "scopes", "seller", "made", "ends", box=None)
    for key in found:
        ends = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else _day(key.expires_at)
        scopes = ", ".join(sorted(key.scopes))
        cells = (key.id, key.name, scopes, key.seller or "", _day(key.created_at), ends)
        table.add_row(*map(Text, cells))
    report(
        {"keys": [_as_dict(key) for key in found]},
        json,
        lambda: _out.print(table if found else "there are no keys"),
    )


@app.command()
def revoke(id: Id, home: Home = None, json: Json = False) -> None:
    """End a key. Servers notice within five seconds."""
    from marketrank.wiring import now

    market, at = open_existing(home), now()
    held = _find(market, id)
    key = held.key if held.key.revoked_at else replace(held.key, revoked_at=at)
    market.key_store.put(replace(held, key=key))
    _log(market, "revoke key", key, at)
    report(_as_dict(key), json, lambda: _out.print(f"{key.id} ({key.name}) is revoked"))


@app.command()
def rotate(
    id: Id,
    hours: Annotated[int, typer.Option(min=0, help="So long the old secret holds.")] = 24,
    home: Home = None,
    json: Json = False,
) -> None:
    """Give a key a new secret; the old one holds a while longer."""
    from marketrank.wiring import now

    market, at = open_existing(home), now()
    held = _find(market, id)
    if not held.key.is_valid(at):
        raise BadInput(f"key {id} has ended; make another with `marketrank keys create`")
    _, token, digest = new_token(held.key.id)
    until = at + timedelta(hours=hours)
    market.key_store.put(HeldKey(held.key, digest, held.digest, until))
    _log(market, "rotate key", held.key, at)
    _tell(
        held.key,
        token,
        json,
        f"has a new secret; the old one holds until {until:%Y-%m-%d %H:%M} UTC",
    )


@app.command()
def audit(
    limit: Annotated[int, typer.Option(min=1, help="Entries to print.")] = 50,
    home: Home = None,
    json: Json = False,
) -> None:
    """List what was done with the rights of an administrator, the latest first."""
    found = open_existing(home).audit.read(None, limit)
    table = Table("", "at", "actor", "action", "target", "detail", box=None)
    for one in found:
        at = f"{one.at:%Y-%m-%d %H:%M:%S}"
        cells = (str(one.number), at, one.actor, one.action, one.target, str(dict(one.detail)))
        table.add_row(*map(Text, cells))
    fields = ("number", "at", "actor", "action", "target", "detail")
    report(
        {"actions": [{name: getattr(one, name) for name in fields} for one in found]},
        json,
        lambda: _out.print(table if found else "nothing was done yet"),
    )


def _find(market: "Marketplace", id: str) -> HeldKey:
    held = market.key_store.get(KeyId(id))
    if held is None:
        known = ", ".join(key.id for key in market.key_store.all()[:20])
        raise BadInput(f"there is no key {id}; known are {known or 'none'}")
    return held


def _log(market: "Marketplace", action: str, key: ApiKey, at: datetime) -> None:
    market.audit.write(Action(at, _ACTOR, action, key.id, {"name": key.name}))


def _tell(key: ApiKey, token: str, json: bool, what: str) -> None:
    def show() -> None:
        _out.print(f"key {key.id} ({key.name}) {what}; send it as Authorization: Bearer …")
        _out.print(token, soft_wrap=True)

    report({**_as_dict(key), "token": token}, json, show)


def _as_dict(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "seller": key.seller,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else ""
