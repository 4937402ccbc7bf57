"""The Python SDK, driven by lines of JSON: commands on stdin, answers and whatever happens on stdout.

driver/main.rs is its twin. What both understand is in README.md.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "sdk" / "python" / "src"))

from gadugi_router import (
    AuthenticationError,
    BufferFull,
    ConnectionFailed,
    Event,
    EventMetadata,
    EventRouterClient,
    GadugiError,
    MaxClientsReached,
    Nack,
    NoResponders,
    NotConnected,
    PublishTimeout,
    RequestFailed,
    RequestTimeout,
    RouterError,
    UnsupportedByRouter,
)

# The first that fits is the word for it.
KINDS = (
    (MaxClientsReached, "max_clients"),
    (AuthenticationError, "unauthorized"),
    (ConnectionFailed, "unreachable"),
    (RouterError, "refused"),
    (UnsupportedByRouter, "unsupported"),
    (BufferFull, "buffer_full"),
    (NoResponders, "no_responders"),
    ((RequestTimeout, PublishTimeout, asyncio.TimeoutError), "timeout"),
    (RequestFailed, "request_failed"),
    (NotConnected, "not_connected"),
)
# Settings that this SDK counts in seconds.
SECONDS = {
    "reconnect_ms": "reconnect_interval",
    "max_reconnect_ms": "max_reconnect_interval",
    "heartbeat_ms": "heartbeat_interval",
    "heartbeat_timeout_ms": "heartbeat_timeout",
    "timeout_ms": "timeout",
}
LINE = 1 << 26


def say(**line) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def kind_of(error: BaseException) -> str:
    return next((word for kind, word in KINDS if isinstance(error, kind)), type(error).__name__)


def told(error: BaseException) -> dict:
    return {"kind": kind_of(error), "code": getattr(error, "code", None), "text": str(error)}


def result_of(result) -> dict:
    found = {"event_id": result.event_id, "status": result.status, "reason": result.reason, "matched": result.matched}
    if result.sequence is not None:
        found["sequence"] = result.sequence
    return {**found, "refused": result.refused}


async def outcome(publishing) -> list:
    """The event's id, and what became of it in a word or two."""
    try:
        result = await publishing
    except GadugiError as error:
        return [None, f"rejected/{getattr(error, 'code', None) or kind_of(error)}"]
    return [result.event_id, result.status if result else f"{result.status}/{result.reason}"]


def settings_of(options: dict) -> dict:
    settings = {SECONDS.get(name, name): value / 1000 if name in SECONDS else value for name, value in options.items()}
    if "tokens" in settings:
        tokens = iter(settings.pop("tokens"))
        settings["token"] = lambda: next(tokens)
    if "ca" in settings:
        settings["ssl"] = ssl.create_default_context(cafile=settings.pop("ca"))
    return settings


def text_of(error: BaseException | None) -> dict | None:
    return None if error is None else told(error)


