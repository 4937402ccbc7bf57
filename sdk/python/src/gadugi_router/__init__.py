"""A client of gadugi-router.

async with EventRouterClient("ws://localhost:9090") as client:

    @client.on("task.*")
    async def handle(event):
        print(event.topic, event.payload)

    await client.publish("task.created", {"task_id": "123"}, priority=EventPriority.HIGH)
"""

from .acks import Backlog, DeadLetter, Delivery, Nack
from .client import EventRouterClient
from .errors import (
    AuthenticationError,
    BufferFull,
    ConnectionFailed,
    GadugiError,
    InvalidEvent,
    InvalidSubscription,
    MaxClientsReached,
    NoResponders,
    NotConnected,
    PublishTimeout,
    RequestFailed,
    RequestTimeout,
    RouterError,
    UnsupportedByRouter,
)
from .events import DeliveryStatus, Event, EventMetadata, EventPriority, EventType
from .results import ConnectionState, Gap, HandlerError, PendingPublish, PublishResult, StateChange
from .streams import EventStream
from .sync import SyncEventRouterClient
from .version import __version__

__all__ = [
    "AuthenticationError",
    "Backlog",
    "BufferFull",
    "ConnectionFailed",
    "ConnectionState",
    "DeadLetter",
    "Delivery",
    "DeliveryStatus",
    "Event",
    "EventMetadata",
    "EventPriority",
    "EventRouterClient",
    "EventStream",
    "EventType",
    "GadugiError",
    "Gap",
    "HandlerError",
    "InvalidEvent",
    "InvalidSubscription",
    "MaxClientsReached",
    "Nack",
    "NoResponders",
    "NotConnected",
    "PendingPublish",
    "PublishResult",
    "PublishTimeout",
    "RequestFailed",
    "RequestTimeout",
    "RouterError",
    "StateChange",
    "SyncEventRouterClient",
    "UnsupportedByRouter",
    "__version__",
]
