"""A client as they exist today, rebuilt from the protocol's description: it writes whole events with
`json.dumps(event.to_dict())` and builds objects strictly from the keys that come. An unknown key raises.
"""
import asyncio
import json
import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from enum import Enum, IntEnum

import websockets

WELCOME_PATIENCE = 5.0


class Priority(IntEnum):
    LOWEST, LOW, NORMAL, HIGH, CRITICAL, SYSTEM = 1, 3, 5, 7, 9, 10


class Kind(Enum):
    AGENT_STARTED = "agent.started"
    TASK_CREATED = "task.created"
    TASK_COMPLETED = "task.completed"
    SYSTEM_ALERT = "system.alert"
    CUSTOM = "custom"


class DeliveryStatus(Enum):
    PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"
    RETRYING, DEAD_LETTER = "retrying", "dead_letter"


def now() -> datetime:
    return datetime.now(timezone.utc)


def written(value):
    if isinstance(value, datetime):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


@dataclass
class Metadata:
    created_at: datetime = field(default_factory=now)
    correlation_id: str | None = None
    causation_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    tags: dict = field(default_factory=dict)
    headers: dict = field(default_factory=dict)

    def to_dict(self) -> dict:
        return {each.name: written(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_dict(cls, data: dict) -> "Metadata":
        return cls(**{**data, "created_at": datetime.fromisoformat(data["created_at"])})


@dataclass
class Event:
    topic: str
    type: Kind = Kind.CUSTOM
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    priority: Priority = Priority.NORMAL
    source: str = ""
    target: str | None = None
    payload: dict = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)
    timestamp: datetime = field(default_factory=now)
    version: str = "1.0"
    delivery_status: DeliveryStatus = DeliveryStatus.PENDING
    delivery_attempts: int = 0
    last_delivery_attempt: datetime | None = None
    delivery_error: str | None = None

    def to_dict(self) -> dict:
        return {each.name: written(getattr(self, each.name)) for each in fields(self)} | {
            "metadata": self.metadata.to_dict()}

    @classmethod
    def from_dict(cls, data: dict) -> "Event":
        last = data["last_delivery_attempt"]
        return cls(**{
            **data, "type": Kind(data["type"]), "priority": Priority(data["priority"]),
            "metadata": Metadata.from_dict(data["metadata"]),
            "timestamp": datetime.fromisoformat(data["timestamp"]),
            "delivery_status": DeliveryStatus(data["delivery_status"]),
            "last_delivery_attempt": datetime.fromisoformat(last) if last else None,
        })


class OldClient:
    """Connects, waits for its welcome, and remembers which handler belongs to which subscription."""

    def __init__(self, url: str):
        self.url = url
        self.client_id = ""
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.replies: asyncio.Queue[dict] = asyncio.Queue()

    async def __aenter__(self):
        self.socket = await websockets.connect(self.url, proxy=None)
        welcome = json.loads(await asyncio.wait_for(self.socket.recv(), WELCOME_PATIENCE))
        assert welcome["type"] == "welcome"
        self.client_id = welcome["client_id"]
        self.reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_):
        await self.socket.close()
        await self.reader

    async def _read(self):
        async for text in self.socket:
            message = json.loads(text)
            if message["type"] == "event":
                assert set(message) == {"type", "event", "subscription_id"}
                self.events.put_nowait(Event.from_dict(message["event"]))
            else:
                self.replies.put_nowait(message)

    async def _ask(self, message: dict) -> dict:
        await self.socket.send(json.dumps(message))
        return await asyncio.wait_for(self.replies.get(), 30)

    async def publish(self, event: Event) -> bool:
        event.source = event.source or self.client_id
        reply = await self._ask({"type": "publish", "event": event.to_dict()})
        return reply["type"] == "published" and reply["status"] == "queued" and reply["event_id"] == event.id

    async def subscribe(self, topics, types=(), priorities=(), sources=()) -> str:
        reply = await self._ask({"type": "subscribe", "subscription": {
            "topics": list(topics), "types": [kind.value for kind in types],
            "priorities": [priority.value for priority in priorities], "sources": list(sources)}})
        return reply["subscription_id"]

    async def unsubscribe(self, subscription_id: str) -> bool:
        reply = await self._ask({"type": "unsubscribe", "subscription_id": subscription_id})
        return reply["type"] == "unsubscribed" and reply["subscription_id"] == subscription_id

    async def ping(self, echo=None) -> dict:
        return await self._ask({"type": "ping", "echo": echo})

    async def health(self) -> dict:
        return (await self._ask({"type": "get_health"}))["health"]

    async def next_event(self) -> Event:
        """Fails at once if an event could not be built."""
        waiting = asyncio.create_task(self.events.get())
        await asyncio.wait({waiting, self.reader}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
        if not waiting.done():
            waiting.cancel()
            self.reader.result() if self.reader.done() else None
            raise AssertionError("no event came")
        return waiting.result()