class Driver:
    def __init__(self):
        self.clients: dict[str, EventRouterClient] = {}
        self.subscriptions: dict[tuple[str, str], str] = {}
        self.gates: dict[tuple[str, str], asyncio.Event] = {}
        self.tasks: set[asyncio.Task] = set()

    async def run(self):
        reader = asyncio.StreamReader(limit=LINE)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            command = json.loads(line)
            self.spawn(self.obey(command.pop("id"), command.pop("do"), command))
            # The next command finds what this one does at once, as in a program that calls one after the other.
            await asyncio.sleep(0)
        for task in self.tasks:
            task.cancel()

    def spawn(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def obey(self, number, name, command):
        try:
            say(id=number, ok=await getattr(self, f"do_{name}")(**command))
        except GadugiError as error:
            say(id=number, error=told(error))

    async def do_connect(self, client, url, options):
        made = self.clients[client] = EventRouterClient(url, **settings_of(options))
        made.on_state_change(lambda change: say(client=client, state=change.new.value, because=text_of(change.reason)))
        made.on_publish_failed(lambda failed: say(client=client, failed=result_of(failed)))
        made.on_replayed(lambda name: say(client=client, replayed=name))
        made.on_error(lambda problem: say(client=client, problem=told(problem.error)))

        @made.on_gap
        def gap(gap):
            counts = {"evicted": gap.evicted, "expired": gap.expired, "lost": gap.lost}
            say(client=client, gap={"subscription": gap.subscription_id, **counts, "local": gap.local})

        return {"connected": await made.connect(), "error": text_of(made.last_error)}

    async def do_publish(self, client, event, options):
        metadata = event.pop("metadata", None)
        if "ttl_ms" in options:
            options["ttl"] = options.pop("ttl_ms") / 1000
        if "timeout_ms" in options:
            options["timeout"] = options.pop("timeout_ms") / 1000
        event["event_id"] = event.pop("id", None)
        event = {name: value for name, value in event.items() if value is not None}
        if metadata is not None:
            options["metadata"] = EventMetadata(**metadata)
        return result_of(await self.clients[client].publish(**event, **options))

    async def do_publish_many(self, client, topic, count, priorities, pad, wait, pace_ms):
        """All of them, and then the answers. `wait`: each waits for room; else there has to be room for it at once."""
        publisher, pending = self.clients[client], []
        for number in range(count):
            payload = {"n": number, "pad": "x" * pad} if pad else {"n": number}
            priority = priorities[number % len(priorities)]
            if wait:
                pending.append(asyncio.ensure_future(publisher.publish(topic, payload, priority)))
            else:
                pending.append(publisher.publish_nowait(topic, payload, priority))
            if pace_ms:
                await asyncio.sleep(pace_ms / 1000)
        return [await outcome(each) for each in pending]

    async def do_publish_detached(self, client, topic, count):
        """Nobody looks at the answers."""
        return [self.clients[client].publish_nowait(topic, {"n": number}).event_id for number in range(count)]

    async def do_publish_batch(self, client, events):
        made = [Event(topic=event["topic"], payload=event.get("payload", {})) for event in events]
        return [result_of(result) for result in await self.clients[client].publish_batch(made)]

    async def do_subscribe(self, client, sub, wanted, handler_ms, held, brief):
        gate = self.gates[client, sub] = asyncio.Event()
        if not held:
            gate.set()

        async def handle(event):
            attempt = event.delivery_attempts
            await gate.wait()
            if handler_ms:
                await asyncio.sleep(handler_ms / 1000)
            if brief:
                say(client=client, sub=sub, brief=[event.payload.get("n"), int(event.priority)])
            else:
                say(client=client, sub=sub, event=event.to_dict())
            if wanted.get("ack") and attempt <= event.payload.get("fails", 0):
                raise Nack("told to", delay=0)

        if "ack_timeout_ms" in wanted:
            wanted["ack_timeout"] = wanted.pop("ack_timeout_ms") / 1000
        if "min_priority" in wanted:
            wanted["priorities"] = [wanted.pop("min_priority")]
        name = await self.clients[client].subscribe(callback=handle, **wanted)
        self.subscriptions[client, sub] = name
        return {"id": name}

    async def do_release(self, client, sub):
        self.gates[client, sub].set()

    async def do_unsubscribe(self, client, sub):
        return await self.clients[client].unsubscribe(self.subscriptions[client, sub])

    async def do_subscription_id(self, client, sub):
        """The id that the client has for it now."""
        known = self.subscriptions[client, sub]
        return known if known in self.clients[client].subscriptions else None

    async def do_request(self, client, topic, payload, timeout_ms):
        reply = await self.clients[client].request(topic, payload, timeout_ms / 1000)
        return reply.to_dict()

    async def do_respond(self, client, topic, group):
        async def answer(event):
            if event.payload == "fail":
                raise LookupError("no such thing")
            return {"by": client, "got": event.payload}

        self.clients[client].respond(topic, group=group)(answer)

    async def do_health(self, client):
        return await self.clients[client].get_health()

    async def do_close(self, client, within_ms):
        await self.clients[client].disconnect(within_ms / 1000)

    async def do_crowd(self, url, count, window_ms):
        """Many clients of one program; when all of them have come back, says after how many ms each did."""
        window = window_ms / 1000
        lost: list[float] = []
        arrivals: list[float] = []

        def note(change):
            if change.new.value == "connected":
                arrivals.append(time.monotonic())
                if len(arrivals) == count:
                    say(crowd=[round((arrival - min(lost)) * 1000) for arrival in arrivals])
            elif change.old.value == "connected":
                lost.append(time.monotonic())

        options = {"reconnect_interval": window, "max_reconnect_interval": window}
        clients = [EventRouterClient(url, **options) for _ in range(count)]
        connected = await asyncio.gather(*(client.connect() for client in clients))
        for client in clients:
            client.on_state_change(note)
        self.clients.update((f"crowd-{number}", client) for number, client in enumerate(clients))
        return sum(connected)


asyncio.run(Driver().run())
