"""What the logged lists say of each listing: what an honest engine would know at that moment.

Names are those of `ranking/session_features` where the meaning is the same. NaN stands for what is
not known, as the taste of somebody new.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.simulate.shopper_past import Past
from marketrank.simulate.shopper_stock import Floats, Ints, Stock
from marketrank.simulate.shoppers import DAY
from marketrank.simulate.truth import Truth

FEATURES: Mapping[str, str] = {
    "text": "how well the title fits the query's words, about 0 to 1; NaN on the feed",
    "title_coverage": "share of the query's words that the title has; NaN on the feed",
    "vector": "cosine with the query's vector; NaN on the feed",
    "category_match": "shared part of its path and the one the query seems to mean",
    "price_log": "ln(1 + pounds)",
    "price_to_estimate": "ln(price / what the like asks); NaN for what is free",
    "distance_log": (
        "ln(1 + kilometres) from the place asked for; from the buyer's own where none was"
    ),
    "age_log": "ln(1 + days) since it was listed",
    "photos": "how many photos it has",
    "trade": "1 where the seller is a trader, 0 if private",
    "seller_log": "ln(1 + listings of the seller so far)",
    "popularity_log": "ln(1 + interactions so far, decayed)",
    "saves_log": "ln(1 + saves so far)",
    "taste": "cosine with what the buyer has dealt with so far",
    "taste_category": "share of what the buyer has dealt with so far in its root",
    "taste_price": "|ln(price / estimate) less what the buyer's usual ratio is so far|",
    "demographic_affinity": "how much more the buyer's groups deal with its category so far",
    "search": "1 for a search, 0 for the feed",
}
"""Name and meaning of each column, in order."""
NAMES = tuple(FEATURES)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """s requests of one moment: who asks and what an engine makes of it. `vectors` (s, dim) is the
    query's, zeros on the feed; `category` (s,) the one it seems to mean, -1 on the feed; `text` and
    `coverage` (s, n) are over the candidates."""

    buyers: Ints
    search: NDArray[np.bool_]
    vectors: Floats
    kind: Ints
    """A kind of the category that the query seems to mean."""
    text: Floats
    coverage: Floats
    now: NDArray[np.float64]


def table(truth: Truth, past: Past, asked: Asked, listings: Ints, seller_log: Floats) -> Floats:
    """Shape (s, n, len(NAMES)), for `listings` (s, n). Of the truth it reads who lives where
    alone; `seller_log` (all listings,) is that feature."""
    stock = truth.stock
    buyers, kind = asked.buyers, stock.kind[listings]
    ratio = _ratio(stock, listings)
    seek = asked.search[:, None]
    taste, known = past.taste_of(buyers)
    place = truth.shoppers.known[buyers][:, None]
    age = (asked.now[:, None] - stock.created[listings]) / DAY
    level = stock.kinds.level[asked.kind[:, None], kind]
    columns = {
        "text": np.where(seek, asked.text, np.nan),
        "title_coverage": np.where(seek, asked.coverage, np.nan),
        "vector": np.where(seek, cosines(stock, asked.vectors, listings), np.nan),
        "category_match": np.where(seek, np.minimum(level, 2) / 2, np.nan),
        "price_log": np.log1p(stock.price[listings]),
        "price_to_estimate": ratio,
        "distance_log": np.where(place, np.log1p(truth.distances(buyers, listings)), np.nan),
        "age_log": np.log1p(np.maximum(age, 0)),
        "photos": stock.photos[listings],
        "trade": stock.trade[listings],
        "seller_log": seller_log[listings],
        "popularity_log": np.log1p(past.popularity[listings]),
        "saves_log": np.log1p(past.saves[listings]),
        "taste": np.where(known[:, None], cosines(stock, taste, listings), np.nan),
        "taste_category": past.root_share(buyers, kind),
        "taste_price": np.abs(ratio - past.usual_ratio(buyers)[:, None]),
        "demographic_affinity": past.affinity(buyers, kind),
        "search": np.broadcast_to(seek, listings.shape),
    }
    return np.stack([np.asarray(columns[name], np.float32) for name in NAMES], axis=-1)


def cosines(stock: Stock, vectors: Floats, listings: Ints) -> Floats:
    """Of each row's vector with its listings', (s, n)."""
    return np.asarray(np.einsum("sd,snd->sn", vectors, stock.vectors[listings]), np.float32)


def _ratio(stock: Stock, listings: Ints) -> NDArray[np.float64]:
    price = stock.price[listings]
    with np.errstate(divide="ignore"):
        return np.where(price > 0, np.log(price / stock.estimate[listings]), np.nan)
