"""Addresses of feeds and photos as they may be shown and stored."""

import re


def shown(source: str) -> str:
    """The path or URL without the secrets that it may hold: user, password and query."""
    # A database password may hold a "/"; elsewhere an "@" behind the first "/" is in a name.
    secret = r"(?<=://).*@" if source.startswith("postgres") else r"(?<=://)[^/@]*@"
    return re.sub(secret, "***@", source.partition("?")[0] if "://" in source else source)
