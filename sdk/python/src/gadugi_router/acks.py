"""Acknowledged delivery: what a client has been given and says of it, and what of a subscription outlives it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from .events import Event

if TYPE_CHECKING:
    from .session import Session

Ack = Literal[False, True, "manual"]

ACK_TIMEOUT = 30.0
# A heartbeat is sent so often within the time-out that one of them may be lost.
HEARTBEATS = 3
# As many characters of what a handler raised go to the router.
MAX_REASON = 500


class Nack(Exception):
    """Raised by a handler: the event is not done, and is to be delivered again.

    Args:
        reason: Why, for `delivery_error` and the dead letters.
        delay: After how many seconds. None: as long as the router finds right.
    """

    def __init__(self, reason: str = "", *, delay: float | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


class Delivery:
    """An event that has to be acknowledged: what a handler with ack="manual" gets, and what `deliveries()` gives.

    While nothing is said of it, the router hears from time to time that it is being worked on, so that a handler may
    take hours. After a lost connection the router has given it to somebody else, or will deliver it again:
    `is_current` is false then, and what is said of it goes nowhere.

    Attributes:
        event: The event. Its `delivery_attempts` says how often it was delivered, this time included.
        sequence: Its number in the router's store, where the subscription is durable.
    """

    def __init__(self, event: Event, message: Mapping[str, Any], session: Session, heartbeat: float | None) -> None:
        self.event = event
        self.sequence: int | None = message.get("sequence")
        self._id = str(message["delivery_id"])
        self._session = session
        self._is_said = False
        self._heartbeat = heartbeat
        self._timer: asyncio.TimerHandle | None = None
        self._beat_later()

    @property
    def attempt(self) -> int:
        """How often it was delivered, this time included."""
        return int(self.event.delivery_attempts)

    @property
    def is_current(self) -> bool:
        """Whether the router still waits for what becomes of it."""
        return not self._is_said and self._session.is_open

    def ack(self) -> bool:
        """It is done. False: the router does not wait for it any more."""
        return self._say({"type": "ack"})

    def nack(self, reason: str | None = None, *, delay: float | None = None) -> bool:
        """It is not done, and is to be delivered again after `delay` seconds (None: as the router finds right)."""
        message: dict[str, Any] = {"type": "nack"}
        if reason:
            message["reason"] = reason[:MAX_REASON]
        if delay is not None:
            message["delay_ms"] = max(0, round(delay * 1000))
        return self._say(message)

    def in_progress(self) -> bool:
        """It is being worked on: the router's time-out begins anew. Sent by itself unless `heartbeat` is False."""
        return self.is_current and self._session.say({"type": "in_progress", "delivery_id": self._id})

    def _say(self, message: dict[str, Any]) -> bool:
        if not self.is_current:
            return False
        self._is_said = True
        self.release()
        return self._session.say({**message, "delivery_id": self._id})

    def release(self) -> None:
        """For this package: nothing more is said of it by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat_later(self) -> None:
        if self._heartbeat is not None:
            self._timer = asyncio.get_running_loop().call_later(self._heartbeat, self._beat)

    def _beat(self) -> None:
        self._timer = None
        if self.in_progress():
            self._beat_later()

    def __repr__(self) -> str:
        return f"Delivery({self.event.topic!r}, event {self.event.id}, attempt {self.attempt})"


@dataclass(frozen=True)
class Backlog:
    """What waits for a subscription that acknowledges.

    Attributes:
        subscription_id: As `subscribe` returned it.
        waiting: How many events wait in the router.
        more: There are others in its store.
        oldest_age: For how many seconds the oldest has waited.
        highest_priority: The most urgent of them.
    """

    subscription_id: str
    waiting: int
    more: bool
    oldest_age: float
    highest_priority: int

    @classmethod
    def of(cls, subscription_id: str, message: Mapping[str, Any]) -> Backlog:
        """From the router's notice."""
        return cls(
            subscription_id,
            int(message["waiting"]),
            bool(message.get("more")),
            int(message["oldest_age_ms"]) / 1000,
            int(message["highest_priority"]),
        )


@dataclass(frozen=True)
class DeadLetter:
    """An event that could not be delivered, as the router tells of it.

    Attributes:
        event: The event.
        reason: `evicted`, `expired`, `retries`, `disconnected`, …
        died_at: When.
        subscription: Whose it was, by the router's name; None: it was lost before it was matched.
        attempts: What was tried in vain: `at` and `error` of each.
    """

    event: Event
    reason: str
    died_at: str
    subscription: str | None
    attempts: list[dict[str, str]]

    @classmethod
    def of(cls, notice: Event) -> DeadLetter:
        """From an event on a topic `$dead.…`."""
        told = notice.payload
        return cls(
            Event.from_dict(told["event"]),
            str(told["reason"]),
            str(told["died_at"]),
            told.get("subscription"),
            list(told.get("attempts", ())),
        )


def lasting(
    ack: Ack = False,
    durable: str | None = None,
    max_in_flight: int | None = None,
    ack_timeout: float | None = None,
    max_retries: int | None = None,
    backlog_interval: float | None = None,
    from_sequence: int | None = None,
    from_time: datetime | str | None = None,
    last: int | None = None,
    concurrency: int = 1,
) -> dict[str, Any]:
    """The part of the protocol's `subscription` object that is about acknowledgements, names and replay."""
    if ack not in (False, True, "manual"):
        raise ValueError(f'ack is True, "manual" or False, not {ack!r}')
    spec: dict[str, Any] = {}
    if ack:
        # What waits, waits in the router, in order of priority: here is only what is being done.
        spec.update(ack=True, max_in_flight=concurrency if max_in_flight is None else max_in_flight)
        if ack_timeout is not None:
            spec["ack_timeout_ms"] = round(ack_timeout * 1000)
        if max_retries is not None:
            spec["max_retries"] = max_retries
        if backlog_interval is not None:
            spec["backlog_interval_ms"] = round(backlog_interval * 1000)
    else:
        needing = {
            "durable": durable,
            "max_in_flight": max_in_flight,
            "ack_timeout": ack_timeout,
            "max_retries": max_retries,
            "backlog_interval": backlog_interval,
        }
        for name, value in needing.items():
            if value is not None:
                raise ValueError(f'{name} needs ack=True, or ack="manual"')
    if durable is not None:
        spec["durable"] = durable
    starts = [
        ("sequence", from_sequence),
        ("time", None if from_time is None else _time(from_time)),
        ("last", last),
    ]
    given = {name: value for name, value in starts if value is not None}
    if len(given) > 1:
        raise ValueError("from_sequence, from_time and last exclude each other")
    if given:
        spec["from"] = given
    return spec


def _time(moment: datetime | str) -> str:
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is None:
        raise ValueError("from_time needs a time zone: datetime.now(timezone.utc)")
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")
