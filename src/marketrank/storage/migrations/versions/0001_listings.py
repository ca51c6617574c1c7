"""Listings with their photos, what was rejected, duplicates, vectors, and the one counter."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE counters (
        name text PRIMARY KEY,
        value bigint NOT NULL
    )""",
    "INSERT INTO counters VALUES ('seq', 0), ('key', 0)",
    """CREATE TABLE listings (
        key bigint PRIMARY KEY,
        id text NOT NULL UNIQUE,
        title text NOT NULL,
        description text NOT NULL,
        category text[] NOT NULL,
        price_minor bigint,
        currency text,
        town text,
        county text,
        country text,
        latitude double precision,
        longitude double precision,
        seller text,
        seller_type text,
        created_at timestamptz,
        flags text[] NOT NULL,
        signals text[] NOT NULL,
        original jsonb,
        content_hash text NOT NULL,
        live boolean NOT NULL,
        seq bigint NOT NULL UNIQUE,
        first_seen timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        ended_at timestamptz
    )""",
    """CREATE TABLE photos (
        listing_key bigint NOT NULL REFERENCES listings,
        position integer NOT NULL,
        image_id text NOT NULL,
        blob text NOT NULL,
        source_sha256 text NOT NULL,
        width integer NOT NULL,
        height integer NOT NULL,
        phash bigint NOT NULL,
        PRIMARY KEY (listing_key, position),
        UNIQUE (listing_key, image_id)
    )""",
    "CREATE INDEX photos_source_sha256_idx ON photos (source_sha256)",
    "CREATE INDEX photos_phash_idx ON photos (phash)",
    """CREATE TABLE rejected (
        kind text NOT NULL,
        key_digest bytea NOT NULL,
        key text NOT NULL,
        reason text NOT NULL,
        detail text NOT NULL,
        source text NOT NULL,
        raw text NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (kind, key_digest)
    )""",
    """CREATE TABLE duplicates (
        listing_key bigint NOT NULL REFERENCES listings,
        of_key bigint NOT NULL REFERENCES listings,
        kind text NOT NULL,
        score double precision NOT NULL,
        PRIMARY KEY (listing_key, of_key, kind),
        CONSTRAINT duplicates_of_another CHECK (listing_key <> of_key)
    )""",
    """CREATE TABLE vectors (
        model_version text NOT NULL,
        listing_key bigint NOT NULL REFERENCES listings,
        embed_hash text NOT NULL,
        vector bytea NOT NULL,
        seq bigint NOT NULL,
        PRIMARY KEY (model_version, listing_key)
    )""",
    "CREATE UNIQUE INDEX vectors_model_version_seq_idx ON vectors (model_version, seq)",
    # Random mantissas do not compress: spare the attempt where a vector is moved out of its row.
    "ALTER TABLE vectors ALTER COLUMN vector SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
