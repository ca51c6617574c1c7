"""What the answers look like: models that describe them in the OpenAPI document.

Nothing is answered through them (`answers` builds plain dictionaries); a test validates real
answers against them.
"""

from pydantic import BaseModel, ConfigDict, Field

from marketrank.asking import ParseKind


class Shape(BaseModel):
    """What an answer looks like: documents it, and checks it in tests."""

    model_config = ConfigDict(extra="forbid")


class PlaceShape(Shape):
    town: str = Field(examples=["Bristol"])
    county: str | None = Field(examples=["Somerset"])
    latitude: float | None = Field(description="WGS84 degrees", examples=[51.4545])
    longitude: float | None = Field(description="WGS84 degrees", examples=[-2.5879])


class _ListingShape(Shape):
    id: str = Field(description="The feed's own id", examples=["1001"])
    url: str = Field(description="Path of the listing's page", examples=["/listings/1001"])
    title: str = Field(examples=["Solid oak dining table"])
    price: float | None = Field(description="In major units; null: none given", examples=[120.0])
    currency: str | None = Field(description="ISO 4217", examples=["GBP"])
    price_text: str | None = Field(description="As people write it", examples=["£120"])
    category: list[str] = Field(
        description="Path from the root", examples=[["Home & Garden", "Dining, Living Room"]]
    )
    place: PlaceShape | None
    created_at: str | None = Field(
        description="When it was offered (UTC, RFC 3339)", examples=["2026-01-31T09:30:00Z"]
    )
    photos: list[str] = Field(
        description="Paths of square JPEG photos, the first one first",
        examples=[["/photos/" + "0" * 64 + ".jpg"]],
    )
    description: str = Field(examples=["Seats six, a few marks on the top, collection only."])


class SignalShape(Shape):
    signal: str = Field(
        description="price_outlier, duplicate, photo_reused, price_low or contact_in_text",
        examples=["price_low"],
    )
    reason: str = Field(
        description="In words for buyers; it names no seller",
        examples=["The price is £50; others like it ask about £400."],
    )


class ExplainedShape(Shape):
    """The numbers behind a result."""

    features: dict[str, float] = Field(
        description="What a learned ranker saw, by name; {} where none ordered the results",
        examples=[{"title_coverage": 1.0}],
    )
    contributions: dict[str, float] = Field(
        description="What each feature added to its score, exactly; with `bias` they sum to it",
        examples=[{"title_coverage": 0.8, "bias": -0.1}],
    )
    ranks: dict[str, int] = Field(
        description="Its rank by retriever, from 0", examples=[{"text": 0, "vector": 3}]
    )
    parts: dict[str, float] = Field(
        description="Its share of the best score that could be, by retriever",
        examples=[{"text": 0.9}],
    )
    facts: dict[str, float] = Field(examples=[{"age_days": 0.4, "distance_km": 3.2}])


class ResultItem(_ListingShape):
    """One result. `description` is cut to about 200 characters."""

    distance_km: float | None = Field(
        description="From `near`; null without it or without a place", examples=[3.2]
    )
    distance_miles: float | None = Field(examples=[1.99])
    score: float = Field(
        description="Higher is better; comparable within one answer only", examples=[0.0325]
    )
    found_by: list[str] = Field(description="Retrievers", examples=[["text", "vector"]])
    signals: list[SignalShape]
    repeats: list[str] = Field(
        description="Ids of further results with the same words, which stand behind this one",
        examples=[["1002"]],
    )
    why: list[str] = Field(
        description="Reasons in plain words, the strongest first",
        examples=[["matches 'oak table'", "4 miles away"]],
    )
    explained: ExplainedShape | None = Field(None, description="Only with explain=full")


class ListingDetail(_ListingShape):
    """A whole listing."""

    photo_ids: list[str] = Field(
        description="Ids of the photos, in the order of `photos`", examples=[["1001-0"]]
    )
    live: bool = Field(description="False once it has ended", examples=[True])
    first_seen: str = Field(
        description="When it first came in (UTC, RFC 3339)", examples=["2026-01-31T09:31:07Z"]
    )
    flags: list[str] = Field(description="What cleaning noticed", examples=[["no_price"]])
    signals: list[SignalShape]


class FacetShape(Shape):
    value: str = Field(
        description="What to send as the parameter of the facet's name", examples=["Pets"]
    )
    label: str = Field(examples=["Pets"])
    count: int = Field(examples=[42])


class ParseShape(Shape):
    """What a part of the query was taken to mean. Sent back in `ignore`, its kind is taken back."""

    kind: str = Field(description=", ".join(ParseKind), examples=["price"])
    words: str = Field(description="The words of the query that say so", examples=["under £50"])
    value: str = Field(
        description="What the parameter of that name takes; for kinds without one, a word for it. "
        "A price that only lifts may be the word cheap",
        examples=["..50"],
    )
    label: str = Field(description="For people", examples=["up to £50"])
    hard: bool = Field(
        description="True: it excludes listings, as a filter does; false: it lifts those that fit",
        examples=[True],
    )
    within: str | None = Field(
        description="The radius that goes with `near`, as `within` takes it", examples=["5mi"]
    )


class UnderstoodShape(Shape):
    """What became of `q`. A filter that is given wins over one that is parsed."""

    text: str = Field(
        description="The words that were looked for, as they were corrected",
        examples=["oak table"],
    )
    parses: list[ParseShape]


class CorrectedShape(Shape):
    """Words that were probably meant otherwise."""

    original: str = Field(description="What was typed", examples=["dinning tabel"])
    text: str = Field(description="What was probably meant", examples=["dining table"])
    searched: bool = Field(
        description="True: these are results for `text` (`spell=off` prevents that); false: it "
        "is only an offer",
        examples=[True],
    )


class SuggestionShape(Shape):
    text: str = Field(examples=["dining table"])
    count: int = Field(description="Listings that have it in their title", examples=[42])
    category: list[str] = Field(
        description="Path of the category that most of them are in; empty: there is none",
        examples=[["Home & Garden", "Dining, Living Room"]],
    )
    category_count: int = Field(description="How many of them are in it", examples=[30])


class SuggestAnswer(Shape):
    """Completions, the best first."""

    q: str = Field(description="What was typed", examples=["dining ta"])
    suggestions: list[SuggestionShape]


class SimilarAnswer(Shape):
    """A page of results, best first."""

    request_id: str = Field(examples=["0d1f6c2e9a3b4c5d8e7f60718293a4b5"])
    release: str = Field(
        description="The release that answered", examples=["20260131T093000-1a2b3c4d"]
    )
    model: str = Field(
        description="The encoder that it was built with, and that the query was read by",
        examples=["multimodal-lite2-1a2b3c4d5e6f"],
    )
    items: list[ResultItem]
    total: int = Field(description="All that matched", examples=[137])
    understood: UnderstoodShape
    offset: int = Field(examples=[0])
    limit: int = Field(examples=[24])
    corrected: CorrectedShape | None


class SearchAnswer(SimilarAnswer):
    """A page of results, best first, with what the others have in common."""

    facets: dict[str, list[FacetShape]] = Field(
        examples=[{"category": [{"value": "Pets", "label": "Pets", "count": 42}]}]
    )
    took_ms: float = Field(description="Milliseconds to answer", examples=[12.5])
    stages_ms: dict[str, float] = Field(
        description="The same by stage", examples=[{"retrieve": 3.1, "fill": 2.2}]
    )
