"""Buyers: what they like, who likes what, what may be used of them, and whether groups of them
are served alike."""
