"""The order of candidates: named features of a query and a listing, and models over them."""
