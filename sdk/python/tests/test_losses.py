"""The promises about published events, while connections and routers come and go."""

import asyncio
import random
import time

import pytest
from helpers import collect, payloads, quick, until
from routers import free_port

from gadugi_router import EventPriority, EventRouterClient, PublishTimeout


async def test_ten_thousand_published_without_a_connection_with_room_for_a_thousand(router, proxy):
    """Those of the lowest priorities went, oldest first, and were told; the others come, urgent ones first."""
    async with proxy(free_port()) as between, EventRouterClient(router.url) as watcher:
        came, told = collect(watcher, "t"), []
        await watcher.ping()
        client = quick(between.url, buffer_size=1000)
        client.on_publish_failed(told.append)
        await client.connect()
        levels = [1, 3, 5, 7, 10]
        chosen = [levels[number % 5 if number % 7 else 0] for number in range(10_000)]
        handles = [client.publish_nowait("t", number, priority) for number, priority in enumerate(chosen)]
        assert len(told) == 9000 and {result.reason for result in told} == {"buffer_full"}
        lost = {result.event_id for result in told}
        between.target = router.port
        results = [await handle for handle in handles]
        await until(lambda: len(came) >= 1000, "those that had room")
        await client.disconnect()
    assert {result.event_id for result in results if not result} == lost
    assert {event.id for event in came} == {result.event_id for result in results if result} and len(came) == 1000
    kept = [int(event.priority) for event in came]
    assert kept == sorted(kept, reverse=True)
    for priority in set(kept):
        numbers = [event.payload for event in came if event.priority == priority]
        assert numbers == sorted(numbers)


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


async def test_what_expired_before_there_was_a_connection_is_told(start):
    port = free_port()
    client = quick(f"ws://127.0.0.1:{port}")
    await client.connect()
    soon, later = client.publish_nowait("t", ttl=0.05), client.publish_nowait("t", ttl=60)
    await asyncio.sleep(0.1)
    await asyncio.to_thread(start, port=port)
    assert (await soon).reason == "expired" and (await later).accepted
    await client.disconnect()


async def test_confirmed_events_arrive_once_however_often_the_connection_breaks(router, proxy):
    """The router lives, the network does not: connections are cut at random, answers get lost."""
    async with proxy(router.port) as between, EventRouterClient(router.url) as watcher:
        came = collect(watcher, "t")
        await watcher.ping()
        client = quick(between.url, reconnect_interval=0.01, max_reconnect_interval=0.02)
        await client.connect()
        rng, results = random.Random(7), []

        async def publish(number):
            await asyncio.sleep(number / 1000)
            results.append(await client.publish("t", number, EventPriority(rng.choice([1, 5, 10]))))

        publishing = [asyncio.ensure_future(publish(number)) for number in range(2000)]
        while not all(task.done() for task in publishing):
            await asyncio.sleep(rng.uniform(0.02, 0.1))
            if rng.random() < 0.5:
                between.swallow_answers = True
                await asyncio.sleep(0.02)
            between.heal()
        assert len(results) == 2000 and all(results)
        await until(lambda: len(came) >= 2000, "all of them")
        await watcher.ping()
        assert sorted(payloads(came)) == list(range(2000)), "each once"
        print("connections:", between.connections, "sent again:", sum(result.attempts > 1 for result in results))
        assert between.connections > 5 and any(result.attempts > 1 for result in results)
        await client.disconnect()


async def test_kill_9_while_publishing_what_was_not_confirmed_is_sent_to_the_next_router(start, router):
    client = quick(router.url)
    await client.connect()
    handles = [client.publish_nowait("t", number) for number in range(5000)]
    await handles[100]
    router.kill()
    await until(lambda: not client.is_connected, "the loss")
    again = await asyncio.to_thread(start, port=router.port, log_level="warning")
    assert all([await handle for handle in handles])
    assert again.process.poll() is None
    await client.disconnect()


@pytest.mark.patience(240)
async def test_200_clients_that_lose_their_router_do_not_come_back_in_one_instant(start, router):
    """kill -9 tells nobody when to come back, so only their own pauses spread them."""
    clients = [EventRouterClient(router.url, reconnect_interval=2.0) for _ in range(200)]
    arrivals: list[float] = []

    def note(change):
        if change.new.value == "connected":
            arrivals.append(time.monotonic())

    assert all(await asyncio.gather(*(client.connect() for client in clients)))
    for client in clients:
        client.on_state_change(note)
    # Closing the port for a moment only would leave those that come early for a second, longer pause.
    router.kill()
    await asyncio.to_thread(start, port=router.port, log_level="warning")
    await until(lambda: len(arrivals) == 200, "all of them", 120)
    spread = sorted(arrival - min(arrivals) for arrival in arrivals)
    tenths = [sum(number / 5 <= arrival < (number + 1) / 5 for arrival in spread) for number in range(10)]
    print("arrivals by fifth of a second:", tenths, "last after", round(spread[-1], 2))
    assert max(tenths) < 80, "no more than 40 % within any fifth of a second"
    assert spread[150] - spread[50] > 0.3
    await asyncio.gather(*(client.disconnect() for client in clients))


async def test_a_message_too_large_for_the_router_fails_alone(start):
    """The router ends the connection for it (1009); sent again, it would end each one."""
    router = await asyncio.to_thread(start, limits__max_message_size="64KiB", limits__outbox_size="1MiB")
    client = quick(router.url)
    await client.connect()
    big = client.publish_nowait("t", "x" * 100_000)
    others = [client.publish_nowait("t", number) for number in range(20)]
    assert all([await handle for handle in others])
    with pytest.raises(Exception, match="too many"):
        await big
    assert client.is_connected
    await client.disconnect()


async def test_receipts_refusals_and_errors_reach_whoever_published(start):
    router = await asyncio.to_thread(start, limits__publish_rate=5, limits__publish_burst=5)
    async with EventRouterClient(router.url) as client:
        collect(client, "t")
        result = await client.publish("t", receipt="dispatched")
        assert result.matched == 1 and result.refused == {}
        results = [await client.publish("t") for _ in range(20)]
        assert {result.reason for result in results if not result} == {"rate_limited"}
