"""Part 2: expiry, receipts and batches."""
import asyncio

import pytest

from client import connect, is_uuid
from stalled import number_of, numbered, publish_in_order, read_messages, received, reported, stalled_subscriber


async def test_a_receipt_tells_how_many_subscriptions_took_it(router):
    async with await connect(router) as client, await connect(router) as other:
        for wanted in range(4):
            reply = await client.publish({"topic": "t"}, receipt="dispatched")
            assert reply["matched"] == wanted and sum(reply.get("refused", {}).values()) == 0
            await (client, other)[wanted % 2].subscribe("t")


async def test_a_receipt_for_nobody_is_an_answer_and_no_error(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "publish", "event": {"id": "i", "topic": "t"}, "receipt": "dispatched"})
        assert reply["type"] == "published" and reply["event_id"] == "i" and reply["matched"] == 0


async def test_without_asking_there_is_no_receipt(router):
    async with await connect(router) as client:
        for beside in ({}, {"receipt": "queued"}):
            reply = await client.publish({"topic": "t"}, **beside)
            assert set(reply) == {"type", "event_id", "status"} and reply["status"] == "queued"


@pytest.mark.parametrize("beside", [
    {"receipt": "soon"}, {"receipt": 1}, {"mandatory": "yes"}, {"ttl_ms": -1}, {"ttl_ms": "1s"}, {"ttl_ms": 1.5}, {"ttl_ms": 1e99},
])
async def test_wrong_wishes_are_refused_and_nothing_is_published(router, beside):
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.error({"type": "publish", "event": {"topic": "t"}, **beside})
        assert await client.drain() == []


async def test_an_event_with_time_left_is_delivered_without_a_trace_of_its_ttl(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t"}, ttl_ms=60_000)
        event = await client.event()
        assert len(event) == 14


async def test_an_expired_event_is_not_delivered_even_behind_higher_ones(router):
    """LOW events with a short time to live wait behind HIGH ones in the outbox of a subscriber that stalls."""
    async with await stalled_subscriber(router, "t", hello={}) as slow:
        high = [numbered("t", 7, number, "x" * 2000) for number in range(3000)]
        await publish_in_order(router, high, receipt="dispatched")
        short = [numbered("t", 3, number) for number in range(10_000, 10_020)]
        replies = await publish_in_order(router, short, receipt="dispatched", ttl_ms=300)
        assert {reply["matched"] for reply in replies} == {1}
        lasting = [numbered("t", 3, number) for number in range(20_000, 20_020)]
        await publish_in_order(router, lasting, receipt="dispatched", ttl_ms=600_000)
        await asyncio.sleep(1)

        def all_accounted_for(messages):
            return received(messages).total() == 3020 and reported(messages, slow.subscription).total() == 20
        messages = await read_messages(slow, all_accounted_for)
        numbers = [number_of(message) for message in messages if message["type"] == "event"]
        assert numbers == list(range(3000)) + list(range(20_000, 20_020))
        for gap in (message for message in messages if message["type"] == "gap"):
            assert set(gap) >= {"evicted", "expired"} and not gap["evicted"] and set(gap["expired"]) == {"3"}


async def test_a_batch_has_a_result_for_each_event_in_order(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        reply = await client.ask({"type": "publish_batch", "events": [
            {"id": "one", "topic": "t"}, {"topic": "t", "priority": 77}, {"topic": "t"}, 5,
            {"id": "five", "topic": "t"}]})
        assert reply["type"] == "published_batch" and set(reply) == {"type", "results"}
        one, bad, unnamed, number, five = reply["results"]
        assert one == {"event_id": "one", "status": "queued"}
        assert five == {"event_id": "five", "status": "queued"}
        assert unnamed["status"] == "queued" and is_uuid(unnamed["event_id"], 4)
        for wrong in (bad, number):
            assert wrong["status"] == "rejected" and wrong["code"] == "invalid_event" and wrong["error"]
        assert "priority" in bad["error"]
        ids = [message["event"]["id"] for message in await client.drain()]
        assert ids == ["one", unnamed["event_id"], "five"]


async def test_an_empty_batch_has_no_results(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "publish_batch", "events": []})
        assert reply == {"type": "published_batch", "results": []}


async def test_a_batch_is_sorted_by_priority_no_less_than_single_events(router):
    async with await stalled_subscriber(router, "t") as slow, await connect(router) as publisher:
        await publish_in_order(router, [numbered("t", 9, n, "x" * 2000) for n in range(1000)], receipt="dispatched")
        events = [numbered("t", priority, priority) for priority in (1, 8, 3, 10, 5)]
        await publisher.ask({"type": "publish_batch", "events": events, "receipt": "dispatched"})
        messages = await read_messages(slow, lambda messages: len(messages) == 1005)
        order = [message["event"]["priority"] for message in messages if message["event"]["priority"] != 9]
        assert order == [10, 8, 5, 3, 1]


async def test_a_batch_may_ask_for_receipts(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        reply = await client.ask({"type": "publish_batch", "receipt": "dispatched",
                                  "events": [{"topic": "t"}, {"topic": "nobody"}, {"no": "event"}]})
        assert [result.get("matched") for result in reply["results"]] == [1, 0, None]


@pytest.mark.parametrize("message", [
    {}, {"events": {}}, {"events": "all"}, {"events": None}, {"events": [{"topic": "t"}], "ttl_ms": -5},
])
async def test_a_batch_that_is_none_is_refused_as_a_whole(router, message):
    async with await connect(router) as client:
        await client.subscribe("*")
        await client.error({"type": "publish_batch", **message})
        assert await client.drain() == []


async def test_a_big_batch_is_published_whole(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        events = [{"topic": "t", "payload": {"n": number}} for number in range(5000)]
        reply = await client.ask({"type": "publish_batch", "events": events})
        assert {result["status"] for result in reply["results"]} == {"queued"} and len(reply["results"]) == 5000
        assert [(await client.event())["payload"]["n"] for _ in range(5000)] == list(range(5000))
