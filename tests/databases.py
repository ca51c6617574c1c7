"""Addresses of databases on one server."""

from sqlalchemy import make_url


def sibling(url: str, name: str, driver: str = "postgresql") -> str:
    """The URL of another database on the same server."""
    parsed = make_url(url).set(database=name, drivername=driver)
    return parsed.render_as_string(hide_password=False)
