"""A client with the `websockets` library: connect, ask, publish, subscribe, and look at what comes.

Frames that no library would send are in raw.py.
"""
import asyncio
import json
import re
import uuid
from collections import deque

import websockets

PATIENCE = 30.0
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")
MARKER = "drain-marker."


def is_uuid(text, version=None) -> bool:
    found = uuid.UUID(text)
    return str(found) == text and version in (None, found.version)


async def until(condition, what: str, patience: float = PATIENCE):
    """Waits for a condition (a function, async or not) and returns its first true value."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        value = condition()
        value = await value if asyncio.iscoroutine(value) else value
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline, f"not within {patience:.0f} s: {what}"
        await asyncio.sleep(0.02)


class Client:
    """A connection. `connect` makes one; it closes itself at the end of `async with`."""

    def __init__(self, socket):
        self.socket = socket
        self.kept: deque[dict] = deque()
        self.welcome: dict = {}
        self.greeting: dict = {}

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.socket.close()

    async def send(self, message) -> None:
        """A dict as JSON; a str as it is; bytes as a binary frame."""
        await self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    async def text(self) -> str:
        """The next message, as it came. Does not look at what `ask` kept."""
        text = await asyncio.wait_for(self.socket.recv(), PATIENCE)
        assert isinstance(text, str), "the router never sends binary frames"
        return text

    async def receive(self) -> dict:
        return self.kept.popleft() if self.kept else json.loads(await self.text())

    async def expect(self, kind: str) -> dict:
        """The next message, which must be of this type."""
        message = await self.receive()
        assert message["type"] == kind, message
        return message

    async def ask(self, message) -> dict:
        """Sends, and returns the reply; events and gaps that come before it are kept."""
        await self.send(message)
        return await self.reply()

    async def reply(self) -> dict:
        while (message := json.loads(await self.text()))["type"] in ("event", "gap"):
            self.kept.append(message)
        return message

    async def error(self, message) -> dict:
        """Sends what must be refused, and returns the error."""
        reply = await self.ask(message)
        assert reply["type"] == "error", reply
        assert TIME.fullmatch(reply["timestamp"]), reply
        return reply

    async def publish(self, event: dict, **beside) -> dict:
        """Publishes; `beside` stands next to the event in the message. The event must be taken."""
        reply = await self.ask({"type": "publish", "event": event, **beside})
        assert reply["type"] == "published" and reply["status"] == "queued", reply
        return reply

    async def publish_many(self, events: list[dict], **beside) -> list[dict]:
        """Publishes all before it looks at the replies, which it returns in their order."""
        for event in events:
            await self.send({"type": "publish", "event": event, **beside})
        return [await self.reply() for _ in events]

    async def subscribe(self, *topics: str, **filters) -> str:
        """Subscribes and returns the subscription's id."""
        return (await self.subscribed(*topics, **filters))["subscription_id"]

    async def subscribed(self, *topics: str, **filters) -> dict:
        reply = await self.ask({"type": "subscribe", "subscription": {"topics": list(topics), **filters}})
        assert reply["type"] == "subscribed", reply
        return reply

    async def ping(self, echo=None) -> dict:
        reply = await self.ask({"type": "ping", "echo": echo})
        assert reply["type"] == "pong" and reply["echo"] == echo, reply
        return reply

    async def health(self) -> dict:
        return (await self.ask({"type": "get_health"}))["health"]

    async def event(self) -> dict:
        """The next message, which must be an event's: the event alone."""
        return (await self.expect("event"))["event"]

    async def drain(self) -> list[dict]:
        """All messages that wait for this client or are on their way, without replies.

        A marker of the lowest priority is behind everything else in every queue, so what has not come
        before it will not come.
        """
        topic = f"{MARKER}{uuid.uuid4()}"
        subscription = await self.subscribe(topic)
        await self.publish({"topic": topic, "priority": 1})
        found = []
        while True:
            message = await self.receive()
            if message["type"] == "event" and message["event"]["topic"] == topic:
                if message.get("subscription_id", subscription) == subscription:
                    break
            elif message["type"] != "event" or not message["event"]["topic"].startswith(MARKER):
                found.append(message)
        await self.ask({"type": "unsubscribe", "subscription_id": subscription})
        return found + [message for message in self._take_kept()
                        if message["type"] != "event" or not message["event"]["topic"].startswith(MARKER)]

    def _take_kept(self) -> list[dict]:
        kept, self.kept = list(self.kept), deque()
        return kept

    async def drained_topics(self) -> list[str]:
        return [message["event"]["topic"] for message in await self.drain() if message["type"] == "event"]

    async def closed(self) -> tuple[int, str]:
        """Waits for the router's close, passing over what comes before it: code and reason."""
        try:
            while True:
                await asyncio.wait_for(self.socket.recv(), PATIENCE)
        except websockets.ConnectionClosed as end:
            return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (1006, "")


async def open_socket(address, **options):
    """A connection that has read nothing yet. `address` is a Router or a URL."""
    url = address if isinstance(address, str) else address.url
    options = {"proxy": None, "ping_interval": None, "max_size": None, "max_queue": None,
               "open_timeout": PATIENCE, "close_timeout": 5, **options}
    return await websockets.connect(url, **options)


async def connect(address, hello=None, **options) -> Client:
    """A welcomed client; `hello` (a dict, may be empty) makes it one of protocol 2."""
    client = Client(await open_socket(address, **options))
    client.welcome = await client.expect("welcome")
    if hello is not None:
        client.greeting = await client.ask({"type": "hello", "protocol": 2, "client": "tests/1", **hello})
        assert client.greeting["type"] == "hello", client.greeting
    return client
