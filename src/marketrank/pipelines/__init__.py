"""Work in several steps: ingest, indexing, refresh."""
