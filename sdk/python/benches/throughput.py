"""What the SDK costs over the bare `websockets` library, in CPU time of the client for each event.

    python benches/throughput.py [--url ws://localhost:9090] [--events 20000] [--rounds 3]

Needs a running router whose `limits.outbox_events` holds all the events (`--events`), or some are shed. CPU time of the
client's thread is measured, not wall time, so that neither the router nor a busy machine counts; `events/s` is what one
core would do. Bare and SDK take turns; the medians are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Awaitable
from typing import Callable

import websockets

from gadugi_router import EventRouterClient

PAYLOAD = {"task_id": "123", "text": "x" * 200}
# How many publishes the bare client has under way; the SDK's default is the same.
IN_FLIGHT = 256
# What the SDK reads before the measurement begins.
AHEAD = 64

Measure = Callable[[str, int], Awaitable[float]]


async def bare(url: str) -> websockets.ClientConnection:
    """A connection as a careful user would write it by hand."""
    connection = await websockets.connect(url, compression=None, proxy=None, max_size=10_000_000)
    json.loads(await connection.recv())
    return connection


async def publish_bare(url: str, events: int) -> float:
    """Sends, and reads all the answers."""
    connection = await bare(url)
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def answers() -> None:
        for _ in range(events):
            assert json.loads(await connection.recv())["status"] == "queued"
            slots.release()

    since = time.process_time()
    reader = asyncio.ensure_future(answers())
    for _ in range(events):
        await slots.acquire()
        event = {"id": str(uuid.uuid4()), "topic": "bench.nobody", "priority": 5, "payload": PAYLOAD}
        await connection.send(json.dumps({"type": "publish", "event": event}))
    await reader
    spent = time.process_time() - since
    await connection.close()
    return spent


async def publish_sdk(url: str, events: int) -> float:
    """`publish_nowait`, with answers for all of them."""
    async with EventRouterClient(url, buffer_size=events) as client:
        since = time.process_time()
        handles = [client.publish_nowait("bench.nobody", PAYLOAD) for _ in range(events)]
        for handle in handles:
            assert await handle
        return time.process_time() - since


async def ask_bare(url: str, events: int) -> float:
    """One at a time."""
    connection = await bare(url)
    since = time.process_time()
    for _ in range(events):
        event = {"id": str(uuid.uuid4()), "topic": "bench.nobody", "priority": 5, "payload": PAYLOAD}
        await connection.send(json.dumps({"type": "publish", "event": event}))
        assert json.loads(await connection.recv())["status"] == "queued"
    spent = time.process_time() - since
    await connection.close()
    return spent


async def ask_sdk(url: str, events: int) -> float:
    """`await publish`, one at a time."""
    async with EventRouterClient(url) as client:
        since = time.process_time()
        for _ in range(events):
            assert await client.publish("bench.nobody", PAYLOAD)
        return time.process_time() - since


async def fill(url: str, topic: str, events: int) -> None:
    """Publishes from a client of its own, before the measured one begins to read."""
    async with EventRouterClient(url, buffer_size=events) as client:
        for _ in range(events):
            client.publish_nowait(topic, PAYLOAD)
        await client.flush()


async def receive_bare(url: str, events: int) -> float:
    """Reads and parses."""
    topic = f"bench.{uuid.uuid4()}"
    connection = await bare(url)
    await connection.send(json.dumps({"type": "subscribe", "subscription": {"topics": [topic]}}))
    json.loads(await connection.recv())
    await fill(url, topic, events)
    since = time.process_time()
    for _ in range(events):
        message = json.loads(await connection.recv())
        assert message["event"]["topic"] == topic
    spent = time.process_time() - since
    await connection.close()
    return spent


async def receive_sdk(url: str, events: int) -> float:
    """A sync handler."""
    topic = f"bench.{uuid.uuid4()}"
    begin, end = asyncio.Event(), asyncio.Event()
    count = 0
    async with EventRouterClient(url, prefetch=AHEAD) as client:

        async def held(event: object) -> None:
            nonlocal count
            count += 1
            if count == 1:
                # Holds up the reading until everything waits in the router.
                await begin.wait()
            if count == events:
                end.set()

        await client.subscribe([topic], callback=held)
        await fill(url, topic, events)
        since = time.process_time()
        begin.set()
        await end.wait()
        return time.process_time() - since


async def stream_sdk(url: str, events: int) -> float:
    """`async for`."""
    topic = f"bench.{uuid.uuid4()}"
    async with EventRouterClient(url, prefetch=AHEAD) as client, client.events(topic) as stream:
        await client.ping()
        await fill(url, topic, events)
        since = time.process_time()
        for _ in range(events):
            await stream.__anext__()
        return time.process_time() - since


async def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--url", default="ws://localhost:9090")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pairs: list[tuple[str, Measure, Measure]] = [
        ("publish, many under way", publish_bare, publish_sdk),
        ("publish, one at a time", ask_bare, ask_sdk),
        ("receive, handler", receive_bare, receive_sdk),
        ("receive, async for", receive_bare, stream_sdk),
    ]
    print(f"{'':26}{'bare us':>10}{'SDK us':>10}{'ratio':>8}{'SDK events/s':>15}")
    for name, by_hand, by_sdk in pairs:
        spent: dict[Measure, list[float]] = {by_hand: [], by_sdk: []}
        for _ in range(arguments.rounds):
            for measure in (by_hand, by_sdk):
                spent[measure].append(await measure(arguments.url, arguments.events) / arguments.events * 1e6)
        hand, sdk = statistics.median(spent[by_hand]), statistics.median(spent[by_sdk])
        print(f"{name:26}{hand:10.1f}{sdk:10.1f}{sdk / hand:8.2f}{1e6 / sdk:15.0f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
