"""What handlers can rely on, and what they cannot spoil."""

import asyncio
import logging
import sys
import time

import pytest
from helpers import collect, payloads, until

from gadugi_router import Event, EventPriority, EventRouterClient

ROOMY = {"limits__outbox_events": 100_000, "limits__outbox_size": "256MiB", "max_queue_size": 100_000}


async def test_errors_in_handlers_are_reported_and_change_nothing_else(router, caplog):
    async with EventRouterClient(router.url) as client:
        problems, came = [], collect(client, "t")

        @client.on("t")
        async def fails(event):
            raise ValueError(event.payload)

        client.on("t")(lambda event: 1 / 0)
        client.on_error(problems.append)
        for number in range(3):
            await client.publish("t", number)
        await until(lambda: len(problems) == 6 and len(came) == 3, "all reports")
        assert {type(problem.error) for problem in problems} == {ValueError, ZeroDivisionError}
        assert all(problem.event.topic == "t" for problem in problems) and payloads(came) == [0, 1, 2]
        assert not caplog.records


async def test_without_a_handler_of_errors_they_are_logged(router, caplog):
    async with EventRouterClient(router.url) as client:
        client.on("t")(lambda event: 1 / 0)
        with caplog.at_level(logging.ERROR, "gadugi_router"):
            await client.publish("t")
            await until(lambda: caplog.records, "the log")
        assert "ZeroDivisionError" in caplog.text


async def test_a_handler_of_errors_that_fails_itself_is_survived(router, caplog):
    async with EventRouterClient(router.url) as client:
        client.on("t")(lambda event: 1 / 0)
        client.on_error(lambda problem: {}[problem])
        await client.publish("t")
        await until(lambda: caplog.records, "the log")
        assert await client.ping()


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_concurrency_is_bounded(router, concurrency):
    async with EventRouterClient(router.url) as client:
        running = most = count = 0

        async def handle(event):
            nonlocal running, most, count
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            count += 1

        await client.subscribe(["t"], callback=handle, concurrency=concurrency)
        for _ in range(60):
            client.publish_nowait("t")
        await until(lambda: count == 60, "all calls")
        assert most == concurrency


async def test_one_after_the_other_in_order_is_the_default(router):
    async with EventRouterClient(router.url) as client:
        done = []

        @client.on("t")
        async def handle(event):
            await asyncio.sleep(0.002 if event.payload % 2 else 0)
            done.append(event.payload)

        for number in range(200):
            client.publish_nowait("t", number)
        await until(lambda: len(done) == 200, "all calls")
        assert done == list(range(200))


async def test_a_slow_handler_does_not_hold_up_another_nor_answers_nor_heartbeats(router):
    async with EventRouterClient(router.url, prefetch=64, heartbeat_interval=0.1, heartbeat_timeout=0.3) as client:
        go_on = asyncio.Event()
        slow, quick = [], collect(client, "quick")

        @client.on("slow")
        async def handle(event):
            await go_on.wait()
            slow.append(event)

        first = client.client_id
        for number in range(10):
            await client.publish("slow", number)
        await client.publish("quick", 1)
        await until(lambda: quick, "the other handler's event")
        await asyncio.sleep(1.0)
        assert client.client_id == first and not slow
        go_on.set()
        await until(lambda: len(slow) == 10, "the slow one's")


async def test_a_client_that_does_not_read_on_purpose_is_not_taken_for_dead(start, without_credit):
    """Neither by its own heartbeat, whose answers are behind what it does not read, nor by the router."""
    router = await asyncio.to_thread(start, limits__ping_interval="300ms", limits__ping_timeout="300ms", **ROOMY)
    slow = EventRouterClient(router.url, prefetch=2, heartbeat_interval=0.1, heartbeat_timeout=0.2, receive_buffer=4096)
    go_on, taken = asyncio.Event(), []

    @slow.on("jam")
    async def handle(event):
        await go_on.wait()
        taken.append(event.payload["n"])

    await slow.connect()
    first = slow.client_id
    async with EventRouterClient(router.url) as publisher:
        for number in range(2000):
            publisher.publish_nowait("jam", {"n": number, "text": "x" * 500})
        await publisher.flush()
    await asyncio.sleep(2)
    assert slow.client_id == first and slow.stats["waiting_for_handlers"] < 100
    go_on.set()
    await until(lambda: len(taken) == 2000, "all of them")
    assert taken == list(range(2000)) and slow.client_id == first
    await slow.disconnect()


async def jam(router, client, handled, count, read):
    """A handler of 10 ms with `count` LOWEST events; how many of them it handles before a SYSTEM event.

    `read` is how many the client reads at once, waiting or handled.
    """
    urgent = asyncio.Event()

    @client.on("jam")
    async def handle(event):
        await asyncio.sleep(0.01)
        handled.append(int(event.priority))
        if event.priority is EventPriority.SYSTEM:
            urgent.set()

    await client.connect()
    await client.ping()
    async with EventRouterClient(router.url, buffer_size=count) as publisher:
        for number in range(count):
            publisher.publish_nowait("jam", {"n": number}, EventPriority.LOWEST)
        await publisher.flush()
        await until(lambda: handled, "the first one")
        await until(lambda: client.stats["events_received"] >= read, "all that the client will read")
        await asyncio.sleep(0.3)
        before = len(handled)
        await publisher.publish("jam", "now", EventPriority.SYSTEM, receipt="dispatched")
        await urgent.wait()
    return len(handled) - 1 - before


