"""Bounded outboxes: what goes, what stays, and that the subscriber is told exactly what it missed."""
import random
from collections import Counter

from client import connect, until
from stalled import (fill_until_refused, number_of, numbered, priority_of, publish_in_order, read_messages, received,
                     reported, stalled_subscriber)
from witness import witness


async def test_a_full_outbox_sheds_the_lowest_newest_first(start):
    router = start(limits__outbox_events=200)
    async with await stalled_subscriber(router, "t") as slow:
        taken, _ = await fill_until_refused(router, "t", 3)
        refused = await publish_in_order(
            router, [numbered("t", 3, number) for number in range(200_000, 200_050)], receipt="dispatched")
        assert {reply["matched"] for reply in refused} == {0}, "a newcomer that outranks nothing is itself the lowest"
        high = await publish_in_order(
            router, [numbered("t", 7, number) for number in range(300_000, 300_030)], receipt="dispatched")
        assert {reply["matched"] for reply in high} == {1}

        messages = await read_messages(slow, lambda messages: len(messages) == len(taken))
        low = [number_of(message) for message in messages if priority_of(message) == 3]
        assert low == taken[:-30], "the oldest stay"
        assert [number_of(message) for message in messages if priority_of(message) == 7] == list(range(300_000, 300_030))
        await publish_in_order(router, [numbered("t", 1, 1)])
        assert number_of(await slow.message()) == 1, "nothing else waited, and there is room again"


async def test_an_outbox_is_bounded_in_bytes_too(start):
    router = start(limits__outbox_size=200_000)
    async with await stalled_subscriber(router, "t") as slow:
        taken, _ = await fill_until_refused(router, "t", 5)
        messages = await read_messages(slow, lambda messages: len(messages) == len(taken))
        assert [number_of(message) for message in messages] == taken


async def test_received_and_reported_make_up_what_matched(start):
    router = start(limits__outbox_events=150)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with await stalled_subscriber(router, "t", hello={}) as slow:
        events = [numbered("t", chance.randint(1, 10), number) for number in range(6000)]
        await publish_in_order(router, events)
        matched = Counter(event["priority"] for event in events)

        def all_accounted_for(messages):
            return received(messages) + reported(messages, slow.subscription) == matched
        messages = await read_messages(slow, all_accounted_for)
        assert reported(messages, slow.subscription)[1] > 0

        await publish_in_order(router, [numbered("t", 5, 7000)])
        last = await slow.message()
        assert last["type"] == "event" and number_of(last) == 7000, "nothing more to report"


async def test_a_gap_names_the_subscription_it_is_for(start):
    router = start(limits__outbox_events=100)
    async with await stalled_subscriber(router, "a", hello={}) as slow:
        other = await slow.subscribe("b")
        events = [numbered("ab"[number % 2], 3 + 2 * (number % 2), number) for number in range(4000)]
        await publish_in_order(router, events)

        def total(messages):
            return (received(messages) + reported(messages, slow.subscription) + reported(messages, other)).total()
        messages = await read_messages(slow, lambda messages: total(messages) == 4000)
        for subscription, priority in ((slow.subscription, 3), (other, 5)):
            shed = reported(messages, subscription)
            assert set(shed) == {priority}
            assert received(messages)[priority] + shed[priority] == 2000


async def test_a_gap_has_the_shape_of_the_protocol(start):
    router = start(limits__outbox_events=50)
    async with await stalled_subscriber(router, "t", hello={}) as slow:
        taken, refused = await fill_until_refused(router, "t", 3)

        def all_accounted_for(messages):
            return received(messages)[3] == len(taken) and reported(messages, slow.subscription)[3] == refused
        messages = await read_messages(slow, all_accounted_for)
        for gap in (message for message in messages if message["type"] == "gap"):
            assert set(gap) == {"type", "subscription_id", "evicted"} and set(gap["evicted"]) == {"3"}


async def test_an_event_too_big_for_any_outbox_is_reported_as_missed(start):
    router = start(limits__outbox_size=100_000)
    async with await connect(router, hello={}) as client:
        subscription = await client.subscribe("t")
        receipt = await client.publish(numbered("t", 7, 1, "x" * 200_000), receipt="dispatched")
        assert receipt["matched"] == 0 and sum(receipt["refused"].values()) == 1
        gap = await client.expect("gap")
        assert reported([gap], subscription) == {7: 1}
        await client.publish(numbered("t", 7, 2))
        assert number_of(await client.expect("event")) == 2


async def test_nothing_that_waited_comes_after_unsubscribing(router):
    async with await stalled_subscriber(router, "t") as slow:
        kept = await slow.subscribe("u")
        await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)], receipt="dispatched")
        await publish_in_order(router, [numbered("u", 5, 9999)], receipt="dispatched")
        await slow.say({"type": "unsubscribe", "subscription_id": slow.subscription})
        before = await read_messages(slow, lambda messages: messages and messages[-1]["type"] == "unsubscribed")
        assert len(before) < 1500
        last = await slow.message()
        assert last["subscription_id"] == kept and number_of(last) == 9999


async def test_a_client_without_hello_hears_of_no_gap(start):
    router = start(limits__outbox_events=100)
    async with await stalled_subscriber(router, "t") as slow:
        taken, _ = await fill_until_refused(router, "t", 3)
        messages = await read_messages(slow, lambda messages: len(messages) == len(taken))
        await slow.say({"type": "ping"})
        messages.append(await slow.message())
        assert {message["type"] for message in messages[:-1]} == {"event"} and messages[-1]["type"] == "pong"


async def test_a_slow_consumer_is_disconnected_where_settings_say_so(start):
    router = start(limits__outbox_events=200, limits__slow_consumer="disconnect")
    async with witness(router), await stalled_subscriber(router, "t") as slow:
        await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)])
        code, reason = await slow.close_frame()
        assert code == 1008 and reason, "it is told why"

    async with await connect(router) as client:
        async def it_is_gone():
            return (await client.health())["connected_clients"] == 1
        await until(it_is_gone, "the slow consumer is gone")


async def test_a_reader_that_keeps_up_is_not_taken_for_a_slow_one(start):
    router = start(limits__outbox_events=100, limits__slow_consumer="disconnect")
    async with await connect(router) as reader:
        await reader.subscribe("t")
        for round_number in range(50):
            events = [numbered("t", 5, 50 * round_number + number) for number in range(50)]
            await reader.publish_many(events)
            assert [number_of(await reader.expect("event")) for _ in events] == [
                number_of({"event": event}) for event in events]


async def test_what_others_stall_on_does_not_show(start):
    router = start(limits__outbox_events=500)
    async with witness(router), await connect(router) as reader:
        stalled = [await stalled_subscriber(router, "t") for _ in range(5)]
        await reader.subscribe("t")
        for round_number in range(20):
            events = [numbered("t", 5, 100 * round_number + number) for number in range(100)]
            await publish_in_order(router, events)
            numbers = [number_of(await reader.expect("event")) for _ in events]
            assert numbers == [number_of({"event": event}) for event in events]
        for peer in stalled:
            peer.vanish()


async def test_stalled_subscribers_cost_bounded_memory(start):
    router = start(limits__outbox_size=1_000_000)
    stalled = [await stalled_subscriber(router, "t") for _ in range(10)]
    async with witness(router):
        big = [numbered("t", 5, number, "x" * 20_000) for number in range(3000)]
        for begin in range(0, len(big), 500):
            await publish_in_order(router, big[begin:begin + 500])
    print(f"10 stalled subscribers, 60 MB published: {router.rss()} MiB")
    assert router.rss() < 120
    for peer in stalled:
        peer.vanish()
