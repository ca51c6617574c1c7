"""For how long a follower has been behind what it follows."""

from marketrank.types import Seq


class Lag:
    """Tells the age of the oldest change that is not followed yet, from looks at two numbers.

    The numbers themselves do not tell: the store gives some to what this follower does not need.
    """

    def __init__(self) -> None:
        self._target: Seq | None = None
        self._since = 0.0

    def look(self, *, done: Seq, last: Seq, behind: bool, now: float) -> float:
        """Seconds, 0 where nothing waits. `done` and `last` are the follower's and the store's
        newest numbers, `behind` whether there is a change after `done`; `now` is in seconds."""
        if not behind:
            self._target = None
            return 0.0
        if self._target is None or done >= self._target:
            # What was behind at the last look has been followed; what waits now came later.
            self._target, self._since = last, now
        return now - self._since
