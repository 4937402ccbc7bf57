"""A router of the protocol's first part, written from its description: it knows no `hello` and no extension.

What the real router does not do on demand (tokens, say, or a notice of its end while it stays) is in ScriptedRouter.
"""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

EVENT = {
    "type": "custom",
    "priority": 5,
    "target": None,
    "payload": {},
    "version": "1.0",
    "delivery_status": "pending",
    "delivery_attempts": 0,
    "last_delivery_attempt": None,
    "delivery_error": None,
}
METADATA = {
    "correlation_id": None,
    "causation_id": None,
    "user_id": None,
    "session_id": None,
    "trace_id": None,
    "span_id": None,
    "tags": {},
    "headers": {},
}


def time_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def matches(pattern: str, topic: str) -> bool:
    if pattern == "*":
        return True
    wanted, parts = pattern.split("."), topic.split(".")
    return len(wanted) == len(parts) and all(want in ("*", part) for want, part in zip(wanted, parts))


class Part1Router:
    """`seen` are the messages that came, in order. `mute`: publishes get no answer."""

    def __init__(self, silent_hello: bool = False, ssl=None):
        self.silent_hello = silent_hello
        self.subscriptions: dict[str, tuple] = {}
        self.seen: list[dict] = []
        self.mute = False
        self.sockets: list = []
        self.ssl = ssl
        self.headers: dict = {}
        # An HTTP status in place of the WebSocket.
        self.status = None

    async def __aenter__(self):
        self.server = await serve(
            self._client, "127.0.0.1", 0, max_size=10**7, ssl=self.ssl, process_request=self._request
        )
        self.url = f"{'wss' if self.ssl else 'ws'}://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    def _request(self, connection, request):
        self.headers = dict(request.headers.raw_items())
        return None if self.status is None else connection.respond(self.status, "no")

    async def _client(self, socket):
        client_id = str(uuid.uuid4())
        self.sockets.append(socket)
        await self._send(socket, {"type": "welcome", "client_id": client_id, "server_time": time_now()})
        try:
            async for text in socket:
                message = json.loads(text)
                self.seen.append(message)
                answer = getattr(self, f"_{message['type']}", None)
                if answer is not None:
                    await answer(socket, client_id, message)
                elif not (self.silent_hello and message["type"] == "hello"):
                    await self._error(socket, f"Unknown message type: {message['type']}")
        except ConnectionClosed:
            pass
        finally:
            for name in [name for name, (owner, _) in self.subscriptions.items() if owner is socket]:
                del self.subscriptions[name]

    async def _send(self, socket, message):
        await socket.send(json.dumps(message))

    async def _error(self, socket, text):
        await self._send(socket, {"type": "error", "error": text, "timestamp": time_now()})

    async def _ping(self, socket, _, message):
        await self._send(socket, {"type": "pong", "timestamp": time_now(), "echo": message.get("echo")})

    async def _get_health(self, socket, _, __):
        counts = {"events_processed": 0, "events_failed": 0, "events_in_queue": 0}
        counts |= {"active_subscriptions": len(self.subscriptions), "connected_clients": 1}
        health = {"status": "healthy", "uptime": 1.5, **counts, "last_event_at": None, "errors": []}
        await self._send(socket, {"type": "health", "health": health})

    async def _subscribe(self, socket, _, message):
        spec = message["subscription"]
        if not isinstance(spec.get("topics", ["*"]), list) or spec.get("sources") == ["refuse me"]:
            await self._error(socket, "Failed to subscribe: no")
            return
        spec = {"topics": ["*"], "priorities": [], **spec}
        name = str(uuid.uuid4())
        self.subscriptions[name] = (socket, spec)
        await self._send(socket, {"type": "subscribed", "subscription_id": name, "topics": spec["topics"]})

    async def _unsubscribe(self, socket, _, message):
        name = message["subscription_id"]
        if self.subscriptions.pop(name, None) is None:
            await self._error(socket, "Subscription not found")
        else:
            await self._send(socket, {"type": "unsubscribed", "subscription_id": name})

    async def _publish(self, socket, client_id, message):
        if self.mute:
            return
        given = message["event"]
        if not given.get("topic"):
            await self._error(socket, "Failed to publish event: no topic")
            return
        assert set(message) == {"type", "event"}, "nothing that this router does not know"
        metadata = {**METADATA, "created_at": time_now(), **given.get("metadata", {})}
        event = {
            **EVENT,
            "id": str(uuid.uuid4()),
            "source": client_id,
            "timestamp": time_now(),
            **given,
            "metadata": metadata,
        }
        await self._send(socket, {"type": "published", "event_id": event["id"], "status": "queued"})
        for name, (subscriber, spec) in list(self.subscriptions.items()):
            wanted = not spec["topics"] or any(matches(pattern, event["topic"]) for pattern in spec["topics"])
            if wanted and event["priority"] >= min(spec["priorities"] or [1]):
                await self._send(subscriber, {"type": "event", "event": event, "subscription_id": name})


class ScriptedRouter(Part1Router):
    """Knows `hello`, and accepts only `token`."""

    def __init__(self, token=None, ssl=None):
        super().__init__(ssl=ssl)
        self.token = token
        # Refuses what is published, as a router at its end does; these were.
        self.drains = False
        self.refused: list[str] = []

    async def _hello(self, socket, _, message):
        if message.get("token") == self.token:
            await self._send(socket, {"type": "hello", "protocol": 2, "server": "scripted/1", "features": []})
        else:
            refusal = {"type": "error", "error": "the token is not valid", "code": "unauthorized"}
            await self._send(socket, {**refusal, "timestamp": time_now()})

    async def _publish(self, socket, client_id, message):
        if not self.drains:
            await super()._publish(socket, client_id, message)
            return
        event_id = message["event"]["id"]
        self.refused.append(event_id)
        refusal = {"type": "published", "event_id": event_id, "status": "rejected", "reason": "draining"}
        await self._send(socket, refusal)

    async def say(self, message):
        """To the client that connected last."""
        await self._send(self.sockets[-1], message)
