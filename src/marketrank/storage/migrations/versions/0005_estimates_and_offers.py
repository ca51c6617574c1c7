"""What listings like each one ask, and whom listings were offered to today."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE estimates (
        listing_key bigint PRIMARY KEY REFERENCES listings,
        model_version text NOT NULL,
        content_hash text NOT NULL,
        minor bigint,
        seq bigint NOT NULL UNIQUE
    )""",
    """CREATE TABLE offered (
        pseudonym bytea NOT NULL,
        day date NOT NULL,
        digest bytea NOT NULL,
        sealed bytea NOT NULL,
        PRIMARY KEY (pseudonym, day, digest)
    )""",
    "CREATE INDEX offered_day_idx ON offered (day)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
