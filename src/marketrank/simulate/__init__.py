"""A made-up marketplace for demos and tests."""
