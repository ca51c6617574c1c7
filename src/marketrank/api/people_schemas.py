"""The JSON of events and buyers: models that document it, and what is made for answers.

Requests are read by hand (`events`, `buyers`), so that each problem is told with the thing, its
value and the remedy; a test validates examples against the models.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from marketrank.api.parameters import LONGEST_ID
from marketrank.feedback.intake import Refused, Taken
from marketrank.people import Buyer, InteractionKind, Purpose

MAX_EVENTS = 1_000
MOST_ATTRIBUTES = 50
_TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID, "pattern": r"^[^\x00]+$"}
_TIME = {"type": "string", "format": "date-time"}
Text = Annotated[str, WithJsonSchema(_TEXT)]
"""What `bodies.text` takes."""
_Agrees = Annotated[bool | None, WithJsonSchema({"type": "boolean"})]
_WHEN = "2026-01-31T09:30:00Z"


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _degrees(most: int) -> dict[str, Any]:
    return {"type": "number", "minimum": -most, "maximum": most}


def taken_json(taken: Taken) -> dict[str, Any]:
    """See EventsAnswer."""
    return {
        "accepted": taken.recorded.new,
        "repeated": taken.recorded.repeated,
        "ended": taken.ended,
        "refused": refused_json(taken.refused),
    }


def refused_json(refused: tuple[Refused, ...]) -> list[dict[str, Any]]:
    return [
        {
            "index": one.index,
            "parameter": one.parameter,
            "value": one.value if len(one.value) <= 100 else one.value[:100] + "…",
            "remedy": one.remedy,
        }
        for one in refused
    ]


def buyer_json(buyer: Buyer) -> dict[str, Any]:
    """See BuyerShape."""
    place = buyer.place
    return {
        "id": buyer.id,
        "attributes": dict(buyer.attributes),
        "place": place
        and {
            "town": place.town,
            "county": place.county,
            "latitude": place.latitude,
            "longitude": place.longitude,
        },
        "seller": buyer.seller,
        "consents": {str(purpose): buyer.consents.get(purpose) for purpose in Purpose},
    }


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EventShape(_Shape):
    """Something that a buyer did with a listing."""

    id: Text = Field(
        description="Your own id of the event: sent again, it is the same event", examples=["e-1"]
    )
    buyer: Text = Field(description="Your id of the buyer", examples=["b-17"])
    listing: Annotated[str, WithJsonSchema({**_TEXT, "format": "listing-id"})] = Field(
        description="The feed's id of the listing", examples=["1001"]
    )
    kind: InteractionKind = Field(description="What they did", examples=["click"])
    at: Annotated[str | None, WithJsonSchema(_nullable(_TIME))] = Field(
        None,
        description="When (RFC 3339, with its zone); left out: now. Any order will do",
        examples=[_WHEN],
    )
    request: Annotated[str | None, WithJsonSchema(_nullable(_TEXT))] = Field(
        None,
        description="The `request_id` of the answer that it followed from",
        examples=["0d1f6c2e9a3b4c5d8e7f60718293a4b5"],
    )


class Refusable(BaseModel):
    """Any other object: it is refused by itself and costs the others nothing."""

    model_config = ConfigDict(extra="allow")


class EventsShape(_Shape):
    events: list[EventShape | Refusable] = Field(
        description=f"At most {MAX_EVENTS:,}", max_length=MAX_EVENTS
    )


class RefusedShape(_Shape):
    """Why one event was not taken."""

    index: int = Field(description="Its place in the batch, from 0", examples=[3])
    parameter: str = Field(examples=["listing"])
    value: str = Field(examples=["1O01"])
    remedy: str = Field(examples=["there is no such listing; give the id that the feed has for it"])


class EventsAnswer(_Shape):
    """accepted + repeated + refused = sent. What is accepted is on the disk."""

    accepted: int = Field(examples=[41])
    repeated: int = Field(description="Had been taken before", examples=[1])
    ended: int = Field(description="Listings that are sold now", examples=[0])
    refused: list[RefusedShape]


class HomeShape(_Shape):
    """Where a buyer is at home."""

    town: str = Field(examples=["Bristol"])
    county: str | None = Field(None, examples=["Somerset"])
    latitude: float | None = Field(None, description="WGS84 degrees", examples=[51.4545])
    longitude: float | None = Field(None, examples=[-2.5879])


class HomeGiven(_Shape):
    """Where a buyer is at home, as you tell it."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"latitude": ["longitude"], "longitude": ["latitude"]}
        }
    )

    town: Annotated[str, WithJsonSchema({**_TEXT, "format": "place"})] = Field(examples=["Bristol"])
    county: Annotated[str | None, WithJsonSchema(_nullable(_TEXT))] = Field(
        None, examples=["Somerset"]
    )
    latitude: Annotated[float | None, WithJsonSchema(_degrees(90))] = Field(
        None, description="WGS84 degrees; without both the town is looked up", examples=[51.4545]
    )
    longitude: Annotated[float | None, WithJsonSchema(_degrees(180))] = Field(
        None, examples=[-2.5879]
    )


