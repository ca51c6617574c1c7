"""marketrank: search and recommendation for a marketplace of one-off listings."""

__version__ = "0.1.0"
