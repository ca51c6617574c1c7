"""Relevance sets: listings, queries and graded judgments, read, fetched and built."""
