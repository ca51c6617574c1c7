"""From a messy feed to clean listings and photos."""
