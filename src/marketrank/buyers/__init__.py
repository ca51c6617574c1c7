"""Buyers: what they like, and who likes what."""
