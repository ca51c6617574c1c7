"""Buyers: what may be used of what they are, and whether groups of them are served alike."""
"""Buyers: what they like, and who likes what."""
