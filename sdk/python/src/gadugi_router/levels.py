"""A queue a priority: what both the events on their way out and those on their way to handlers wait in."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

HIGHEST = 10

T = TypeVar("T")


class Levels(Generic[T]):
    """Ten queues. First in, first out within each; it has no bound of its own."""

    def __init__(self) -> None:
        self._lowest_first: list[deque[T]] = [deque() for _ in range(HIGHEST)]
        self._highest_first = self._lowest_first[::-1]
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, priority: int, item: T) -> None:
        """Appends it to its level."""
        self._lowest_first[priority - 1].append(item)
        self._length += 1

    def put_back(self, priority: int, item: T) -> None:
        """Puts it in front of its level."""
        self._lowest_first[priority - 1].appendleft(item)
        self._length += 1

    def peek(self) -> T | None:
        """The oldest of the highest priority."""
        for level in self._highest_first:
            if level:
                return level[0]
        return None

    def pop(self) -> T | None:
        """Takes the oldest of the highest priority."""
        for level in self._highest_first:
            if level:
                self._length -= 1
                return level.popleft()
        return None

    def lowest(self) -> int:
        """The lowest priority that waits; above all of them when none does."""
        return next((priority for priority, level in enumerate(self._lowest_first, 1) if level), HIGHEST + 1)

    def pop_lowest(self, newest: bool = False) -> T | None:
        """Takes the oldest of the lowest priority, or the newest."""
        for level in self._lowest_first:
            if level:
                self._length -= 1
                return level.pop() if newest else level.popleft()
        return None

    def remove(self, priority: int, item: T) -> bool:
        """Takes a certain one. False: it is not here."""
        try:
            self._lowest_first[priority - 1].remove(item)
        except ValueError:
            return False
        self._length -= 1
        return True
