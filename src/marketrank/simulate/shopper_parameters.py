"""What the simulated shoppers are like: every number of the truth, in one frozen value.

The numbers were fixed before any ranker, tower or recommender was trained on what comes out, and
are not to be tuned to make one of them look better: docs/adr/0145. A study varies them by
`dataclasses.replace` and says so.
"""

from dataclasses import dataclass, fields
from enum import StrEnum

from marketrank.errors import BadInput


class ClickModel(StrEnum):
    """How far down a list people look."""

    POSITION = "position"
    """Rank r (from 0) is examined with probability (1 / (r + 1)) ** eta, whatever else was there
    (Joachims, Swaminathan and Schnabel 2017)."""
    CASCADE = "cascade"
    """From the top, each step taken with a probability that a click lowers (Guo et al. 2009)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopperParameters:
    """Weights are in log-odds unless said otherwise; shares and chances lie in [0, 1]."""

    buyers: int = 2_000
    sessions: int = 20_000
    """How many are expected over all days."""
    days: int = 60
    slices: int = 8
    """Parts of a day: what is known of the past is brought up to date at the start of each."""

    # Lists and how they are looked at.
    shown: int = 20
    unshown: int = 5
    """Candidates that are logged beside those shown, drawn evenly from the rest."""
    retrieved: int = 40
    search_share: float = 0.65
    click_model: ClickModel = ClickModel.POSITION
    eta: float = 1.0
    """Exponent of examination on result pages."""
    feed_eta: float = 1.0
    """The same on the home feed."""
    go_on: float = 0.9
    """Cascade: chance to look at the next listing after one that was not clicked."""
    go_on_after_click: float = 0.6
    swap_share: float = 0.1
    """Share of the requests in which two ranks change places, by chance alone."""

    # Who the buyers are.
    new_share: float = 0.5
    """Share of the buyers who join during the days; the others were there before."""
    activity_spread: float = 1.0
    """Deviation of the logarithm of how often they come."""
    demographics_share: float = 0.8
    """Share who let their demographics be used; of the others nobody knows them."""
    outreach_share: float = 0.6
    seller_share: float = 0.1
    """Share who sell here too."""

    # What they like. Deviations of log-odds of wanting a kind, and of the parts of a style.
    taste_tilt: float = 1.0
    """How much of the table of tilts by group counts (stock/groups.toml)."""
    taste_by_group: float = 0.4
    """What a group drew by itself, each kind of thing for itself."""
    taste_personal: float = 1.0
    style_by_group: float = 0.6
    style_personal: float = 0.8
    want_ends: float = 0.3
    """Chance that a buyer comes for something new."""
    want_colour: float = 0.5
    """Chance that the colour matters."""
    trend: float = 0.5
    """Swing of what is wanted over the weeks."""
    fads: int = 4
    """Kinds that are in fashion in each week."""
    fad: float = 1.1

    # When they find a listing attractive.
    search_base: float = -1.6
    feed_base: float = -1.0
    match: tuple[float, float, float, float] = (-2.2, -1.0, 0.6, 2.4)
    """Of another root, the same root, the same category, the same kind as is wanted."""
    feed_match: float = 0.6
    """How much of `match` counts on the home feed, where people look around."""
    kind_taste: float = 0.5
    """By what the kind's log-odds for this buyer exceed those of everybody."""
    style: float = 0.8
    colour: float = 0.7
    over_budget: float = 1.8
    """For each e-fold above the price that suits the buyer."""
    under_budget: float = 0.35
    far: float = 0.55
    """For each e-fold of 1 + km / 10."""
    no_photo: float = 1.2
    trade: float = 0.3
    appeal: float = 0.5
    """Deviation of what all buyers like about a listing and no feature says."""
    whim: float = 0.35
    """Deviation of what nobody can know, drawn for each listing of each request."""

    # What follows a click: chances at a satisfaction of 1.
    condition: float = 0.6
    """How much what is only seen after the click counts."""
    save: float = 0.35
    message: float = 0.3
    offer: float = 0.3
    """Of those who write."""
    buy: float = 0.25
    """Of those who write."""
    hide: float = 0.02
    """Of those who looked and found it unattractive (below 3 %)."""

    # The imperfect ranker whose lists were logged: weights of standard deviations of features.
    policy_words: float = 1.0
    policy_vector: float = 0.5
    policy_fresh: float = 0.8
    policy_popular: float = 0.6
    policy_trade: float = 0.5
    """Traders' listings are lifted: they pay."""
    policy_near: float = 0.3
    policy_taste: float = 0.4
    policy_noise: float = 0.5

    def __post_init__(self) -> None:
        for name in ("buyers", "sessions", "days", "slices", "shown"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}={getattr(self, name)}: must be 1 or more")
        if self.unshown < 0 or self.retrieved < self.shown + self.unshown:
            raise BadInput(
                f"retrieved={self.retrieved} must be shown + unshown or more, here "
                f"{self.shown} + {self.unshown}"
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith(("_share", "go_on_after_click")) and not 0 <= value <= 1:
                raise BadInput(f"{field.name}={value}: a share lies between 0 and 1")
        if min(self.eta, self.feed_eta) < 0:
            raise BadInput(f"eta={self.eta}, feed_eta={self.feed_eta}: an exponent is 0 or more")
