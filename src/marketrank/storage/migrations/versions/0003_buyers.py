"""Buyers, what they did and what they were shown: pseudonyms, and what is sealed."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "INSERT INTO counters VALUES ('event', 0)",
    """CREATE TABLE buyers (
        pseudonym bytea PRIMARY KEY,
        seq bigint NOT NULL UNIQUE,
        sealed bytea,
        erased_on date
    )""",
    """CREATE TABLE events (
        seq bigint PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        pseudonym bytea NOT NULL,
        day date NOT NULL,
        lasting boolean NOT NULL,
        request bytea,
        sealed bytea NOT NULL
    )""",
    "CREATE INDEX events_pseudonym_day_idx ON events (pseudonym, day)",
    "CREATE INDEX events_request_idx ON events (request) WHERE request IS NOT NULL",
    """CREATE TABLE counted (
        seq bigint PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        listing text NOT NULL,
        kind text NOT NULL,
        day date NOT NULL
    )""",
    """CREATE TABLE feature_names (
        id bigint PRIMARY KEY,
        names text[] NOT NULL
    )""",
    """CREATE TABLE impressions (
        day date NOT NULL,
        hour smallint NOT NULL,
        pseudonym bytea,
        request bytea,
        names bigint NOT NULL,
        body bytea NOT NULL
    ) PARTITION BY LIST (day)""",
    "CREATE INDEX impressions_day_hour_idx ON impressions (day, hour)",
    "CREATE INDEX impressions_pseudonym_idx ON impressions (pseudonym)",
    # Random bytes do not compress: spare the attempt.
    "ALTER TABLE impressions ALTER COLUMN body SET STORAGE EXTERNAL",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
