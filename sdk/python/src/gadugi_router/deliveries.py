"""From the socket to the handlers: in priority order, within a window, never faster than they can take it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from typing import Any, Callable

from .callbacks import Callbacks
from .events import Event
from .results import Gap
from .settings import Settings
from .subscriptions import Subscription

# A runner that has called sync handlers for so long lets others have their turn: a more urgent event may have come.
TURN = 0.002
TURN_EVENTS = 32


class Deliveries:
    """Counts what waits here in all, and runs the handlers.

    When `prefetch` events wait, nothing more is read from the socket: what waits in the router is overtaken by more
    urgent events there, what is here already is overtaken here, but what is in between is in the order in which
    it was sent. Only while an answer is awaited reading goes on, since the answer is behind those events; that is
    bounded by `max_local_events`, beyond which the least urgent are shed and reported.
    """

    def __init__(self, settings: Settings, callbacks: Callbacks, report_gap: Callable[[Gap], None]) -> None:
        self._settings = settings
        self._callbacks = callbacks
        self._report_gap = report_gap
        self._count = 0
        self._busy: set[Subscription] = set()
        self._nudged: asyncio.Future[None] | None = None
        self._shed: dict[str, Counter[int]] = defaultdict(Counter)
        self.duplicates = 0

    @property
    def waiting(self) -> int:
        """How many events wait for their handlers or readers."""
        return self._count

    def is_full(self) -> bool:
        """Whether reading should stop."""
        return self._count >= self._settings.prefetch

    def nudged(self) -> asyncio.Future[None]:
        """Done when the reader should look again whether it may read."""
        if self._nudged is None or self._nudged.done():
            self._nudged = asyncio.get_running_loop().create_future()
        return self._nudged

    def nudge(self) -> None:
        """Something has changed for the reader."""
        if self._nudged is not None and not self._nudged.done():
            self._nudged.set_result(None)

    def add(self, subscription: Subscription, event: Event) -> None:
        """An event has come."""
        if not subscription.is_new(event.id):
            self.duplicates += 1
        elif subscription.at_once is not None:
            subscription.at_once(event)
        elif subscription.is_stream or subscription.handler is not None:
            subscription.waiting.add(int(event.priority), event)
            self._busy.add(subscription)
            self._count += 1
            if self._count > self._settings.max_local_events:
                self._shed_one()
            if subscription.is_stream:
                subscription.wake_readers()
            elif subscription.running < subscription.concurrency and subscription.waiting:
                subscription.running += 1
                self._callbacks.spawn(self._run(subscription, subscription.handler))

    def take(self, subscription: Subscription) -> Event | None:
        """The most urgent event that waits for a subscription."""
        event = subscription.waiting.pop()
        if event is not None:
            self._taken(1)
        if not subscription.waiting:
            self._busy.discard(subscription)
        return event

    def forget(self, subscription: Subscription) -> None:
        """What waits for a subscription that is no more."""
        while self.take(subscription) is not None:
            pass

    async def _run(self, subscription: Subscription, handler: Any) -> None:
        handle, clock = self._callbacks.handle, time.monotonic
        turn_ends, calls = clock() + TURN, 0
        try:
            while not subscription.is_closed and (event := self.take(subscription)) is not None:
                await handle(handler, event)
                calls += 1
                if calls >= TURN_EVENTS or clock() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends, calls = clock() + TURN, 0
        finally:
            subscription.running -= 1

    def _shed_one(self) -> None:
        """The newest of the lowest priority goes, whomever it is for."""
        victim = min(self._busy, key=lambda subscription: subscription.waiting.lowest())
        event = victim.waiting.pop_lowest(newest=True)
        if event is not None:
            self._shed[victim.id][int(event.priority)] += 1
            self._taken(1)

    def _taken(self, number: int) -> None:
        self._count -= number
        if self._count * 2 <= self._settings.prefetch:
            self.nudge()
            if self._shed:
                shed, self._shed = self._shed, defaultdict(Counter)
                for subscription_id, evicted in shed.items():
                    self._report_gap(Gap(subscription_id, dict(evicted), local=True))