class ProfileShape(_Shape):
    """What you tell of a buyer. It replaces what you told before."""

    attributes: Annotated[
        dict[str, str],
        WithJsonSchema(
            {
                "type": "object",
                "maxProperties": MOST_ATTRIBUTES,
                "propertyNames": _TEXT,
                "additionalProperties": _TEXT,
            }
        ),
    ] = Field(
        default_factory=dict,
        description="Demographics, of names and values that you choose; used only with their "
        "consent to `demographics`",
        examples=[{"age": "25-34"}],
    )
    place: HomeGiven | None = Field(None, description="Used likewise")
    seller: Annotated[str | None, WithJsonSchema(_nullable(_TEXT))] = Field(
        None,
        description="Who they are in the feed where they sell: they are not offered their own",
        examples=["s-4"],
    )


class ConsentsShape(_Shape):
    """What a buyer agrees to (true) or takes back (false); what is left out stays as it is."""

    history: _Agrees = Field(
        None,
        description="What they did shapes what they are shown. Taken back, it is destroyed",
        examples=[True],
    )
    demographics: _Agrees = Field(
        None, description="So do their attributes and their place", examples=[True]
    )
    outreach: _Agrees = Field(
        None,
        description="Sellers may be told that such a buyer could want their listing; never who",
        examples=[False],
    )


class AgreedShape(_Shape):
    """When each consent in force was given (UTC, RFC 3339); null: it was not, or is taken back."""

    history: str | None = Field(examples=[_WHEN])
    demographics: str | None = Field(examples=[_WHEN])
    outreach: str | None = Field(examples=[None])


class BuyerShape(_Shape):
    """A buyer as we hold them."""

    id: str = Field(examples=["b-17"])
    attributes: dict[str, str] = Field(examples=[{"age": "25-34"}])
    place: HomeShape | None
    seller: str | None = Field(examples=["s-4"])
    consents: AgreedShape


class ExportAnswer(BaseModel):
    """All that is held of a buyer. `agreements` are their consents and withdrawals in order,
    `interactions` what they did, the latest first, `impressions` what they were shown."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(examples=["b-17"])
    attributes: dict[str, str] = Field(examples=[{"age": "25-34"}])
    place: dict[str, Any] | None = Field(
        examples=[
            {"town": "Bristol", "county": "Somerset", "latitude": 51.4545, "longitude": -2.5879}
        ]
    )
    seller: str | None = Field(examples=["s-4"])
    consents: dict[str, str] = Field(examples=[{"history": _WHEN}])
    agreements: list[dict[str, Any]] = Field(
        examples=[[{"purpose": "history", "given": True, "at": _WHEN}]]
    )
    interactions: list[dict[str, Any]] = Field(
        examples=[[{"id": "e-1", "listing": "1001", "kind": "click", "at": _WHEN, "request": None}]]
    )
    impressions: list[dict[str, Any]] = Field(
        examples=[[{"request": "0d1f6c2e9a3b4c5d8e7f60718293a4b5", "at": _WHEN, "surface": "feed"}]]
    )


class ErasedAnswer(_Shape):
    erased: bool = Field(description="False: nothing was held of them", examples=[True])


def body_docs(model: type[BaseModel]) -> Mapping[str, Any]:
    """The OpenAPI entry of a JSON body that is read by hand."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    inner = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(schema, inner)}},
        }
    }


def _inlined(schema: Any, inner: Mapping[str, Any]) -> Any:
    """Without references: a body that no route declares is not among the document's components."""
    if isinstance(schema, list):
        return [_inlined(one, inner) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = inner[schema["$ref"].rpartition("/")[2]]
        schema = {**found, **{name: each for name, each in schema.items() if name != "$ref"}}
    # A default of null says "left out"; it is no value to send.
    members = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    return {name: _inlined(value, inner) for name, value in members.items()}
