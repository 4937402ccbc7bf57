"""Events: the names of priorities and types, and the object that handlers get."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum, IntEnum
from typing import Any, Union


class EventPriority(IntEnum):
    """Priorities that have a name. Any integer from 1 to 10 is a priority too."""

    LOWEST = 1
    LOW = 3
    NORMAL = 5
    HIGH = 7
    CRITICAL = 9
    SYSTEM = 10


class EventType(str, Enum):
    """The types that the router knows; anything else becomes CUSTOM."""

    AGENT_STARTED = "agent.started"
    AGENT_STOPPED = "agent.stopped"
    AGENT_FAILED = "agent.failed"
    AGENT_COMPLETED = "agent.completed"
    TASK_CREATED = "task.created"
    TASK_ASSIGNED = "task.assigned"
    TASK_STARTED = "task.started"
    TASK_PROGRESS = "task.progress"
    TASK_COMPLETED = "task.completed"
    TASK_FAILED = "task.failed"
    WORKFLOW_STARTED = "workflow.started"
    WORKFLOW_STEP_COMPLETED = "workflow.step_completed"
    WORKFLOW_COMPLETED = "workflow.completed"
    WORKFLOW_FAILED = "workflow.failed"
    SYSTEM_ALERT = "system.alert"
    SYSTEM_ERROR = "system.error"
    SYSTEM_INFO = "system.info"
    CUSTOM = "custom"


class DeliveryStatus(str, Enum):
    """How far an event has come, as its publisher or the router noted it."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    RETRYING = "retrying"
    DEAD_LETTER = "dead_letter"


Priority = Union[EventPriority, int]

PRIORITIES: dict[int, Priority] = {level: level for level in range(1, 11)}
PRIORITIES.update({level.value: level for level in EventPriority})
TYPES: dict[str, EventType] = {each.value: each for each in EventType}
STATUSES: dict[str, DeliveryStatus] = {each.value: each for each in DeliveryStatus}

# Fractions of any length, and the `Z` that Python before 3.11 cannot read.
_TIME = re.compile(r"(?P<base>[^.,Zz]+)(?:[.,](?P<fraction>\d+))?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?$")


def now() -> datetime:
    """The time, with its zone."""
    return datetime.now(timezone.utc)


def time_text(time: datetime) -> str:
    """A time as the protocol writes it, with six digits of a second."""
    return time.isoformat(timespec="microseconds")


def parse_time(text: str) -> datetime:
    """Reads any ISO 8601 time that a publisher may have sent.

    Raises:
        ValueError: It is none.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        parts = _TIME.match(text)
        if parts is None:
            raise
    fraction = (parts["fraction"] or "0").ljust(6, "0")[:6]
    zone = parts["zone"] or ""
    if zone in ("Z", "z"):
        zone = "+00:00"
    elif zone and ":" not in zone:
        zone = f"{zone[:3]}:{zone[3:]}"
    return datetime.fromisoformat(f"{parts['base']}.{fraction}{zone}")


@dataclass
class EventMetadata:
    """What belongs to an event beside its content, for tracing and for the user's own marks."""

    created_at: datetime | None = field(default_factory=now)
    correlation_id: str | None = None
    causation_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All nine keys, as the protocol writes them."""
        return {**self.__dict__, "created_at": time_text(self.created_at) if self.created_at else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EventMetadata:
        """From the protocol's form; what is left out has its default, `created_at` is then None."""
        created = data.get("created_at")
        return cls(
            created_at=parse_time(created) if isinstance(created, str) else created,
            correlation_id=data.get("correlation_id"),
            causation_id=data.get("causation_id"),
            user_id=data.get("user_id"),
            session_id=data.get("session_id"),
            trace_id=data.get("trace_id"),
            span_id=data.get("span_id"),
            tags=data.get("tags") or {},
            headers=data.get("headers") or {},
        )


@dataclass
class Event:
    """An event, with all its fourteen fields, whatever form the router sent it in.

    `payload` is normally a dict, but may be any JSON that a publisher sent. `priority` is an EventPriority where the
    level has a name, else an int.
    """

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    topic: str = ""
    type: EventType = EventType.CUSTOM
    priority: Priority = EventPriority.NORMAL
    source: str = ""
    target: str | None = None
    payload: Any = field(default_factory=dict)
    metadata: EventMetadata = field(default_factory=EventMetadata)
    timestamp: datetime = field(default_factory=now)
    version: str = "1.0"
    delivery_status: DeliveryStatus = DeliveryStatus.PENDING
    delivery_attempts: int = 0
    last_delivery_attempt: datetime | None = None
    delivery_error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """All fourteen keys, as the protocol writes them."""
        last = self.last_delivery_attempt
        return {
            **self.__dict__,
            "type": self.type.value if isinstance(self.type, Enum) else self.type,
            "priority": int(self.priority),
            "metadata": self.metadata.to_dict(),
            "timestamp": time_text(self.timestamp),
            "delivery_status": DeliveryStatus(self.delivery_status).value,
            "last_delivery_attempt": time_text(last) if last else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Event:
        """From the protocol's form, whole or lean: what is left out has its default.

        Raises:
            ValueError, TypeError, KeyError: It is no event.
        """
        time = data.get("timestamp")
        last = data.get("last_delivery_attempt")
        return cls(
            id=data["id"],
            topic=data["topic"],
            type=TYPES.get(data.get("type", "custom"), EventType.CUSTOM),
            priority=PRIORITIES[data.get("priority", 5)],
            source=data.get("source", ""),
            target=data.get("target"),
            payload=data.get("payload", {}),
            metadata=EventMetadata.from_dict(data.get("metadata") or {}),
            timestamp=parse_time(time) if isinstance(time, str) else time or now(),
            version=data.get("version", "1.0"),
            delivery_status=STATUSES[data.get("delivery_status", "pending")],
            delivery_attempts=data.get("delivery_attempts", 0),
            last_delivery_attempt=parse_time(last) if isinstance(last, str) else last,
            delivery_error=data.get("delivery_error"),
        )

    def to_json(self) -> str:
        """`to_dict` as text."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Event:
        """The opposite of `to_json`."""
        return cls.from_dict(json.loads(text))

    def matches_topic(self, pattern: str) -> bool:
        """Whether the router would deliver this event to a subscription of `pattern`."""
        return matches(pattern, self.topic)


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic fits a pattern: equal, `*` for one part, `**` at the end for one or more, `*` alone for all."""
    if pattern in ("*", topic):
        return True
    wanted, parts = pattern.split("."), topic.split(".")
    if wanted[-1] == "**":
        wanted.pop()
        if len(parts) <= len(wanted):
            return False
    elif len(parts) != len(wanted):
        return False
    return all(want in ("*", part) for want, part in zip(wanted, parts))
