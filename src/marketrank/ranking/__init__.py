"""Reordering what was retrieved."""