async def test_with_a_small_window_an_urgent_event_overtakes_all_but_what_the_kernels_hold(start, without_credit):
    """That is some hundred small events."""
    router = await asyncio.to_thread(start, **ROOMY)
    handled: list[int] = []
    client = EventRouterClient(router.url, prefetch=32, receive_buffer=16 * 1024)
    overtaken_by = await jam(router, client, handled, 5_000, client.settings.prefetch)
    print("handled before SYSTEM:", overtaken_by)
    assert overtaken_by < 600
    assert client.stats["waiting_for_handlers"] < 600
    await client.disconnect()


async def test_sync_handlers_that_take_their_time_are_called_in_priority_order_too(router):
    async with EventRouterClient(router.url, prefetch=1000) as client:
        order = []

        @client.on("t")
        def handle(event):
            time.sleep(0.003)
            order.append(int(event.priority))

        for priority in [1] * 200 + [10]:
            client.publish_nowait("t", priority=priority)
        await until(lambda: len(order) == 201, "all calls")
        assert order.index(10) < 150


async def test_when_answers_are_awaited_reading_goes_on_within_a_bound_and_the_rest_is_reported(start, without_credit):
    """A handler that publishes, far behind: the answers are behind events that have no room here."""
    router = await asyncio.to_thread(start, **ROOMY)
    client = EventRouterClient(router.url, prefetch=4, max_local_events=50)
    gaps, handled, go_on = [], [], asyncio.Event()
    client.on_gap(gaps.append)

    async def handle(event):
        await go_on.wait()
        assert await client.publish("answer", event.payload)
        handled.append(int(event.priority))

    await client.connect()
    name = await client.subscribe(["work"], callback=handle)
    async with EventRouterClient(router.url) as publisher:
        for number in range(3000):
            publisher.publish_nowait("work", number, 1 + number % 3)
        await publisher.flush()
    go_on.set()

    def accounted():
        shed = sum(sum(gap.evicted.values()) for gap in gaps)
        return len(handled) + shed == 3000

    await until(accounted, "handled and reported make all", 60)
    assert gaps and all(gap.local and gap.subscription_id == name for gap in gaps)
    assert client.stats["waiting_for_handlers"] == 0
    await client.disconnect()


async def test_the_bound_in_bytes_stops_reading_too(start, without_credit):
    router = await asyncio.to_thread(start, **ROOMY)
    client = EventRouterClient(router.url, max_local_bytes=50_000)
    handled, go_on = [], asyncio.Event()

    async def handle(event):
        await go_on.wait()
        handled.append(event)

    await client.connect()
    await client.subscribe(["t"], callback=handle)
    async with EventRouterClient(router.url) as publisher:
        for _ in range(500):
            publisher.publish_nowait("t", "x" * 2000)
        await publisher.flush()
    await asyncio.sleep(0.3)
    assert client.stats["waiting_for_handlers"] < 40
    go_on.set()
    await until(lambda: len(handled) == 500, "all of them")
    await client.disconnect()


async def test_disconnect_lets_a_handler_finish_and_publish_and_gives_it_nothing_more(router):
    client = EventRouterClient(router.url)
    begun, finished = [], []

    @client.on("t")
    async def handle(event):
        begun.append(event.payload)
        await asyncio.sleep(0.3)
        finished.append((await client.publish("done", event.payload)).status)

    await client.connect()
    for number in range(20):
        await client.publish("t", number)
    await until(lambda: begun, "the first one")
    await client.disconnect()
    assert begun == [0] and finished == ["queued"]


async def test_a_handler_may_disconnect_its_own_client(router):
    client = EventRouterClient(router.url)
    ended = asyncio.Event()

    @client.on("stop")
    async def handle(event):
        await client.disconnect()
        ended.set()

    await client.connect()
    await client.publish("stop")
    await asyncio.wait_for(ended.wait(), 30)
    assert client.state.value == "closed"


async def test_a_handler_that_waited_for_a_cancelled_task_is_reported_and_called_again(router):
    """CancelledError is no Exception; only that the client ends may end what calls the handlers."""
    async with EventRouterClient(router.url) as client:
        came, problems = [], []
        client.on_error(problems.append)

        @client.on("t")
        async def handle(event):
            came.append(event.payload)
            task = asyncio.ensure_future(asyncio.sleep(60))
            task.cancel()
            await task

        await client.publish_batch([Event(topic="t", payload=number) for number in range(5)])
        # Older Pythons cannot tell whose cancellation it is.
        reports = 5 if sys.version_info >= (3, 11) else 0
        await until(lambda: len(problems) == reports and came, "the reports")
        if not reports:
            return
        assert sorted(came) == list(range(5)) and isinstance(problems[0].error, asyncio.CancelledError)
