"""What the client tells its user: results of publishing, states, gaps, errors of handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .events import Event


class ConnectionState(Enum):
    """Where the client stands with its router."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DRAINING = "draining"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class PublishResult(str):
    """What became of a published event. As a string it is the event's id, which the old client returned.

    It is false (`if not result`) when the event was not accepted.

    Attributes:
        status: `queued` (accepted), `dropped` or `rejected`.
        reason: Why not: the router's `queue_full`, `rate_limited`, `draining`; the client's own `buffer_full` (it had
            to give way while there was no connection), `expired` (its time was over before there was one), `closed`
            (`disconnect` came first); `store_unavailable`: it is to be stored and could not be.
        matched: With receipt="dispatched": how many subscriptions took it. 0 is an answer, not an error.
        refused: With receipt="dispatched": how many could not take it, by reason.
        attempts: How often it was sent. More than one: an answer was lost on the way.
        sequence: Its number in the router's store, if it is stored: then the answer came when it was safe.
        detail: More about the reason, for a person.
    """

    status: str
    reason: str | None
    matched: int | None
    refused: dict[str, int]
    attempts: int
    sequence: int | None
    detail: str | None

    @classmethod
    def make(cls, event_id: str, answer: dict[str, Any], attempts: int) -> PublishResult:
        """From what the router answered, or what looks like it."""
        result = cls(event_id)
        result.status = answer.get("status", "queued")
        result.reason = answer.get("reason")
        result.matched = answer.get("matched")
        result.refused = answer.get("refused") or {}
        result.attempts = attempts
        result.sequence = answer.get("sequence")
        result.detail = answer.get("detail")
        return result

    @property
    def event_id(self) -> str:
        """The event's id, as a plain string."""
        return str.__str__(self)

    @property
    def accepted(self) -> bool:
        """Whether the router has taken it."""
        return self.status == "queued"

    def __bool__(self) -> bool:
        return self.accepted

    def __repr__(self) -> str:
        why = f", reason={self.reason!r}" if self.reason else ""
        return f"PublishResult({self.event_id!r}, status={self.status!r}{why})"


class PendingPublish:
    """An event on its way, from `publish_nowait`. Await it for the PublishResult, or do not."""

    def __init__(self, event_id: str, future: asyncio.Future[PublishResult]) -> None:
        self.event_id = event_id
        self._future = future

    def __await__(self) -> Generator[Any, None, PublishResult]:
        return asyncio.shield(self._future).__await__()

    def done(self) -> bool:
        """Whether the answer is there, so that awaiting it takes no time."""
        return self._future.done()


@dataclass(frozen=True)
class StateChange:
    """A change of the connection's state, and why."""

    old: ConnectionState
    new: ConnectionState
    reason: BaseException | None = None


@dataclass(frozen=True)
class Gap:
    """Events that were shed for a subscription because this client takes them too slowly.

    Attributes:
        subscription_id: As `subscribe` returned it.
        evicted: How many of each priority gave way to others.
        expired: How many of each priority reached the end of their `ttl` while they waited.
        lost: Of a durable subscription: how many of each priority were deleted from the store before they came.
        local: Shed by this client's own bound (`max_local_events`), not by the router.
    """

    subscription_id: str
    evicted: dict[int, int] = field(default_factory=dict)
    expired: dict[int, int] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    local: bool = False


@dataclass(frozen=True)
class HandlerError:
    """A handler raised. The client goes on; the event counts as handled.

    Attributes:
        event: What it was called with; None if it was no event that was handled (a callback for states, say), or if
            the event itself could not be read.
        error: What it raised.
        where: Which handler, in words.
    """

    error: BaseException
    where: str
    event: Event | None = None
