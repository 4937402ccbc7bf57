"""Events that wait for the router, highest priority first, within bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from .levels import Levels
from .results import PublishResult


class Outgoing:
    """An event on its way to the router, and whoever waits for the answer."""

    __slots__ = ("attempts", "data", "deadline", "event_id", "future", "mandatory", "priority", "receipt", "watched")

    def __init__(
        self,
        event_id: str,
        data: bytes,
        priority: int,
        future: asyncio.Future[PublishResult],
        ttl_ms: int | None = None,
        receipt: str | None = None,
        mandatory: bool = False,
    ) -> None:
        self.event_id = event_id
        self.data = data
        self.priority = priority
        self.future = future
        self.deadline = None if ttl_ms is None else time.monotonic() + ttl_ms / 1000
        self.receipt = receipt
        self.mandatory = mandatory
        self.attempts = 0
        # Whether somebody waits for the answer; else the client reports what goes wrong.
        self.watched = True

    def remaining_ms(self) -> int | None:
        """What is left of its time: None without a limit, 0 when it is over."""
        return None if self.deadline is None else max(0, int((self.deadline - time.monotonic()) * 1000))


class PublishBuffer:
    """Ten queues with a common bound in events and in bytes."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self._levels: Levels[Outgoing] = Levels()
        self._max_events, self._max_bytes = max_events, max_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._levels)

    def has_room(self, entry: Outgoing) -> bool:
        """Whether it fits. What is larger than the bound itself fits into an empty buffer: it has to pass somehow."""
        if not self._levels:
            return True
        return len(self._levels) < self._max_events and self._bytes + len(entry.data) <= self._max_bytes

    def is_over(self) -> bool:
        """Whether something has to give way."""
        return len(self._levels) > self._max_events or (self._bytes > self._max_bytes and len(self._levels) > 1)

    def add(self, entry: Outgoing) -> None:
        """Appends to its level, room or not."""
        self._levels.add(entry.priority, entry)
        self._bytes += len(entry.data)

    def put_back(self, entries: Iterable[Outgoing]) -> None:
        """What was sent and not answered goes in front of its level again, in the order that it had.

        It had its place before; that the bound is passed by what was in flight lasts until the next `add`.
        """
        for entry in reversed(list(entries)):
            self._levels.put_back(entry.priority, entry)
            self._bytes += len(entry.data)

    def peek(self) -> Outgoing | None:
        """What `pop` would return."""
        return self._levels.peek()

    def pop(self) -> Outgoing | None:
        """The next to be sent: the oldest of the highest priority."""
        return self._without(self._levels.pop())

    def evict(self) -> Outgoing | None:
        """Makes room: the oldest of the lowest priority goes."""
        return self._without(self._levels.pop_lowest())

    def remove(self, entry: Outgoing) -> bool:
        """Takes one out that nobody wants published any more. False: it is not here, it was sent."""
        removed = self._levels.remove(entry.priority, entry)
        if removed:
            self._without(entry)
        return removed

    def take_all(self) -> list[Outgoing]:
        """Everything, in the order of sending."""
        return list(iter(self.pop, None))

    def _without(self, entry: Outgoing | None) -> Outgoing | None:
        if entry is not None:
            self._bytes -= len(entry.data)
        return entry
