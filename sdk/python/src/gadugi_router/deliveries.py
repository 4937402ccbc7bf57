"""From the socket to the handlers: in priority order, within a window, never faster than they can take it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from typing import Any, Callable

from .acks import Delivery
from .callbacks import Callbacks
from .credit import Credit
from .events import Event, EventPriority
from .results import Gap
from .settings import Settings
from .subscriptions import Subscription

# A runner that has called sync handlers for so long lets others have their turn: a more urgent event may have come.
TURN = 0.002
TURN_EVENTS = 32
# How far a client reads ahead what other members of a group could have.
READ_AHEAD_OF_A_GROUP = 32
# Reading goes on when so many have been handled, or half of all: each pause costs a few system calls.
RESUME_AFTER = 64
# Seconds over which what is shed here is summed up.
REPORT_AFTER = 0.1


class Deliveries:
    """Counts what waits here in all, and runs the handlers.

    What waits in the router is overtaken by more urgent events there, what waits here is overtaken here; what is in
    between, in the buffers of the kernels, is in the order in which it was sent. So a client reads ahead as far as its
    bounds allow, unless it shares work with others (`group`): what it has read ahead, nobody else can have.

    A router with flow control is told how much that is (`credit`), and everything it sends is read. With another one,
    nothing more is read when the client is full. Only while an answer is awaited reading goes on, since the answer is
    behind those events; beyond the bounds the least urgent are then shed, and reported.
    """

    def __init__(
        self, settings: Settings, callbacks: Callbacks, credit: Credit, report_gap: Callable[[Gap], None]
    ) -> None:
        self._settings = settings
        self._callbacks = callbacks
        self._credit = credit
        self._report_gap = report_gap
        self._count = self._bytes = 0
        self._busy: set[Subscription] = set()
        self._nudged: asyncio.Future[None] | None = None
        self._shed: dict[str, Counter[int]] = defaultdict(Counter)
        self.duplicates = 0
        # Handlers get nothing more; replies still find their requests.
        self.is_closing = False
        self.resize(False, 0)

    def resize(self, shares: bool, at_work: int) -> bool:
        """`shares`: whether other clients could do what waits here. `at_work`: how many handlers may run at a time.

        Returns whether the router's credit fits into that.
        """
        ahead = READ_AHEAD_OF_A_GROUP if shares else self._settings.max_local_events
        self._window = ahead if self._settings.prefetch is None else self._settings.prefetch
        self._resume_at = self._window - min((self._window + 1) // 2, RESUME_AFTER)
        # Credit counts those that run too; none of them should wait for work.
        return self._credit.resize(max(self._window, min(at_work + 1, self._settings.max_local_events)))

    @property
    def waiting(self) -> int:
        """How many events wait for their handlers or readers."""
        return self._count

    def is_full(self) -> bool:
        """Whether reading should stop."""
        return self._count >= self._window or self._bytes >= self._settings.max_local_bytes

    def nudged(self) -> asyncio.Future[None]:
        """Done when the reader should look again whether it may read."""
        if self._nudged is None or self._nudged.done():
            self._nudged = asyncio.get_running_loop().create_future()
        return self._nudged

    def nudge(self) -> None:
        """Something has changed for the reader."""
        if self._nudged is not None and not self._nudged.done():
            self._nudged.set_result(None)

    def add(self, subscription: Subscription, event: Event, size: int, delivery: Delivery | None = None) -> None:
        """An event has come, in a message of that size; `delivery` if it is to be acknowledged."""
        # What is delivered again has been here before.
        if delivery is None and not subscription.is_new(event.id):
            self.duplicates += 1
            self._credit.done(size)
        elif subscription.at_once is not None:
            subscription.at_once(event)
            self._credit.done(size)
        elif not self.is_closing and (subscription.is_stream or subscription.handler is not None):
            no_room = self._count >= self._settings.max_local_events or self._bytes >= self._settings.max_local_bytes
            # A replay goes before what is live, in its own order.
            priority = int(EventPriority.SYSTEM if subscription.is_replaying else event.priority)
            subscription.waiting.add(priority, (event if delivery is None else delivery, size))
            self._busy.add(subscription)
            self._count += 1
            self._bytes += size
            if no_room:
                self._shed_one()
            if subscription.is_stream:
                subscription.wake_readers()
            elif subscription.running < subscription.concurrency and subscription.waiting:
                subscription.running += 1
                self._callbacks.spawn(self._run(subscription, subscription.handler))
        else:
            if delivery is not None:
                delivery.nack("the client is closing", delay=0)
            self._credit.done(size)

    def take(self, subscription: Subscription) -> Event | Delivery | None:
        """The most urgent event that waits for a subscription, for somebody who does not say when it is done."""
        waiting = self._pop(subscription)
        if waiting is None:
            return None
        self._credit.done(waiting[1])
        return waiting[0]

    def forget(self, subscription: Subscription) -> None:
        """What waits for a subscription that is no more."""
        while (waiting := self.take(subscription)) is not None:
            if isinstance(waiting, Delivery):
                waiting.nack("nobody is subscribed any more", delay=0)

    def _pop(self, subscription: Subscription) -> tuple[Event | Delivery, int] | None:
        waiting = subscription.waiting.pop()
        if not subscription.waiting:
            self._busy.discard(subscription)
        if waiting is not None:
            self._taken(waiting[1])
        return waiting

    async def _run(self, subscription: Subscription, handler: Any) -> None:
        clock, done = time.monotonic, self._credit.done
        turn_ends, calls = clock() + TURN, 0
        try:
            while not subscription.is_closed and (waiting := self._pop(subscription)) is not None:
                try:
                    await self._handle(subscription, handler, waiting[0])
                finally:
                    done(waiting[1])
                calls += 1
                if calls >= TURN_EVENTS or clock() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends, calls = clock() + TURN, 0
        finally:
            subscription.running -= 1

    async def _handle(self, subscription: Subscription, handler: Any, waiting: Event | Delivery) -> None:
        if not isinstance(waiting, Delivery) or subscription.ack == "manual":
            await self._callbacks.handle(handler, waiting)
        else:
            await self._callbacks.acknowledged(handler, waiting)

    def _shed_one(self) -> None:
        """The newest of the lowest priority goes, whomever it is for."""
        victim = min(self._busy, key=lambda subscription: subscription.waiting.lowest())
        waiting = victim.waiting.pop_lowest(newest=True)
        if waiting is not None:
            shed, size = waiting
            event = shed.event if isinstance(shed, Delivery) else shed
            if isinstance(shed, Delivery):
                shed.nack("the client has no room")
            if not self._shed:
                asyncio.get_running_loop().call_later(REPORT_AFTER, self.report_shed)
            self._shed[victim.id][int(event.priority)] += 1
            self._taken(size)
            self._credit.done(size)

    def _taken(self, size: int) -> None:
        self._count -= 1
        self._bytes -= size
        if self._count <= self._resume_at and self._bytes < self._settings.max_local_bytes:
            self.nudge()

    def report_shed(self) -> None:
        """Tells what was shed since the last time."""
        shed, self._shed = self._shed, defaultdict(Counter)
        for subscription_id, evicted in shed.items():
            self._report_gap(Gap(subscription_id, dict(evicted), local=True))
