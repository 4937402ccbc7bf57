"""How far a replay has come, so that it goes on there on another connection."""

from __future__ import annotations

# A live event waits in the router while at most so many later ones pass it. More is not asked for again.
PASSING = 10_000
LEVELS = 10


class Reached:
    """By priority: everything up to here has come.

    A replay is in the order of the numbers; what is live afterwards is in that order at each level, and what is more
    urgent passes the rest. So the last number alone does not say what is still missing.
    """

    def __init__(self) -> None:
        self._levels = [0] * LEVELS

    def is_new(self, priority: int, sequence: int, is_replaying: bool) -> bool:
        """Whether an event was not here before. It was, from now on."""
        if sequence <= self._levels[priority - 1]:
            return False
        # What is more urgent was sent before it.
        for level in range(0 if is_replaying else priority - 1, LEVELS):
            self._levels[level] = max(self._levels[level], sequence)
        return True

    def all(self, sequence: int) -> None:
        """Everything up to here was looked at."""
        self._levels = [max(level, sequence) for level in self._levels]

    def next(self, lowest: int) -> int | None:
        """Where to go on, if nothing below this priority is wanted; None if nothing has come yet."""
        wanted = self._levels[lowest - 1 :]
        last = max(wanted)
        return max(min(wanted), last - PASSING) + 1 if last else None
