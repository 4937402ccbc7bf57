"""Request and reply, over events: a correlation id, and a reply topic that only this client subscribes to."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from collections.abc import Awaitable
from typing import Any, Callable, Protocol

from .errors import NoResponders, PublishTimeout, RequestFailed, RequestTimeout
from .events import Event, EventMetadata, EventPriority, Priority
from .results import PublishResult
from .subscriptions import Subscription, specification

# Where a request wants its reply, and what a reply says about itself.
REPLY_TO = "reply-to"
STATUS = "reply-status"
FAILED = "error"


class Host(Protocol):
    """What requests need of the client."""

    def supports(self, feature: str) -> bool:
        """Whether the router has it."""

    def add_subscription(self, subscription: Subscription) -> None:
        """Subscribes, now and after each reconnection."""

    def expect_reply(self, by: int) -> None:
        """A request begins to wait (1), or has ended (-1)."""

    async def publish(
        self,
        topic: str,
        payload: Any = None,
        priority: Priority = EventPriority.NORMAL,
        *,
        metadata: EventMetadata | None = None,
        ttl: float | None = None,
        receipt: str | None = None,
        timeout: float | None = None,
    ) -> PublishResult:
        """Publishes."""


class Requests:
    """The requests of one client that wait for their replies."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._topic = f"reply.{uuid.uuid4()}"
        self._is_subscribed = False
        self._waiting: dict[str, asyncio.Future[Event]] = {}

    async def request(self, topic: str, payload: Any, timeout: float, priority: Priority) -> Event:
        """Publishes a request and waits for the first reply."""
        if not self._is_subscribed:
            self._is_subscribed = True
            self._host.add_subscription(Subscription(specification([self._topic]), at_once=self._replied))
        correlation_id = str(uuid.uuid4())
        reply: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = reply
        self._host.expect_reply(1)
        metadata = EventMetadata(correlation_id=correlation_id, headers={REPLY_TO: self._topic})
        try:
            event = await asyncio.wait_for(self._exchange(topic, payload, timeout, priority, metadata, reply), timeout)
        except (asyncio.TimeoutError, PublishTimeout):
            raise RequestTimeout(f"no reply to {topic} within {timeout:g} s") from None
        finally:
            del self._waiting[correlation_id]
            self._host.expect_reply(-1)
        if event.metadata.headers.get(STATUS) == FAILED:
            text = event.payload.get("error") if isinstance(event.payload, dict) else None
            raise RequestFailed(str(text or "the responder failed"))
        return event

    async def _exchange(
        self,
        topic: str,
        payload: Any,
        timeout: float,
        priority: Priority,
        metadata: EventMetadata,
        reply: asyncio.Future[Event],
    ) -> Event:
        result = await self._host.publish(
            topic,
            payload,
            priority,
            metadata=metadata,
            # Nobody should work on a request that is not waited for any more.
            ttl=timeout if self._host.supports("expiry") else None,
            receipt="dispatched" if self._host.supports("receipt") else None,
        )
        if not result.accepted:
            raise RequestFailed(f"the request was {result.status}: {result.reason}")
        if result.matched == 0 and not reply.done():
            raise NoResponders(f"nobody subscribes to {topic}")
        return await reply

    def _replied(self, event: Event) -> None:
        reply = self._waiting.get(event.metadata.correlation_id or "")
        if reply is not None and not reply.done():
            reply.set_result(event)

    def responder(self, function: Callable[[Event], Any]) -> Callable[[Event], Awaitable[None]]:
        """Makes a handler of a function: what it returns is sent back, what it raises too."""

        async def respond(event: Event) -> None:
            try:
                payload = function(event)
                payload = await payload if inspect.isawaitable(payload) else payload
                # What is no JSON cannot be sent back, and whoever waits should not wait in vain.
                await self._reply(event, payload, "ok")
            except Exception as error:
                await self._reply(event, {"error": str(error), "type": type(error).__name__}, FAILED)
                raise

        respond.__qualname__ = getattr(function, "__qualname__", "responder")
        return respond

    async def _reply(self, request: Event, payload: Any, status: str) -> None:
        topic = request.metadata.headers.get(REPLY_TO)
        if topic is not None:
            metadata = EventMetadata(
                correlation_id=request.metadata.correlation_id, causation_id=request.id, headers={STATUS: status}
            )
            await self._host.publish(topic, payload, request.priority, metadata=metadata)
