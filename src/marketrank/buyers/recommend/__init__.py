"""A recommender for bare interaction data: who had to do with what, and when. NumPy and SciPy."""
