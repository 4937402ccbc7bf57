"""The client, as its users see it."""

from __future__ import annotations

import asyncio
import ssl as tls
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

from .engine import Engine
from .errors import GadugiError
from .events import now
from .publishing import Publishing
from .requests import Requests
from .results import ConnectionState, StateChange
from .settings import Overflow, Settings, Token
from .subscribing import Subscribing

HEALTH_TIMEOUT = 5.0


class EventRouterClient(Publishing, Subscribing):
    """A client of gadugi-router that looks after its connection by itself.

    It reconnects, subscribes again, and keeps what is published meanwhile. All its methods are for one event loop;
    for programs without one there is SyncEventRouterClient.

    Args:
        url: `ws://…` or `wss://…`.
        auto_reconnect: False: a connection that is lost stays lost until `connect` is called again.
        reconnect_interval: The first pause before a new attempt is a random part of this (seconds).
        max_reconnect_interval: The longest such pause.
        reconnect_decay: By what the pause grows with each failure.
        heartbeat_interval: How often a silent connection is asked for a sign of life. 0: never.
        timeout: For connecting, each time, and for the router's answers to anything but publishes.
        max_reconnect_attempts: Failures in a row after which it gives up; None: never.
        heartbeat_timeout: How long the sign of life may take. A dead connection is found within both together.
        token: Shown to the router; a function (or async function) is asked anew at each attempt.
        ssl: For `wss://`, when the system's trust is not the right one.
        headers: Sent with the WebSocket's request.
        proxy: `http://…` or `socks5://…`; None connects directly.
        name: What the router shows about this client, `name/version`.
        source: The `source` of everything published here; None: the router's name for the connection.
        buffer_size: How many events may wait to be sent.
        buffer_bytes: How large they may be together.
        overflow: When the buffer is full, "evict": the oldest of the lowest priority goes, and whoever published it
            is told; "wait": `publish` waits for room.
        max_in_flight: How many events may be sent and not answered yet.
        prefetch: How many events may wait here for handlers before no more is read. None: `max_local_events`, so that
            urgent events overtake all others here; 32 as soon as a group is subscribed to, whose other members can
            have what was not read.
        max_local_events: How many events may wait here at all. Beyond that they are shed and reported, which happens
            only while answers are awaited; else reading stops.
        max_local_bytes: How large they may be together, as messages.
        handler_concurrency: How many calls of one handler may run at a time. 1: one after the other, in order.
        receive_buffer: The socket's receive buffer in bytes; what is in it cannot be overtaken. 0: the system's.
        max_message_size: Larger events are not sent, larger messages end the connection.
        dedupe: For how many events back a subscription recognises one that was published twice. 0: not at all.
    """

    def __init__(
        self,
        url: str = "ws://localhost:9090",
        auto_reconnect: bool = True,
        reconnect_interval: float = 1.0,
        max_reconnect_interval: float = 30.0,
        reconnect_decay: float = 1.5,
        heartbeat_interval: float = 30.0,
        timeout: float = 10.0,
        *,
        max_reconnect_attempts: int | None = None,
        heartbeat_timeout: float = 10.0,
        token: Token = None,
        ssl: tls.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        name: str = "",
        source: str | None = None,
        buffer_size: int = 10_000,
        buffer_bytes: int = 64 * 1024 * 1024,
        overflow: Overflow = "evict",
        max_in_flight: int = 256,
        prefetch: int | None = None,
        max_local_events: int = 65_536,
        max_local_bytes: int = 64 * 1024 * 1024,
        handler_concurrency: int = 1,
        receive_buffer: int = 16 * 1024,
        max_message_size: int = 10_000_000,
        dedupe: int = 1024,
    ) -> None:
        arguments = dict(locals())
        del arguments["self"]
        self.settings = Settings(**arguments)
        self.connected_at: datetime | None = None
        self._engine = Engine(self.settings)
        self._engine.on_state.append(self._note_connection)
        self._requests = Requests(self)

    async def connect(self) -> bool:
        """Connects, and goes on trying in the background if that fails.

        Returns:
            Whether it is connected now. If not, `last_error` says why; events that are published wait.

        Raises:
            AuthenticationError: The router refused the token.
        """
        if self.is_connected:
            return True
        await self._engine.open()
        return self.is_connected

    async def disconnect(self, timeout: float = 5.0) -> None:
        """Lets handlers finish, publishes what waits, and closes. After `timeout` it does not wait any longer.

        What could not be published is answered with `dropped`, `closed`. `connect` may be called again.
        """
        await self._engine.close(timeout)

    async def wait_until_connected(self, timeout: float = 10.0) -> bool:
        """Waits for a connection; False if there is none in time."""
        try:
            await asyncio.wait_for(self._connected(), timeout)
        except asyncio.TimeoutError:
            return False
        return self.is_connected

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._engine.link.state

    @property
    def is_connected(self) -> bool:
        """Whether events come and go. Also while the router drains, when events still come."""
        return self.state in (ConnectionState.CONNECTED, ConnectionState.DRAINING)

    @property
    def last_error(self) -> BaseException | None:
        """Why the last connection ended, or did not come to be."""
        return self._engine.link.last_error

    @property
    def client_id(self) -> str | None:
        """The router's name for this connection; each has another."""
        session = self._engine.link.session
        return session.client_id if session is not None else None

    @property
    def reconnect_attempts(self) -> int:
        """Failed attempts in a row."""
        return self._engine.link.attempts

    @property
    def stats(self) -> dict[str, int]:
        """Counts: events published (accepted), received, repeated; waiting and in flight, on both ways."""
        engine = self._engine
        return {
            "events_published": engine.publisher.accepted,
            "events_received": engine.received,
            "duplicates": engine.deliveries.duplicates,
            "waiting_to_publish": engine.publisher.waiting,
            "in_flight": engine.publisher.in_flight,
            "waiting_for_handlers": engine.deliveries.waiting,
        }

    def supports(self, feature: str) -> bool:
        """Whether the router that is connected has a feature of the protocol's second part (`groups`, `batch`, …)."""
        session = self._engine.link.session
        return session is not None and session.has(feature)

    async def get_health(self) -> dict[str, Any] | None:
        """What the router says about itself; None if it does not answer within 5 s, or there is no connection.

        Returns:
            `status` (`healthy`, `degraded`, `unhealthy`), `uptime`, `events_processed`, `events_failed`,
            `events_in_queue`, `active_subscriptions`, `connected_clients`, `last_event_at`, `errors`.
        """
        answer = await self._ask({"type": "get_health"}, HEALTH_TIMEOUT)
        return None if answer is None else answer.get("health")

    async def ping(self) -> bool:
        """Whether the router answers, within `timeout`."""
        return await self._ask({"type": "ping"}, self.settings.timeout) is not None

    async def __aenter__(self) -> EventRouterClient:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def _ask(self, message: dict[str, Any], timeout: float) -> dict[str, Any] | None:
        session = self._engine.link.session
        if session is None:
            return None
        try:
            return await asyncio.wait_for(session.ask(message), timeout)
        except (asyncio.TimeoutError, GadugiError):
            return None

    async def _connected(self) -> None:
        while not self.is_connected:
            await self._engine.link.next_change()

    def _note_connection(self, change: StateChange) -> None:
        if change.new is ConnectionState.CONNECTED:
            self.connected_at = now()
