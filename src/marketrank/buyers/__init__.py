"""Buyers: what they are like, what may be used of it, and whether groups of them are served alike."""
