"""A router that ends in good order, and one that is full."""

import asyncio
import signal
import time

from drivers import until
from part1 import ScriptedRouter


async def test_draining_is_heeded_and_what_is_published_waits_for_the_next_router(driver, start):
    router = await asyncio.to_thread(start, drain__timeout="60s", limits__outbox_events=100_000)
    async with driver() as program:
        client = await program.connect(router.url)
        await client.subscribe("t")
        # Somebody who is slow holds the end up.
        slow = await program.connect(router.url, "slow", prefetch=1, receive_buffer=4096)
        await slow.subscribe("jam", held=True, brief=True)
        assert {word for _, word in await client.publishing_many("jam", 600, pad=2000)} == {"queued"}
        router.process.send_signal(signal.SIGTERM)
        await until(lambda: client.state == "draining", "the notice")
        waiting = client.publishing("t", "for the next one")
        await asyncio.sleep(0.3)
        assert not waiting.done() and client.state == "draining"
        await slow.ask("release", sub="s")
        await until(lambda: len(slow.events()) == 600, "all that was queued")
        await asyncio.to_thread(router.ended)
        await asyncio.to_thread(start, port=router.port)
        assert (await waiting)["status"] == "queued"
        await until(client.events, "the event")
        assert client.payloads() == ["for the next one"]


async def test_it_comes_back_when_it_was_told_to(driver):
    """The usual pause is a random part of an hour here."""
    async with ScriptedRouter() as router, driver() as program:
        client = await program.connect(router.url, reconnect_ms=3_600_000, max_reconnect_ms=3_600_000)
        deadline = "2026-01-31T12:00:00.000000+00:00"
        await router.say({"type": "draining", "deadline": deadline, "reconnect_after_ms": 400})
        await until(lambda: client.state == "draining", "the notice")
        await router.sockets[-1].close(1001)
        ended = time.monotonic()
        await until(lambda: client.state == "connected", "its return")
        assert time.monotonic() - ended >= 0.3


async def test_after_1001_earlier_failures_do_not_count(driver):
    """With them, the pause would be a random part of an hour."""
    async with ScriptedRouter() as router, driver() as program:
        client = await program.connect(router.url, reconnect_ms=20, max_reconnect_ms=3_600_000)
        for count in range(2, 20):
            await router.sockets[-1].close(1001)
            await until(lambda n=count: len(router.sockets) == n, "its return")
            # Both know of it before the next end.
            while await client.settled() is None:
                await asyncio.sleep(0.01)


async def test_what_a_draining_router_refuses_is_published_to_the_next_one(driver):
    async with ScriptedRouter() as router, driver() as program:
        client = await program.connect(router.url)
        router.drains = True
        publishing = client.publishing("t")
        await until(lambda: router.refused, "the first attempt")
        await asyncio.sleep(0.1)
        assert not publishing.done() and len(router.refused) == 1
        router.drains = False
        await router.sockets[-1].close(1001)
        result = await publishing
        assert result["status"] == "queued" and result["event_id"] == router.refused[0]


async def test_max_clients_reached_is_tried_again_until_there_is_room(driver, start):
    router = await asyncio.to_thread(start, max_clients=1)
    async with driver() as program:
        first = await program.connect(router.url, "first")
        second = await program.connect(router.url, "second")
        assert second.first["connected"] is False and second.first["error"]["kind"] == "max_clients"
        publishing = second.publishing("t")
        await asyncio.sleep(0.3)
        assert not publishing.done()
        await first.ask("close", within_ms=5_000)
        assert (await publishing)["status"] == "queued"
