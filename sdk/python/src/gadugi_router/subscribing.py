"""The client's methods that subscribe, and those that register functions."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Any, Callable, TypeVar

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
        callback: Callable[[Event], Any] | None = None,
        *,
        group: str | None = None,
        targets: Iterable[str] | None = None,
        concurrency: int | None = None,
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

        Returns:
            The subscription's id, for `unsubscribe`; it stays the same whatever happens to the connection.

        Raises:
            InvalidSubscription: The router refused it.
            UnsupportedByRouter: The router has no groups, targets or `**`.
            RequestTimeout: No answer within the client's `timeout`.
        """
        spec = specification(topics, types, priorities, sources, group, targets)
        subscription = self._new(spec, callback, concurrency)
        try:
            answer = self._engine.add_subscription(subscription)
        except Exception:
            self._engine.remove_subscription(subscription)
            raise
        await self._engine.confirmed(subscription, answer)
        return subscription.id

    async def unsubscribe(self, subscription_id: str) -> bool:
        """Ends a subscription. What has come and is not handled yet is thrown away.

        Returns:
            False if there is none with this id.
        """
        subscription = self._engine.subscriptions.all.get(subscription_id)
        if subscription is None:
            return False
        answer = self._engine.remove_subscription(subscription)
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
    ) -> Callable[[F], F]:
        """Decorates a handler: subscribes to the topics, before or after `connect`.

        An event that fits several of the topics comes once. What the router has against the subscription goes to the
        functions of `on_error`.
        """
        spec = specification(topics, types, priorities, sources, group, targets)

        def register(function: F) -> F:
            self._engine.add_in_background(self._new(spec, function, concurrency))
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
    ) -> EventStream:
        """Events to iterate over: `async with client.events("task.*") as events: async for event in events: …`.

        It is subscribed at once. While nobody takes what comes, the client reads no more, after `prefetch` events.
        """
        subscription = self._new(specification(topics, types, priorities, sources, group, targets), None, 1)
        subscription.is_stream = True
        stream = EventStream(subscription, self._engine.deliveries, self._engine.remove_subscription)
        self._engine.add_in_background(subscription)
        return stream

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

    def _new(
        self, spec: dict[str, Any], function: Callable[[Event], Any] | None, concurrency: int | None
    ) -> Subscription:
        settings = self._engine.settings
        if concurrency is not None and concurrency < 1:
            raise ValueError(f"concurrency must be 1 or more, not {concurrency!r}")
        return Subscription(
            spec, function, concurrency=concurrency or settings.handler_concurrency, dedupe=settings.dedupe
        )


def _appended(functions: list[Function], function: F) -> F:
    functions.append(function)
    return function
