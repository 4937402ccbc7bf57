"""Priority that holds from end to end, with a subscriber whose socket really is slow."""
import random

import pytest

from client import connect
from stalled import TEXT, number_of, numbered, priority_of, publish_in_order, read_messages, stalled_subscriber
from witness import witness

LOW, SYSTEM = 3, 10


@pytest.mark.parametrize("hello", [None, {}, {"lean": True}])
async def test_a_system_event_overtakes_the_low_ones_that_were_waiting(router, hello):
    async with witness(router), await stalled_subscriber(router, "t", hello=hello) as slow:
        replies = await publish_in_order(router, [numbered("t", LOW, number) for number in range(5000)])
        assert {reply["status"] for reply in replies} == {"queued"}, "the publisher does not notice the stall"
        receipt = (await publish_in_order(router, [numbered("t", SYSTEM, 9999)], receipt="dispatched"))[0]
        assert receipt["matched"] == 1
        async with await connect(router) as client:
            assert (await client.health())["events_in_queue"] == 0, "it waits in the outbox, not in the queue"

        messages = await read_messages(slow, lambda messages: len(messages) == 5001)
        order = [number_of(message) for message in messages]
        ahead = order.index(9999)
        size = sum(len(TEXT) + 500 for _ in range(ahead))
        print(f"SYSTEM came after {ahead} of 5000 LOW events (about {size >> 10} KiB)")
        assert ahead < 1500
        assert [number for number in order if number != 9999] == list(range(5000)), "first in, first out"


async def test_what_waits_comes_strictly_by_priority_and_in_order_within_each(router):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with await stalled_subscriber(router, "t") as slow:
        await publish_in_order(router, [numbered("t", 1, number) for number in range(3000)], receipt="dispatched")
        later = [numbered("t", chance.randint(2, 10), number) for number in range(3000, 5000)]
        await publish_in_order(router, later, receipt="dispatched")

        messages = await read_messages(slow, lambda messages: len(messages) == 5000)
        for priority in range(1, 11):
            numbers = [number_of(message) for message in messages if priority_of(message) == priority]
            assert numbers == sorted(numbers), f"first in, first out at {priority}"
        waited = [priority_of(message) for message in messages]
        waited = waited[waited.index(10):]
        assert waited == sorted(waited, reverse=True)
        assert len(waited) > 3500


async def test_replies_are_not_held_up_by_waiting_events(router):
    async with await stalled_subscriber(router, "t") as slow:
        await publish_in_order(router, [numbered("t", LOW, number) for number in range(5000)], receipt="dispatched")
        await slow.say({"type": "ping", "echo": "overtaking"})
        messages = await read_messages(slow, lambda messages: messages and messages[-1]["type"] == "pong")
        print(f"the pong came after {len(messages) - 1} of 5000 events")
        assert len(messages) < 1500
        rest = await read_messages(slow, lambda rest: len(rest) + len(messages) == 5001)
        assert [number_of(message) for message in messages[:-1] + rest] == list(range(5000))


async def test_a_fast_reader_loses_nothing_to_the_small_kernel_buffer(router):
    async with await connect(router) as reader:
        await reader.subscribe("t")
        await publish_in_order(router, [numbered("t", 1 + number % 10, number) for number in range(8000)])
        messages = [await reader.expect("event") for _ in range(8000)]
        by_priority = {priority: [number_of(message) for message in messages if priority_of(message) == priority]
                       for priority in range(1, 11)}
        assert by_priority == {priority: list(range(priority - 1, 8000, 10)) for priority in range(1, 11)}


async def test_the_ingress_queue_holds_its_order_when_it_is_tiny(start):
    router = start(max_queue_size=10)
    async with await connect(router) as client:
        await client.subscribe("t")
        replies = await client.publish_many([numbered("t", 5, number) for number in range(2000)])
        queued = [number for number, reply in enumerate(replies) if reply["status"] == "queued"]
        for reply in replies:
            assert reply["status"] == "queued" or (reply["status"], reply["reason"]) == ("dropped", "queue_full")
        assert [number_of(await client.expect("event")) for _ in queued] == queued


async def test_the_four_queues_deliver_every_level(start):
    router = start(use_multi_queue=True)
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.publish_many([numbered("t", 1 + number % 10, number) for number in range(1000)])
        messages = [await client.expect("event") for _ in range(1000)]
        assert sorted(number_of(message) for message in messages) == list(range(1000))
