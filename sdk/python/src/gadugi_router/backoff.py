"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random

# A connection that held so long counts as a success: what ends it afterwards is a new trouble, not the old one.
STABLE_AFTER = 5.0


class Backoff:
    """Exponential, with full jitter: any moment from 0 to the limit, which grows with each failure.

    Full jitter spreads clients that lost the same router over the whole interval; a fixed delay with a little noise
    brings all of them back at about the same moment.
    """

    def __init__(self, first: float, longest: float, factor: float, rng: random.Random | None = None) -> None:
        self._first, self._longest, self._factor = first, longest, factor
        self._random = rng or random.Random()
        self.attempts = 0

    def next_delay(self) -> float:
        """Seconds until the next attempt; counts it."""
        delay = self._random.uniform(0, self.limit())
        self.attempts += 1
        return delay

    def limit(self) -> float:
        """The longest that `next_delay` may say now."""
        try:
            return min(self._longest, self._first * self._factor**self.attempts)
        except OverflowError:
            return self._longest

    def connection_held(self, seconds: float) -> None:
        """A connection has ended that was complete for so long."""
        if seconds >= STABLE_AFTER:
            self.attempts = 0
