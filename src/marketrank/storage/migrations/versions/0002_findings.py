"""Signals with their reasons: a column of names becomes one of findings."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATEMENTS = (
    "ALTER TABLE listings ADD COLUMN findings jsonb NOT NULL DEFAULT '[]'",
    # The next ingest compares all listings again and says more.
    """UPDATE listings SET findings = (
        SELECT jsonb_agg(jsonb_build_object(
            'signal', signal,
            'reason', CASE signal
                WHEN 'price_outlier' THEN 'The price is unusual for this category.'
                WHEN 'duplicate' THEN 'This looks like a repeat of another listing.'
                ELSE 'It differs from listings like it.'
            END,
            'others', '[]'::jsonb
        ) ORDER BY signal)
        FROM unnest(signals) signal
    ) WHERE signals <> '{}'""",
    "ALTER TABLE listings ALTER COLUMN findings DROP DEFAULT",
    "ALTER TABLE listings DROP COLUMN signals",
    "CREATE INDEX listings_findings_idx ON listings (seq) WHERE findings <> '[]'",
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
