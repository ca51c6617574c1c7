"""Finding candidates: text, vectors, filters, fusion."""
