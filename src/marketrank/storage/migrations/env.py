"""Alembic's entry point: `storage.database.migrate` hands over an open connection."""

from alembic import context

from marketrank.storage.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
# One transaction for all steps: PostgreSQL rolls back tables too, so a killed migration leaves
# the database as it was.
with context.begin_transaction():
    context.run_migrations()
