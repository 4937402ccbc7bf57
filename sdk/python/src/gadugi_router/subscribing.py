"""The client's methods that subscribe, and those that register functions."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Callable, TypeVar

from .acks import Ack, DeadLetter, Delivery, lasting
from .callbacks import Function
from .engine import Engine
from .errors import NotConnected, RouterError
from .events import Event, EventPriority, EventType, Priority
from .requests import Requests
from .streams import EventStream
from .subscriptions import Subscription, specification

F = TypeVar("F", bound=Callable[..., Any])

REQUEST_TIMEOUT = 10.0


class Subscribing:
    """A part of EventRouterClient."""

    _engine: Engine
    _requests: Requests

    async def subscribe(
        self,
        topics: Iterable[str] | None = None,
        types: Iterable[EventType] | None = None,
        priorities: Iterable[Priority] | None = None,
        sources: Iterable[str] | None = None,
        callback: Callable[..., Any] | None = None,
        *,
        group: str | None = None,
        targets: Iterable[str] | None = None,
        concurrency: int | None = None,
        ack: Ack = False,
        durable: str | None = None,
        max_in_flight: int | None = None,
        ack_timeout: float | None = None,
        max_retries: int | None = None,
        backlog_interval: float | None = None,
        heartbeat: bool = True,
        from_sequence: int | None = None,
        from_time: datetime | str | None = None,
        last: int | None = None,
    ) -> str:
        """Subscribes, for this connection and those that follow it.

        Args:
            topics: Patterns: `task.created`, `task.*`, `task.**` (one or more parts), `*` (everything, the default).
            types: Only events of these types.
            priorities: The smallest one is a minimum: what is more urgent comes too.
            sources: Only events of these sources.
            callback: Called with each Event, the most urgent first; may be async. Without one, nothing is called.
            group: Of all members of a group, one gets each event.
            targets: Only events for one of these targets.
            concurrency: How many calls may run at a time; None: the client's `handler_concurrency`.
            ack: True: an event is done when `callback` returns; when it raises, it is delivered again (raise Nack to
                say when, and why). "manual": `callback` gets a Delivery and says itself what becomes of it.
            durable: A name by which the subscription outlives this client and the router: it goes on after the last
                event that was acknowledged. Clients with the same name share its events. Needs ack.
            max_in_flight: How many events may be here and not acknowledged; None: `concurrency`. What waits, waits in
                the router, the most urgent first.
            ack_timeout: After how many seconds without a sign an event is delivered again; None: the router's 30.
            max_retries: How often that happens before it is a dead letter; None: the router's 3.
            backlog_interval: How often (seconds) functions of `on_backlog` hear what waits.
            heartbeat: Whether the router is told that a handler is still at it. False: what takes longer than
                `ack_timeout` is given to somebody else.
            from_sequence, from_time, last: Stored events first: from this number, from this time on, or the last so
                many; then live ones, without gap or repeat, also across lost connections. Of a durable subscription:
                where a new one begins.

        Returns:
            The subscription's id, for `unsubscribe`; it stays the same whatever happens to the connection.

        Raises:
            InvalidSubscription: The router refused it.
            UnsupportedByRouter: The router has no groups, targets or `**`, no acknowledgements or no store.
            RequestTimeout: No answer within the client's `timeout`.
        """
        spec = specification(topics, types, priorities, sources, group, targets)
        at_a_time = self._engine.settings.handler_concurrency if concurrency is None else concurrency
        spec.update(
            lasting(
                ack,
                durable,
                max_in_flight,
                ack_timeout,
                max_retries,
                backlog_interval,
                from_sequence,
                from_time,
                last,
                concurrency=at_a_time,
            )
        )
        subscription = self._new(spec, callback, concurrency, ack, heartbeat)
        try:
            answer = self._engine.add_subscription(subscription)
        except Exception:
            self._engine.remove_subscription(subscription)
            raise
        await self._engine.confirmed(subscription, answer)
        return subscription.id

    async def unsubscribe(self, subscription_id: str, *, forget: bool = False) -> bool:
        """Ends a subscription. What has come and is not handled yet is thrown away; if it is acknowledged, it is given
        back.

        Args:
            subscription_id: As `subscribe` returned it.
            forget: Of a durable one, the router forgets the name, and what has not been delivered. Not while others are
                subscribed by it.

        Returns:
            False if there is none with this id.
        """
        subscription = self._engine.subscriptions.all.get(subscription_id)
        if subscription is None:
            return False
        answer = self._engine.remove_subscription(subscription, forget)
        if answer is not None:
            # Where the router does not know it, it is ended all the same.
            with contextlib.suppress(NotConnected, RouterError, asyncio.TimeoutError):
                await asyncio.wait_for(answer, self._engine.settings.timeout)
        return True

    @property
    def subscriptions(self) -> dict[str, dict[str, Any]]:
        """What is subscribed: the protocol's `subscription` object by id."""
        return {each.id: dict(each.spec) for each in self._engine.subscriptions.all.values()}

    def on(
        self,
        *topics: str,
        types: Iterable[EventType] | None = None,
        priorities: Iterable[Priority] | None = None,
        sources: Iterable[str] | None = None,
        group: str | None = None,
        targets: Iterable[str] | None = None,
        concurrency: int | None = None,
        ack: Ack = False,
        heartbeat: bool = True,
        **acknowledged: Any,
    ) -> Callable[[F], F]:
        """Decorates a handler: subscribes to the topics, before or after `connect`.

        An event that fits several of the topics comes once, also to a handler that is registered several times. What
        the router has against the subscription goes to the functions of `on_error`. It takes all that `subscribe` does
        about acknowledgement, durable names and replay.
        """
        spec = specification(topics, types, priorities, sources, group, targets)
        at_a_time = self._engine.settings.handler_concurrency if concurrency is None else concurrency
        spec.update(lasting(ack, concurrency=at_a_time, **acknowledged))

        def register(function: F) -> F:
            self._engine.add_in_background(self._new(spec, function, concurrency, ack, heartbeat))
            return function

        return register

    def events(
        self,
        *topics: str,
        types: Iterable[EventType] | None = None,
        priorities: Iterable[Priority] | None = None,
        sources: Iterable[str] | None = None,
        group: str | None = None,
        targets: Iterable[str] | None = None,
    ) -> EventStream[Event]:
        """Events to iterate over: `async with client.events("task.*") as events: async for event in events: …`.

        It is subscribed at once. While nobody takes what comes, it waits: here up to `prefetch` events, then in the
        router.
        """
        return self._stream(self._new(specification(topics, types, priorities, sources, group, targets), None, 1))

    def deliveries(
        self,
        *topics: str,
        types: Iterable[EventType] | None = None,
        priorities: Iterable[Priority] | None = None,
        sources: Iterable[str] | None = None,
        group: str | None = None,
        targets: Iterable[str] | None = None,
        heartbeat: bool = True,
        **acknowledged: Any,
    ) -> EventStream[Delivery]:
        """Deliveries to iterate over, each to be acknowledged: `async for delivery in …: …; delivery.ack()`.

        As `events`; it takes all that `subscribe` does about acknowledgement, durable names and replay. What was taken
        and not acknowledged when the stream is closed is given back by the router.
        """
        spec = specification(topics, types, priorities, sources, group, targets)
        spec.update(lasting("manual", **acknowledged))
        return self._stream(self._new(spec, None, 1, "manual", heartbeat))

    async def subscribe_dead_letters(self, callback: Callable[[DeadLetter], Any], *reasons: str) -> str:
        """Has a function called with each DeadLetter: of these reasons (`retries`, `expired`, …), or of all.

        Returns:
            The subscription's id.

        Raises:
            UnsupportedByRouter: The router does not tell of dead letters.
        """

        async def told(notice: Event) -> None:
            result = callback(DeadLetter.of(notice))
            if inspect.isawaitable(result):
                await result

        return await self.subscribe([f"$dead.{reason}" for reason in reasons] or ["$dead.*"], callback=told)

    async def request(
        self,
        topic: str,
        payload: Any = None,
        timeout: float = REQUEST_TIMEOUT,
        *,
        priority: Priority = EventPriority.NORMAL,
    ) -> Event:
        """Publishes a request and returns the first reply, an Event.

        Raises:
            RequestTimeout: No reply in time.
            NoResponders: Nobody subscribes to the topic (where the router has receipts).
            RequestFailed: The responder raised, or the router did not take the request.
        """
        return await self._requests.request(topic, payload, timeout, priority)

    def respond(
        self, *topics: str, group: str | None = None, concurrency: int | None = None
    ) -> Callable[[Callable[[Event], Any]], Callable[[Event], Any]]:
        """Decorates a function that answers requests: what it returns is the reply's payload.

        What it raises fails the request at the other end, and goes to the functions of `on_error` here.
        Give responders that share the work a `group`, else each of them answers.
        """

        def register(function: Callable[[Event], Any]) -> Callable[[Event], Any]:
            self.on(*topics, group=group, concurrency=concurrency)(self._requests.responder(function))
            return function

        return register

    def on_state_change(self, function: F) -> F:
        """Registers a function that gets each StateChange."""
        return _appended(self._engine.on_state, function)

    def on_gap(self, function: F) -> F:
        """Registers a function that gets each Gap: what was shed because this client is too slow."""
        return _appended(self._engine.on_gap, function)

    def on_backlog(self, function: F) -> F:
        """Registers a function that gets each Backlog: what waits for a subscription with `backlog_interval`."""
        return _appended(self._engine.on_backlog, function)

    def on_replayed(self, function: F) -> F:
        """Registers a function that gets the id of a subscription whose replay has reached what is live."""
        return _appended(self._engine.on_replayed, function)

    def on_error(self, function: F) -> F:
        """Registers a function that gets each HandlerError. Without one they go to the log."""
        return _appended(self._engine.callbacks.on_error, function)

    def on_publish_failed(self, function: F) -> F:
        """Registers a function that gets the PublishResult of each `publish_nowait` that was not accepted."""
        return _appended(self._engine.on_publish_failed, function)

    def on_message(self, kind: str) -> Callable[[F], F]:
        """Decorates a function that gets the router's messages of one type, as dicts. Not for `event`."""

        def register(function: F) -> F:
            return _appended(self._engine.on_message.setdefault(kind, []), function)

        return register

    def add_subscription(self, subscription: Subscription) -> None:
        """For this package's own parts."""
        self._engine.add_in_background(subscription)

    def expect_reply(self, by: int) -> None:
        """For this package's own parts."""
        self._engine.expect_reply(by)

    def _stream(self, subscription: Subscription) -> EventStream[Any]:
        subscription.is_stream = True
        stream: EventStream[Any] = EventStream(subscription, self._engine.deliveries, self._engine.remove_subscription)
        self._engine.add_in_background(subscription)
        return stream

    def _new(
        self,
        spec: dict[str, Any],
        function: Callable[..., Any] | None,
        concurrency: int | None,
        ack: Ack = False,
        heartbeat: bool = True,
    ) -> Subscription:
        settings = self._engine.settings
        if concurrency is not None and concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency!r}")
        return Subscription(
            spec,
            function,
            concurrency=concurrency or settings.handler_concurrency,
            dedupe=settings.dedupe,
            # Programs for the old client had to register a handler twice, by `on` and `subscribe`.
            seen=None if "group" in spec or ack else self._engine.subscriptions.seen_by(function),
            ack=ack,
            heartbeat=heartbeat,
        )


def _appended(functions: list[Function], function: F) -> F:
    functions.append(function)
    return function
