"""Adapters to what keeps state: Postgres, files. Imported by `wiring` alone."""
