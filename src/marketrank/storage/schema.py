"""The tables, as the newest migration leaves them. A contract test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"""The last number given out, by name: "seq" (changes), "key" (listings) and "event" (interactions
and changes of buyers). See `numbers`."""

listings = Table(
    "listings",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("category", ARRAY(Text), nullable=False),
    Column("price_minor", BigInteger),
    Column("currency", Text),
    Column("town", Text),
    Column("county", Text),
    Column("country", Text),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("seller", Text),
    Column("seller_type", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("flags", ARRAY(Text), nullable=False),
    # [{"signal", "reason", "others": [listing id, …]}, …]
    Column("findings", JSONB, nullable=False),
    Column("original", JSONB),
    Column("content_hash", Text, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("first_seen", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Index("listings_findings_idx", "seq", postgresql_where=text("findings <> '[]'")),
    Index("listings_seller_idx", "seller", "seq", postgresql_where=text("seller IS NOT NULL")),
    Index(
        "listings_title_words_idx",
        text("title_words(title)"),
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
        postgresql_where=text("live"),
    ),
)

photos = Table(
    "photos",
    metadata,
    Column("listing_key", ForeignKey("listings.key"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("image_id", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("source_sha256", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("phash", BigInteger, nullable=False),
    PrimaryKeyConstraint("listing_key", "position"),
    # Two feeds may both have a "1.jpg": an image id is unique within its listing only (ADR 0033).
    UniqueConstraint("listing_key", "image_id"),
    Index("photos_source_sha256_idx", "source_sha256"),
    Index("photos_blob_idx", "blob"),
    Index(
        "photos_phash_bands_idx",
        text("phash_bands(phash)"),
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    ),
)

rejected = Table(
    "rejected",
    metadata,
    Column("kind", Text, nullable=False),
    # A torn record can have any text for a key, longer than an index takes: sha256 of the key.
    Column("key_digest", LargeBinary, nullable=False),
    Column("key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("raw", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("kind", "key_digest"),
)

duplicates = Table(
    "duplicates",
    metadata,
    Column("listing_key", ForeignKey("listings.key"), nullable=False),
    Column("of_key", ForeignKey("listings.key"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("score", Double, nullable=False),
    PrimaryKeyConstraint("listing_key", "of_key", "kind"),
    CheckConstraint("listing_key <> of_key", name="duplicates_of_another"),
    Index("duplicates_of_idx", "of_key"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("model_version", Text, nullable=False),
    Column("listing_key", ForeignKey("listings.key"), nullable=False),
    Column("embed_hash", Text, nullable=False),
    # float32, little endian
    Column("vector", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("model_version", "listing_key"),
    Index("vectors_model_version_seq_idx", "model_version", "seq", unique=True),
)

estimates = Table(
    "estimates",
    metadata,
    Column("listing_key", ForeignKey("listings.key"), primary_key=True, autoincrement=False),
    Column("model_version", Text, nullable=False),
    # Of the listing that the model read.
    Column("content_hash", Text, nullable=False),
    # NULL where the model cannot judge the listing.
    Column("minor", BigInteger),
    Column("seq", BigInteger, nullable=False, unique=True),
)
"""What the price model in use says that listings like each one ask."""

# Of a buyer the database holds pseudonyms, numbers, days and what is sealed (`sealing`): ADR 148.

buyers = Table(
    "buyers",
    metadata,
    Column("pseudonym", LargeBinary, primary_key=True),
    Column("seq", BigInteger, nullable=False, unique=True),
    # NULL once they are erased: for a day the row tells the processes that remember them.
    Column("sealed", LargeBinary),
    Column("erased_on", Date),
)

events = Table(
    "events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    # Keyed digest of the event's id.
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("pseudonym", LargeBinary, nullable=False),
    Column("day", Date, nullable=False),
    # Sealed with the key of who they are, not of what they did: what they have hidden.
    Column("lasting", Boolean, nullable=False),
    # Digest of the request that it followed from, with the buyer's own key.
    Column("request", LargeBinary),
    Column("sealed", LargeBinary, nullable=False),
    Index("events_pseudonym_day_idx", "pseudonym", "day"),
    Index("events_request_idx", "request", postgresql_where=text("request IS NOT NULL")),
)

counted = Table(
    "counted",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("listing", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("day", Date, nullable=False),
)
"""Interactions of those who do not want to be remembered."""

offered = Table(
    "offered",
    metadata,
    Column("pseudonym", LargeBinary, nullable=False),
    Column("day", Date, nullable=False),
    # Digest of the listing's id with the buyer's own key, so that none counts twice.
    Column("digest", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("pseudonym", "day", "digest"),
    Index("offered_day_idx", "day"),
)
"""Buyers whom sellers were told of, by day: see `offers`."""

feature_names = Table(
    "feature_names",
    metadata,
    # From the names, so that whoever logs need not ask for it.
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("names", ARRAY(Text), nullable=False),
)

impressions = Table(
    "impressions",
    metadata,
    Column("day", Date, nullable=False),
    Column("hour", SmallInteger, nullable=False),
    # NULL: of nobody, and `body` is not sealed.
    Column("pseudonym", LargeBinary),
    Column("request", LargeBinary),
    Column("names", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("impressions_day_hour_idx", "day", "hour"),
    Index("impressions_pseudonym_idx", "pseudonym"),
    postgresql_partition_by="LIST (day)",
)
"""A partition a day, impressions_20260314, made by whoever logs first and dropped as a whole."""
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("seller", Text),
    # sha256 of the secret, and of the one before a rotation
    Column("digest", LargeBinary, nullable=False),
    Column("previous", LargeBinary),
    Column("previous_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
)

audit = Table(
    "audit",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", JSONB, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    # the key that asked for it
    Column("owner", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("counts", JSONB, nullable=False),
    Column("problem", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

job_lines = Table(
    "job_lines",
    metadata,
    Column("job", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("id", Text),
    Column("status", Text, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("job", "line"),
)

replays = Table(
    "replays",
    metadata,
    Column("owner", Text, nullable=False),
    Column("key", Text, nullable=False),
    # sha256 of the request, so that a key that is used twice for two things is noticed
    Column("request", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("location", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("owner", "key"),
    Index("replays_at_idx", "at"),
)
