"""The order of candidates: named features of a query and a listing, models over them, and
reordering."""
