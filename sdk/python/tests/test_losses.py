"""What is published while connections come and go, as far as only this SDK says it so; see tests/conformance."""

import asyncio

import pytest
from helpers import collect, payloads, quick, until
from routers import free_port

from gadugi_router import EventRouterClient, PublishTimeout


async def test_with_overflow_wait_publish_waits_for_room_and_nothing_is_lost(start):
    port = free_port()
    client = quick(f"ws://127.0.0.1:{port}", buffer_size=10, overflow="wait")
    await client.connect()
    publishing = [asyncio.ensure_future(client.publish("t", number)) for number in range(200)]
    await asyncio.sleep(0.05)
    assert client.stats["waiting_to_publish"] == 10 and not any(task.done() for task in publishing)
    for task in publishing[50:60]:
        task.cancel()
    router = await asyncio.to_thread(start, port=port)
    async with EventRouterClient(router.url) as watcher:
        came = collect(watcher, "t")
        results = await asyncio.gather(*publishing, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results] == [
            50 <= number < 60 for number in range(200)
        ]
        assert all(result for number, result in enumerate(results) if not 50 <= number < 60)
        await watcher.ping()
    assert not set(range(50, 60)) & set(payloads(came))
    await client.disconnect()


async def test_a_publish_that_nobody_waits_for_any_more_is_not_sent(router):
    client = quick(f"ws://127.0.0.1:{free_port()}")
    with pytest.raises(PublishTimeout) as timeout:
        await client.publish("t", timeout=0.05)
    assert not timeout.value.sent and client.stats["waiting_to_publish"] == 0


async def test_a_result_says_how_often_an_event_was_sent_and_stats_how_many_came_twice(router, proxy):
    async with proxy(router.port) as between, EventRouterClient(router.url) as watcher:
        came = collect(watcher, "t")
        client = quick(between.url)
        await client.connect()
        await client.ping()
        between.stall(requests=False)
        publishing = client.publish_nowait("t", 1)
        await until(lambda: came, "the event, whose answer is lost")
        between.heal()
        result = await publishing
        assert result.attempts == 2 and result.event_id == came[0].id
        await until(lambda: watcher.stats["duplicates"] == 1, "the second one")
        await client.disconnect()
