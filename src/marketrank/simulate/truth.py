"""What is true of shoppers and listings: what attracts whom, and who looks how far. It is the
oracle of tests and evaluations; no ranker may read it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketrank.simulate.shopper_parameters import ClickModel, ShopperParameters
from marketrank.simulate.shopper_stock import Floats, Ints, Stock
from marketrank.simulate.shoppers import Shoppers


@dataclass(frozen=True, slots=True, eq=False)
class Wants:
    """What s visitors have in mind: a kind, a colour (-1: any), whether they search for it
    (else they look around). Shapes (s,)."""

    kind: Ints
    colour: Ints
    search: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    stock: Stock
    shoppers: Shoppers
    params: ShopperParameters

    def relevance(self, buyers: Ints, wants: Wants, listings: Ints) -> Floats:
        """The probability that a listing, once looked at, is clicked; without the whim of the
        moment. `buyers` (s,), `listings` (s, n) or (n,); the result is (s, n)."""
        listings = np.broadcast_to(listings, (len(buyers), listings.shape[-1]))
        return sigmoid(self.attraction(buyers, wants, listings))

    def attraction(self, buyers: Ints, wants: Wants, listings: Ints) -> Floats:
        """Log-odds of the above, shape (s, n)."""
        stock, params = self.stock, self.params
        kind = stock.kind[listings]
        match = np.array(params.match, np.float32)[stock.kinds.level[wants.kind[:, None], kind]]
        search = wants.search[:, None]
        out = self.charm(buyers, listings)
        out += match * np.where(search, np.float32(1), np.float32(params.feed_match))
        out += np.where(search, np.float32(params.search_base), np.float32(params.feed_base))
        out += np.float32(params.colour) * (stock.colour[listings] == wants.colour[:, None])
        return out

    def charm(self, buyers: Ints, listings: Ints) -> Floats:
        """What attracts a buyer to a listing whatever they are after today, (s, n) log-odds."""
        stock, shoppers, params = self.stock, self.shoppers, self.params
        tastes = shoppers.tastes
        one = buyers[:, None]
        out = np.float32(params.kind_taste) * tastes.liking[one, stock.kind[listings]]
        # Cosines of random directions in 16 dimensions deviate by 1/4.
        style = np.einsum("sd,snd->sn", tastes.style[buyers], stock.style[listings])
        out += np.float32(params.style * 4) * style
        above = _log_price(stock)[listings] - tastes.wealth[one]
        out -= np.float32(params.over_budget) * np.maximum(above, 0)
        out -= np.float32(params.under_budget) * np.maximum(-above, 0)
        out -= np.float32(params.far) * np.log1p(self.distances(buyers, listings) / 10)
        out -= np.float32(params.no_photo) * (stock.photos[listings] == 0)
        out -= np.float32(params.trade) * stock.trade[listings]
        out += np.float32(params.appeal) * stock.appeal[listings]
        return np.asarray(out, np.float32)

    def distances(self, buyers: Ints, listings: Ints) -> Floats:
        """In kilometres, (s, n)."""
        between = self.shoppers.spot[buyers][:, None] - self.stock.spot[listings]
        return np.asarray(np.hypot(between[..., 0], between[..., 1]), np.float32)

    def interest(self, buyers: Ints, listings: Ints) -> Floats:
        """How probable it is that a buyer is attracted by a listing on their feed, over all that
        they come for in the long run (trends and colours left out). `buyers` (s,), `listings` (n,);
        the result is (s, n)."""
        stock, params = self.stock, self.params
        wanted = np.exp(self.shoppers.tastes.logits[buyers])
        wanted /= wanted.sum(axis=1, keepdims=True)
        base = self.charm(buyers, np.broadcast_to(listings, (len(buyers), len(listings))))
        out = np.zeros_like(base)
        for level, match in enumerate(params.match):
            alike = (stock.kinds.level == level).astype(np.float32)
            chance = (wanted @ alike)[:, stock.kind[listings]]
            out += chance * sigmoid(base + np.float32(params.feed_base + params.feed_match * match))
        return out

    def propensities(self) -> dict[str, NDArray[np.float64]]:
        """By surface, the chance that each shown rank is looked at where the position alone
        decides, (shown,). Under a cascade there is no such number: see `examination`."""
        ranks = np.arange(self.params.shown)
        return {
            "search": np.asarray((ranks + 1.0) ** -self.params.eta, np.float64),
            "feed": np.asarray((ranks + 1.0) ** -self.params.feed_eta, np.float64),
        }


def examination(relevance: Floats, search: NDArray[np.bool_], params: ShopperParameters) -> Floats:
    """The chance that each shown rank is looked at, (s, shown); `relevance` has that shape. Under a
    cascade it depends on what stands above."""
    if params.click_model is ClickModel.POSITION:
        eta = np.where(search, params.eta, params.feed_eta)[:, None]
        return np.asarray((np.arange(relevance.shape[1]) + 1.0) ** -eta, np.float32)
    on = params.go_on + (params.go_on_after_click - params.go_on) * relevance
    reached = np.cumprod(on, axis=1)
    first = np.ones((len(relevance), 1))
    return np.concatenate([first, reached[:, :-1]], axis=1).astype(np.float32)


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _log_price(stock: Stock) -> Floats:
    """By how much a price exceeds what the kind costs, as a logarithm; -1.5 for what is free."""
    typical = np.array([kind.price for kind in stock.kinds.kinds])[stock.kind]
    ratio = np.maximum(stock.price, 1e-9) / typical
    return np.asarray(np.maximum(np.log(ratio), -1.5), np.float32)
