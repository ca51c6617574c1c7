"""Keys of the API, the log of what administrators did, jobs, and answers that can be repeated."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """CREATE TABLE api_keys (
        id text PRIMARY KEY,
        name text NOT NULL,
        scopes text[] NOT NULL,
        seller text,
        digest bytea NOT NULL,
        previous bytea,
        previous_until timestamptz,
        created_at timestamptz NOT NULL,
        expires_at timestamptz,
        revoked_at timestamptz
    )""",
    """CREATE TABLE audit (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL,
        actor text NOT NULL,
        action text NOT NULL,
        target text NOT NULL,
        detail jsonb NOT NULL
    )""",
    """CREATE TABLE jobs (
        id text PRIMARY KEY,
        kind text NOT NULL,
        owner text NOT NULL,
        state text NOT NULL,
        done integer NOT NULL,
        total integer NOT NULL,
        counts jsonb NOT NULL,
        problem text NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    )""",
    """CREATE TABLE job_lines (
        job text NOT NULL REFERENCES jobs ON DELETE CASCADE,
        line integer NOT NULL,
        id text,
        status text NOT NULL,
        detail text NOT NULL,
        PRIMARY KEY (job, line)
    )""",
    """CREATE TABLE replays (
        owner text NOT NULL,
        key text NOT NULL,
        request bytea NOT NULL,
        status integer NOT NULL,
        body bytea NOT NULL,
        location text,
        at timestamptz NOT NULL,
        PRIMARY KEY (owner, key)
    )""",
    "CREATE INDEX replays_at_idx ON replays (at)",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
