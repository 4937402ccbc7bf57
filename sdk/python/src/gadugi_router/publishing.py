"""The client's methods that publish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import codec
from .engine import Engine
from .events import Event, EventMetadata, EventPriority, EventType, Priority
from .results import PendingPublish, PublishResult


class Publishing:
    """A part of EventRouterClient."""

    _engine: Engine

    async def publish(
        self,
        topic: str,
        payload: Any = None,
        priority: Priority = EventPriority.NORMAL,
        type: EventType = EventType.CUSTOM,
        target: str | None = None,
        *,
        source: str | None = None,
        metadata: EventMetadata | None = None,
        event_id: str | None = None,
        ttl: float | None = None,
        receipt: str | None = None,
        mandatory: bool = False,
        timeout: float | None = None,
    ) -> PublishResult:
        """Publishes an event and returns the router's answer.

        Without a connection it waits for one. An event whose answer was lost is sent again under the same id.

        Args:
            topic: `task.created`.
            payload: Any JSON, normally a dict.
            priority: 1 to 10.
            type: One of the router's types.
            target: Whom it is meant for; only subscriptions with `targets` look at it.
            source: Who publishes; None: the client's `source`.
            metadata: Correlation, tracing, tags, headers.
            event_id: Its id; None: a new one.
            ttl: Not delivered after so many seconds, counted from now.
            receipt: "dispatched": the answer comes after matching, and says how many subscriptions took it.
            mandatory: If nobody subscribes to it, it becomes a dead letter (`no_subscriber`), unless it is stored.
            timeout: Seconds after which PublishTimeout is raised; None: none.

        Returns:
            The event's id, as a string that also knows `status`, `reason`, `matched`; false when not accepted.

        Raises:
            InvalidEvent: It is no JSON, too large, or the router refused it.
            PublishTimeout: No answer in time.
            UnsupportedByRouter: The router has no `ttl`, no receipts or no mandatory events.
        """
        fields = self._fields(
            topic, payload, priority, type, target=target, source=source, metadata=metadata, event_id=event_id
        )
        return await self._engine.publish(self._engine.outgoing(fields, ttl, receipt, mandatory), timeout)

    def publish_nowait(
        self,
        topic: str,
        payload: Any = None,
        priority: Priority = EventPriority.NORMAL,
        type: EventType = EventType.CUSTOM,
        target: str | None = None,
        *,
        source: str | None = None,
        metadata: EventMetadata | None = None,
        event_id: str | None = None,
        ttl: float | None = None,
        receipt: str | None = None,
        mandatory: bool = False,
    ) -> PendingPublish:
        """As `publish`, without waiting: the event is in the buffer when this returns.

        If it is not accepted later, the functions of `on_publish_failed` are called.

        Raises:
            InvalidEvent: It is no JSON, or too large.
            BufferFull: No room, with overflow="wait".
        """
        fields = self._fields(
            topic, payload, priority, type, target=target, source=source, metadata=metadata, event_id=event_id
        )
        entry = self._engine.outgoing(fields, ttl, receipt, mandatory)
        entry.watched = False
        self._engine.publisher.add(entry)
        return PendingPublish(entry.event_id, entry.future)

    async def publish_event(
        self,
        event: Event,
        *,
        ttl: float | None = None,
        receipt: str | None = None,
        mandatory: bool = False,
        timeout: float | None = None,
    ) -> PublishResult:
        """Publishes an Event object, all its fields as they are. Answers and errors as with `publish`."""
        entry = self._engine.outgoing(self._event_fields(event), ttl, receipt, mandatory)
        return await self._engine.publish(entry, timeout)

    async def publish_batch(
        self,
        events: Sequence[Event],
        *,
        ttl: float | None = None,
        receipt: str | None = None,
        mandatory: bool = False,
    ) -> list[PublishResult]:
        """Publishes many events, and returns the answers in their order.

        An event that the router refuses is answered with `rejected` and the error's code; the others are published.

        Raises:
            InvalidEvent: One of them is no JSON or too large; none was sent.
        """
        entries = [self._engine.outgoing(self._event_fields(event), ttl, receipt, mandatory) for event in events]
        return await self._engine.publish_all(entries)

    async def flush(self) -> None:
        """Waits until everything that was published is answered."""
        await self._engine.publisher.flushed()

    def _fields(self, *arguments: Any, source: str | None, **named: Any) -> dict[str, Any]:
        return codec.event_fields(
            *arguments, source=self._engine.settings.source if source is None else source, **named
        )

    def _event_fields(self, event: Event) -> dict[str, Any]:
        codec.check_priority(event.priority)
        fields = event.to_dict()
        if not event.source:
            fields.pop("source")
            if self._engine.settings.source is not None:
                fields["source"] = self._engine.settings.source
        return fields
