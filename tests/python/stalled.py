"""Subscribers that do not read, and what they find when they begin to.

A stalled subscriber's kernel buffers fill first; what comes after that waits in the router.
"""
import asyncio
import json
from collections import Counter

from client import connect
from raw import RawPeer, raw_client

RECEIVE_BUFFER = 4096
TEXT = "x" * 300


def numbered(topic: str, priority: int, number: int, text: str = TEXT) -> dict:
    return {"topic": topic, "priority": priority, "payload": {"n": number, "text": text}}


def number_of(message: dict) -> int:
    return message["event"]["payload"]["n"]


def priority_of(message: dict) -> int:
    return message["event"].get("priority", 5)


async def stalled_subscriber(router, *topics: str, hello: dict | None = None, **filters) -> RawPeer:
    """Subscribes, and then reads no more until a test asks it to."""
    peer = await raw_client(router, receive_buffer=RECEIVE_BUFFER, hello=hello)
    peer.subscription = await peer.subscribe(*topics, **filters)
    return peer


async def publish_in_order(router, events: list[dict], **beside) -> list[dict]:
    """Publishes from a client of its own and returns the replies, all of which come while others stall."""
    async with await connect(router) as publisher:
        replies = await publisher.publish_many(events, **beside)
    assert all(reply["type"] == "published" for reply in replies), replies[:3]
    return replies


async def fill_until_refused(router, topic: str, priority: int) -> tuple[list[int], int]:
    """Publishes until the stalled subscriber's outbox takes no more, and goes on taking no more.

    Returns the numbers that it took and how many it did not. The first events are big, so that the kernel
    is full before the outbox; each waits for its receipt, so that nothing is shed before the kernel is full.
    """
    taken: list[int] = []
    refused = refused_in_a_row = 0
    async with await connect(router) as publisher:
        for number in range(100_000):
            text = TEXT * 100 if number < 100 else TEXT
            reply = await publisher.publish(numbered(topic, priority, number, text), receipt="dispatched")
            if reply["matched"]:
                taken.append(number)
                refused_in_a_row = 0
                continue
            assert sum(reply["refused"].values()) == 1, reply
            refused, refused_in_a_row = refused + 1, refused_in_a_row + 1
            if refused_in_a_row == 3:
                return taken, refused
            await asyncio.sleep(0.2)
    raise AssertionError("an outbox without a bound")


async def read_messages(peer: RawPeer, done) -> list[dict]:
    """Reads until `done(messages)` is true."""
    messages: list[dict] = []
    while not done(messages):
        messages.append(await peer.message())
    return messages


async def everything(peer: RawPeer) -> list[dict]:
    """All messages until the connection ends."""
    messages = []
    while (text := await peer.next_text()) is not None:
        messages.append(json.loads(text))
    return messages


def received(messages: list[dict]) -> Counter:
    """How many events of each priority came."""
    return Counter(priority_of(message) for message in messages if message["type"] == "event")


def reported(messages: list[dict], subscription: str) -> Counter:
    """What the gap notices say was shed, by priority."""
    shed: Counter = Counter()
    for message in messages:
        if message["type"] == "gap" and message["subscription_id"] == subscription:
            for kind in ("evicted", "expired"):
                shed.update({int(priority): count for priority, count in message.get(kind, {}).items()})
    return shed
