"""What is behind the client: connection, subscriptions, publisher and handlers, and how they work together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Mapping
from typing import Any

from .acks import Backlog, Delivery
from .buffer import Outgoing
from .callbacks import Callbacks, Function
from .codec import decode_event, to_bytes
from .connection import Link
from .credit import Credit
from .deliveries import Deliveries
from .errors import (
    InvalidEvent,
    InvalidSubscription,
    NotConnected,
    PublishTimeout,
    RequestTimeout,
    RouterError,
    UnsupportedByRouter,
)
from .publisher import Publisher
from .results import ConnectionState, Gap, HandlerError, PublishResult, StateChange
from .session import Session
from .settings import Settings
from .subscriptions import Subscription, Subscriptions

log = logging.getLogger("gadugi_router")


class Engine:
    """Owns the parts of one client. The names that users know are in client.py."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.callbacks = Callbacks()
        self.on_state: list[Function] = []
        self.on_gap: list[Function] = []
        self.on_backlog: list[Function] = []
        self.on_replayed: list[Function] = []
        self.on_publish_failed: list[Function] = []
        self.on_message: dict[str, list[Function]] = {}
        self.subscriptions = Subscriptions()
        self.credit = Credit(settings.max_local_bytes, self._grant)
        self.deliveries = Deliveries(settings, self.callbacks, self.credit, self._gap)
        self.publisher = Publisher(settings, self._wake, self._publish_failed)
        self.link = Link(settings, self, self.publisher, self._restore, self._state_changed)
        self.received = 0

    # Publishing.

    def outgoing(
        self, fields: dict[str, Any], ttl: float | None, receipt: str | None, mandatory: bool = False
    ) -> Outgoing:
        """An event that is ready to be sent. Raises InvalidEvent."""
        data = to_bytes(fields)
        if len(data) > self.settings.max_message_size:
            raise InvalidEvent(f"{len(data)} bytes are more than max_message_size", "too_large")
        ttl_ms = None if ttl is None else max(0, round(ttl * 1000))
        future: asyncio.Future[PublishResult] = asyncio.get_running_loop().create_future()
        return Outgoing(fields["id"], data, fields.get("priority", 5), future, ttl_ms, receipt, mandatory)

    async def publish(self, entry: Outgoing, timeout: float | None) -> PublishResult:
        """From the buffer to the answer."""
        try:
            if timeout is None:
                return await self._publish(entry)
            return await asyncio.wait_for(self._publish(entry), timeout)
        except asyncio.TimeoutError:
            raise PublishTimeout(entry.event_id, sent=entry.attempts > 0) from None

    async def publish_all(self, entries: list[Outgoing]) -> list[PublishResult]:
        """All of them, and then their answers. What the router refuses does not hinder the others."""
        results = []
        try:
            for entry in entries:
                await self.publisher.add_when_room(entry)
            for entry in entries:
                try:
                    results.append(await entry.future)
                except RouterError as error:
                    refusal = {"status": "rejected", "reason": error.code or str(error)}
                    results.append(PublishResult.make(entry.event_id, refusal, entry.attempts))
        except asyncio.CancelledError:
            for entry in entries[len(results) :]:
                entry.future.cancel()
                self.publisher.withdraw(entry)
            raise
        return results

    async def _publish(self, entry: Outgoing) -> PublishResult:
        try:
            await self.publisher.add_when_room(entry)
            return await entry.future
        except asyncio.CancelledError:
            self.publisher.withdraw(entry)
            raise

    # Subscriptions.

    def add_subscription(self, subscription: Subscription) -> Awaitable[Any] | None:
        """Subscribes for good. Returns the router's answer to wait for, None while there is no connection."""
        self.subscriptions.all[subscription.id] = subscription
        self._resize()
        session = self.link.session
        if session is None:
            return None
        try:
            return self._ask_for(session, subscription)
        except NotConnected:
            return None

    async def confirmed(self, subscription: Subscription, answer: Awaitable[Any] | None) -> None:
        """Waits for the router's answer. Raises InvalidSubscription or RequestTimeout, and forgets it then."""
        if answer is None:
            return
        try:
            await asyncio.wait_for(answer, self.settings.timeout)
        except NotConnected:
            log.debug("the connection ended; %s is subscribed on the next one", subscription.spec)
        except (asyncio.CancelledError, asyncio.TimeoutError) as error:
            # Without its id nobody could end it.
            self.remove_subscription(subscription)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise RequestTimeout("the router has not answered to the subscription in time") from None
        except RouterError as error:
            self.remove_subscription(subscription)
            raise InvalidSubscription(str(error), error.code) from None

    def add_in_background(self, subscription: Subscription) -> None:
        """As `add_subscription`; what the router has against it goes to the handlers of errors."""
        try:
            answer = self.add_subscription(subscription)
        except UnsupportedByRouter as error:
            self.callbacks.report(HandlerError(error, f"subscription {subscription.spec}"))
            return
        if answer is not None:
            self.callbacks.spawn(self._report_later(subscription, answer))

    def remove_subscription(self, subscription: Subscription, forget: bool = False) -> Awaitable[Any] | None:
        """Unsubscribes for good. `forget`: of a durable one, the router forgets the name."""
        router_id, session = subscription.router_id, self.link.session
        self.subscriptions.remove(subscription)
        self._resize()
        self.deliveries.forget(subscription)
        if router_id is None or session is None:
            return None
        try:
            message = {"type": "unsubscribe", "subscription_id": router_id}
            return session.ask({**message, "forget": True} if forget else message)
        except NotConnected:
            return None

    def _ask_for(self, session: Session, subscription: Subscription) -> Awaitable[Any]:
        subscription.check_features(session.has)

        def named(reply: dict[str, Any]) -> None:
            if subscription.is_closed:
                # Nobody wants it any more, and only now it is known what the router calls it.
                session.ask({"type": "unsubscribe", "subscription_id": reply.get("subscription_id")})
                return
            for message, size in self.subscriptions.named(subscription, reply):
                self._deliver(message, size)

        return session.ask({"type": "subscribe", "subscription": subscription.wish()}, named)

    async def _report_refusal(self, subscription: Subscription, answer: Awaitable[Any]) -> None:
        try:
            await answer
        except RouterError as error:
            self.callbacks.report(HandlerError(error, f"subscription {subscription.spec}"))

    async def _report_later(self, subscription: Subscription, answer: Awaitable[Any]) -> None:
        # On the next connection it is asked for again.
        with contextlib.suppress(NotConnected):
            await self._report_refusal(subscription, answer)

    async def _restore(self, session: Session) -> None:
        for _, size in self.subscriptions.new_session():
            self.credit.done(size)
        self.credit.begin(session.has("credit"))
        answers = []
        for subscription in self.subscriptions.all.values():
            try:
                answers.append(self._report_refusal(subscription, self._ask_for(session, subscription)))
            except UnsupportedByRouter as error:
                self.callbacks.report(HandlerError(error, f"subscription {subscription.spec}"))
        await asyncio.gather(*answers)

    # What a session tells.

    def event_came(self, message: Mapping[str, Any], size: int) -> None:
        """An `event`, and the size of its message."""
        self.credit.came(size)
        self._deliver(message, size)

    def _deliver(self, message: Mapping[str, Any], size: int) -> None:
        subscription = self.subscriptions.of(message)
        if subscription is None:
            if not self.subscriptions.keep_early(message, size):
                self.credit.done(size)
            return
        self.received += 1
        try:
            event = decode_event(message["event"])
        except (ValueError, KeyError) as error:
            self.credit.done(size)
            self.callbacks.report(HandlerError(error, f"an event that cannot be read: {message!r:.300}"))
        else:
            if subscription.replays_anew(event, message.get("sequence")):
                self.credit.done(size)
                return
            delivery, session = None, self.link.session
            if "delivery_id" in message and session is not None:
                delivery = Delivery(event, message, session, subscription.heartbeat)
            self.deliveries.add(subscription, event, size, delivery)

    def message_came(self, message: dict[str, Any]) -> None:
        """Anything but an event."""
        kind = message["type"]
        if kind == "draining":
            self.link.draining(message.get("reconnect_after_ms"))
        elif kind == "gap":
            subscription = self.subscriptions.of(message)
            if subscription is not None:
                evicted, expired, lost = (_by_priority(message, name) for name in ("evicted", "expired", "lost"))
                self._gap(Gap(subscription.id, evicted, expired, lost))
        elif kind == "backlog":
            subscription = self.subscriptions.of(message)
            if subscription is not None and self.on_backlog:
                self.callbacks.fire(self.on_backlog, Backlog.of(subscription.id, message))
        elif kind == "replayed":
            subscription = self.subscriptions.of(message)
            if subscription is not None:
                subscription.reached.all(int(message["sequence"]))
                subscription.is_replaying = False
                self.callbacks.fire(self.on_replayed, subscription.id)
        functions = self.on_message.get(kind)
        if functions:
            self.callbacks.fire(functions, message)

    def unreadable(self, data: bytes, error: Exception) -> None:
        """A message that is none of the protocol's. What comes after it may well be."""
        self.callbacks.report(HandlerError(error, f"a message that cannot be read: {data!r:.300}"))

    def may_read(self) -> Awaitable[Any] | None:
        """None to go on reading. With flow control nothing comes that there is no room for."""
        session = self.link.session
        if self.credit.is_used or not self.deliveries.is_full():
            return None
        if session is None or session.awaits_answers or self.credit.replies_awaited:
            return None
        return self.deliveries.nudged()

    def nudge(self) -> None:
        """An answer or a reply is awaited now, which is behind what is not read."""
        self.deliveries.nudge()

    def expect_reply(self, by: int) -> None:
        """A request begins to wait (1), or has ended (-1)."""
        self.credit.expect_reply(by)
        self.nudge()

    def room(self, again: bool) -> dict[str, int]:
        """What `hello` grants."""
        return self.credit.room(again)

    def _grant(self, events: int, size: int) -> bool:
        session = self.link.session
        return session is not None and session.grant(events, size)

    def _resize(self) -> None:
        fits = self.deliveries.resize(self.subscriptions.share_work(), self.subscriptions.at_work())
        if not fits and self.link.session is not None:
            # Else the first member of a group would be sent what the others could do.
            self.link.session.greet_again(lambda answer: self.credit.begin(True))

    def _wake(self) -> None:
        if self.link.session is not None:
            self.link.session.wake()

    # What users are told.

    def _state_changed(self, change: StateChange) -> None:
        self.callbacks.fire(self.on_state, change)

    def _publish_failed(self, result: PublishResult) -> None:
        if not self.on_publish_failed:
            log.warning("event %s was not published: %s, %s", result.event_id, result.status, result.reason)
        self.callbacks.fire(self.on_publish_failed, result)

    def _gap(self, gap: Gap) -> None:
        if not self.on_gap:
            log.warning("events were shed, because this client is too slow for them: %s", gap)
        self.callbacks.fire(self.on_gap, gap)

    # Beginning and end.

    async def open(self) -> None:
        """Connects; see Link.connect."""
        self.deliveries.is_closing = False
        self.publisher.open()
        await self.link.connect()

    async def close(self, patience: float) -> None:
        """Lets handlers finish; publishes what waits, as far as it can; says goodbye."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        self.deliveries.is_closing = True
        for subscription in list(self.subscriptions.all.values()):
            self.deliveries.forget(subscription)
            if subscription.is_stream:
                self.subscriptions.remove(subscription)
        if self.link.state is ConnectionState.CONNECTED:
            # First the handlers, for what they publish at their end should go out too.
            await self.callbacks.finished(patience)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.publisher.flushed(), deadline - loop.time())
            if left := self.publisher.waiting + self.publisher.in_flight:
                log.warning("%d events were not published in time", left)
        await self.link.stop()
        self.publisher.close(None)
        self.deliveries.report_shed()
        await self.callbacks.settled(max(0.0, deadline - loop.time()))


def _by_priority(message: Mapping[str, Any], name: str) -> dict[int, int]:
    return {int(priority): int(count) for priority, count in (message.get(name) or {}).items()}
