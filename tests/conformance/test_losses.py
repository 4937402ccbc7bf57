"""The promises about what is published, while connections come and go."""

import asyncio
import random
from collections import Counter

import pytest
from client import connect
from drivers import until

MANY, ROOM = 10_000, 1_000


async def test_ten_thousand_published_without_a_connection_with_room_for_a_thousand(driver, start, closed_port):
    """Those of the lowest priorities went, oldest first, and were told; the others come, urgent ones first."""
    levels = [1, 3, 5, 7, 10, 1, 3]
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}", buffer_size=ROOM)
        await client.subscribe("t", brief=True)
        publishing = client.publishing_many("t", MANY, priorities=levels)
        await client.settled()
        await asyncio.to_thread(start, port=closed_port)
        words = [word for _, word in await publishing]
        await until(lambda: len(client.events()) == ROOM, "those that had room")
        await client.settled()
        assert Counter(words) == {"queued": ROOM, "dropped/buffer_full": MANY - ROOM}
        # The model: full, the oldest of the lowest priority gives way.
        order = sorted(range(MANY), key=lambda number: (levels[number % len(levels)], number))
        kept = set(order[MANY - ROOM :])
        assert {number for number, word in enumerate(words) if word == "queued"} == kept
        expected = sorted(kept, key=lambda number: (-levels[number % len(levels)], number))
        assert client.events() == [(number, levels[number % len(levels)]) for number in expected]


async def test_who_waits_for_room_waits_in_order_and_nothing_is_lost(driver, start, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}", buffer_size=ROOM, overflow="wait")
        await client.subscribe("t", brief=True)
        publishing = client.publishing_many("t", MANY, wait=True)
        await client.settled()
        with pytest.raises(Exception, match="buffer_full"):
            await client.publishing_many("t", 1)
        assert not publishing.done()
        await asyncio.to_thread(start, port=closed_port, limits__outbox_events=2 * MANY, max_queue_size=2 * MANY)
        assert Counter(word for _, word in await publishing) == {"queued": MANY}
        await until(lambda: len(client.events()) == MANY, "all of them")
        assert client.numbers() == list(range(MANY))


async def test_the_room_in_bytes_is_a_bound_too(driver, start, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}", buffer_bytes=100_000)
        await client.subscribe("t", brief=True)
        publishing = client.publishing_many("t", 100, pad=5_000)
        await client.settled()
        await asyncio.to_thread(start, port=closed_port)
        words = [word for _, word in await publishing]
        kept = [number for number, word in enumerate(words) if word == "queued"]
        assert 15 <= len(kept) < 20 and kept == list(range(100 - len(kept), 100))


async def test_what_nobody_waits_for_and_is_not_published_is_noticed(driver, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}", buffer_size=2)
        ids = await client.ask("publish_detached", topic="t", count=5)
        await until(lambda: len(client.failed) == 3, "those that had to give way")
        assert [failed["event_id"] for failed in client.failed] == ids[:3]
        assert {(failed["status"], failed["reason"]) for failed in client.failed} == {("dropped", "buffer_full")}


async def test_what_waits_when_the_client_is_closed_is_told(driver, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}", buffer_size=2)
        publishing = client.publishing_many("t", 5)
        await client.settled()
        assert not publishing.done()
        await client.ask("close", within_ms=100)
        assert [word for _, word in await publishing] == ["dropped/buffer_full"] * 3 + ["dropped/closed"] * 2


async def test_confirmed_events_arrive_once_however_often_the_connection_breaks(driver, router, proxy):
    """The router lives, the network does not: connections are cut at random, answers get lost."""
    count, rng = 1500, random.Random(7)
    async with proxy(router.port) as between, driver() as program, await connect(router) as witness:
        await witness.subscribe("t")
        subscriber = await program.connect(router.url, "subscriber")
        await subscriber.subscribe("t", brief=True)
        client = await program.connect(between.url, reconnect_ms=10, max_reconnect_ms=20)
        publishing = client.publishing_many("t", count, priorities=[1, 5, 10], pace_ms=1)
        while not publishing.done():
            await asyncio.sleep(rng.uniform(0.05, 0.15))
            if rng.random() < 0.5:
                between.stall(requests=False)
                await asyncio.sleep(0.02)
            between.heal()
        assert Counter(word for _, word in await publishing) == {"queued": count}
        await until(lambda: len(subscriber.events()) >= count, "all of them")
        await subscriber.settled()
        assert sorted(subscriber.numbers()) == list(range(count)), "each once"
        seen = [message["event"]["id"] for message in await witness.drain()]
        print("connections:", between.connections, "the router took", len(seen), "of", count)
        assert between.connections > 5 and len(seen) > count, "some were sent again"


async def test_a_message_too_large_for_the_router_fails_alone(driver, start):
    """The router ends the connection for it (1009); sent again, it would end each one."""
    router = await asyncio.to_thread(start, limits__max_message_size="64KiB", limits__outbox_size="1MiB")
    async with driver() as program:
        client = await program.connect(router.url)
        large = client.publishing("large", "x" * 100_000)
        others = client.publishing_many("t", 20)
        assert Counter(word for _, word in await others) == {"queued": 20}
        with pytest.raises(Exception, match="refused") as refusal:
            await large
        assert refusal.value.code == "too_large"


async def test_what_expired_before_there_was_a_connection_is_told(driver, start, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}")
        await client.subscribe("t")
        soon, later = (client.publishing("t", ttl, {"ttl_ms": ttl}) for ttl in (50, 60_000))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(start, port=closed_port)
        assert ((await soon)["status"], (await soon)["reason"]) == ("dropped", "expired")
        assert (await later)["status"] == "queued"
        await until(client.events, "the other one")
        assert client.payloads() == [60_000]


async def test_who_gives_up_without_a_connection_withdraws_the_event(driver, start, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}")
        await client.subscribe("*")
        with pytest.raises(Exception, match="timeout"):
            await client.publish("given.up", options={"timeout_ms": 100})
        wanted = client.publishing("wanted")
        await asyncio.to_thread(start, port=closed_port)
        assert (await wanted)["status"] == "queued"
        await until(client.events, "the event")
        assert [event["topic"] for event in client.events()] == ["wanted"]
