"""SIGTERM: nobody new, no new events, and what is queued goes to whoever reads, until all is delivered or time is up."""
import asyncio
import signal
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest

from client import TIME, connect
from draining import drain_result
from stalled import (everything, number_of, numbered, priority_of, publish_in_order, read_messages, received,
                     stalled_subscriber)

WAITING = 5000


async def holds_up_the_end(router, hello=None):
    """A subscriber that does not read, with events of every level waiting for it."""
    slow = await stalled_subscriber(router, "t", hello=hello)
    await publish_in_order(router, [numbered("t", 1 + number % 10, number) for number in range(WAITING)],
                           receipt="dispatched")
    return slow


async def begin(router, *clients) -> list[dict]:
    """SIGTERM, and what each client, all of which said hello, is told."""
    router.process.send_signal(signal.SIGTERM)
    return [await client.expect("draining") for client in clients]


async def test_clients_that_said_hello_are_told_when_it_ends_and_when_to_come_back(start):
    router = start(drain__timeout="60s")
    slow = await holds_up_the_end(router)
    clients = [await connect(router, hello={}) for _ in range(20)]
    before = datetime.now(timezone.utc)
    told = await begin(router, *clients)
    for message in told:
        assert set(message) == {"type", "deadline", "reconnect_after_ms"} and TIME.fullmatch(message["deadline"])
        deadline = datetime.fromisoformat(message["deadline"]) - before
        assert timedelta(seconds=59) < deadline < timedelta(seconds=90)
        assert isinstance(message["reconnect_after_ms"], int) and message["reconnect_after_ms"] >= 0
    assert len({message["reconnect_after_ms"] for message in told}) > 10, "not all in the same instant"
    await read_messages(slow, lambda messages: len(messages) == WAITING)
    for client in clients:
        assert (await client.closed())[0] == 1001
    await asyncio.to_thread(router.ended)


async def test_new_events_are_refused_and_new_clients_too(start):
    router = start(drain__timeout="60s")
    slow = await holds_up_the_end(router)
    async with await connect(router) as old, await connect(router, hello={}) as new:
        await begin(router, new)
        publish = {"type": "publish", "event": {"topic": "t"}}
        reply = await new.ask(publish)
        assert (reply["type"], reply["status"], reply["reason"]) == ("published", "rejected", "draining")
        reply = await old.ask(publish)
        assert (reply["type"], reply["status"], reply["reason"]) == ("published", "dropped", "draining")
        assert not old.kept, "a client that did not say hello knows no `draining`"
        with pytest.raises(ConnectionRefusedError):
            await connect(router)
        await read_messages(slow, lambda messages: len(messages) == WAITING)
    await asyncio.to_thread(router.ended)


async def test_what_waits_comes_highest_first_and_the_end_is_early_when_all_is_delivered(start):
    """The timeout is longer than this test waits for the end."""
    router = start(drain__timeout="10m", log__format="json")
    slow = await holds_up_the_end(router)
    async with await connect(router, hello={}) as client:
        await begin(router, client)
        messages = await read_messages(slow, lambda messages: len(messages) == WAITING)
    assert sorted(number_of(message) for message in messages) == list(range(WAITING))
    order = [priority_of(message) for message in messages]
    # What came first was in the kernel already; from the first SYSTEM event that waited, the rest is in order.
    in_order = next(index for index in range(WAITING) if order[index:] == sorted(order[index:], reverse=True))
    assert in_order < 1500, in_order
    for priority in range(1, 11):
        numbers = [number_of(message) for message in messages if priority_of(message) == priority]
        assert numbers == sorted(numbers), f"first in, first out at {priority}"
    assert await slow.close_code() == 1001
    await asyncio.to_thread(router.ended)
    assert drain_result(router.log()).left.total() == 0


async def test_time_is_up_and_the_log_says_what_was_left_of_each_priority(start):
    router = start(drain__timeout="300ms", log__format="json")
    stalled = [await holds_up_the_end(router)]
    stalled.append(await stalled_subscriber(router, "u"))
    events = [numbered("u", 7, number) for number in range(WAITING)]
    await publish_in_order(router, events, receipt="dispatched")
    await asyncio.to_thread(router.stop)
    result = drain_result(router.log())
    assert result.subscribers == 2
    accepted = Counter(1 + number % 10 for number in range(WAITING)) + Counter({7: WAITING})
    came = Counter()
    for peer in stalled:
        came += received(await everything(peer))
    assert came + result.left == accepted


async def test_a_second_signal_ends_it_at_once_and_what_was_left_is_recorded(start):
    router = start(drain__timeout="10m", log__format="json")
    slow = await holds_up_the_end(router)
    async with await connect(router, hello={}) as client:
        await begin(router, client)
        router.process.send_signal(signal.SIGINT)
        await asyncio.to_thread(router.ended)
    assert drain_result(router.log()).left.total() > 1000
    slow.vanish()


@pytest.mark.parametrize("clients", [0, 2])
async def test_a_router_with_nothing_to_deliver_ends_at_once(start, clients):
    """A tenth of a second would do; the rest of the second is for a busy machine. The time to drain is ten minutes."""
    router = start(drain__timeout="10m", drain__close_spread="0s")
    idle = [await connect(router) for _ in range(clients)]
    for client in idle:
        await client.subscribe("t")
        # They answer the close, as live clients do.
        asyncio.create_task(client.closed())
    began = time.monotonic()
    await asyncio.to_thread(router.stop)
    took = time.monotonic() - began
    print(f"ended after {took * 1000:.0f} ms")
    assert took < 1


async def closings(router, count: int) -> list[float]:
    """When each of so many clients was closed."""
    clients = [await connect(router) for _ in range(count)]

    async def closed(client):
        assert (await client.closed())[0] == 1001
        return time.monotonic()
    waiting = [asyncio.create_task(closed(client)) for client in clients]
    router.process.send_signal(signal.SIGTERM)
    times = sorted(await asyncio.gather(*waiting))
    await asyncio.to_thread(router.ended)
    return times


async def test_closings_are_spread(start):
    times = await closings(start(drain__close_spread="4s"), 50)
    print(f"from first to last {times[-1] - times[0]:.2f} s")
    assert times[-1] - times[0] > 2
    longest = max(later - earlier for earlier, later in zip(times, times[1:]))
    assert longest < 2, "all along, not in two heaps"


async def test_closings_come_at_once_if_they_are_not_to_be_spread(start):
    times = await closings(start(drain__close_spread="0s"), 50)
    assert times[-1] - times[0] < 2
