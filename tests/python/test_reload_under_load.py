"""A hundred reloads, good and bad by turns, while two hundred clients get two thousand events a second."""
import asyncio
import random
from collections import defaultdict

import pytest

from client import connect
from reloading import Reloading

CLIENTS, PUBLISHERS, RATE, RELOADS = 200, 10, 2000, 100
GOOD = [
    "use_multi_queue = true\nmax_clients = 500\n[limits]\nping_interval = \"1s\"\n",
    "max_queue_size = 20000\nlog_level = \"debug\"\n[drain]\ntimeout = \"5s\"\n",
    "max_queue_size = 5000\n[limits]\noutbox_events = 9000\nmax_message_size = 1000000\n",
]
BAD = ["max_clients = 0\n", "use_multi_queue = perhaps\n", "[limits]\nunheard_of = 1\n"]


class Sent:
    """Numbers for each topic and priority, counted up in the order of publishing."""

    def __init__(self):
        self.last: dict[tuple[str, int], int] = defaultdict(int)

    def event(self, topic: str, priority: int) -> dict:
        self.last[topic, priority] += 1
        return {"topic": topic, "priority": priority, "payload": {"n": self.last[topic, priority]}}


async def publish_until(done: asyncio.Event, client, topics: list[str], sent: Sent, chance: random.Random) -> None:
    """Publishes its share of the rate, in portions of a twentieth of a second; each must be taken."""
    portion = RATE // PUBLISHERS // 20
    due = asyncio.get_running_loop().time()
    while not done.is_set():
        events = [sent.event(chance.choice(topics), chance.randint(1, 10)) for _ in range(portion)]
        replies = await client.publish_many(events)
        assert {reply.get("status") for reply in replies} == {"queued"}, replies
        due += 0.05
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


async def take_all(client, topic: str, received: dict) -> None:
    """Until it is told the end: everything is for this client, and in order within its level."""
    while True:
        event = await client.event()
        if event["payload"] == {"end": True}:
            return
        level = topic, event["priority"]
        assert event["topic"] == topic and event["payload"]["n"] == received[level] + 1, (event, received[level])
        received[level] += 1


@pytest.mark.patience(300)
async def test_reloads_under_load_drop_nobody_and_lose_repeat_or_reorder_nothing(start):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with Reloading(start) as reload:
        topics = [f"load.{number}" for number in range(CLIENTS)]
        subscribers = [await connect(reload.router) for _ in topics]
        for client, topic in zip(subscribers, topics):
            await client.subscribe(topic)
        sent, received, done = Sent(), defaultdict(int), asyncio.Event()
        takers = [asyncio.create_task(take_all(client, topic, received)) for client, topic in zip(subscribers, topics)]
        # Each has topics of its own, so that one connection's order is a topic's order.
        publishers = [await connect(reload.router) for _ in range(PUBLISHERS)]
        talks = [asyncio.create_task(publish_until(done, client, topics[number::PUBLISHERS], sent, chance))
                 for number, client in enumerate(publishers)]
        for number in range(RELOADS):
            await reload.to(chance.choice(BAD if number % 2 else GOOD))
            await asyncio.sleep(0.05)
        done.set()
        await asyncio.gather(*talks)
        for topic in topics:
            await publishers[0].publish({"topic": topic, "priority": 1, "payload": {"end": True}})
        await asyncio.gather(*takers)
        # What came after a client's end message would have been repeated.
        for client in subscribers + publishers:
            await client.ping("still here")
            assert not client.kept
        print(f"{sum(sent.last.values())} events, {RELOADS} reloads")
        assert received == sent.last
        for client in subscribers + publishers:
            await client.socket.close()
