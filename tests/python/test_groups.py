"""Part 2: work sharing and addressing."""
import asyncio

import pytest

from client import connect
from raw import raw_client
from test_subscribing import topics_seen


async def numbers_got(client) -> list[int]:
    return [message["event"]["payload"]["n"] for message in await client.drain()]


async def test_of_a_group_exactly_one_gets_each_event(router):
    members = [await connect(router) for _ in range(4)]
    for member in members:
        await member.subscribe("job.*", group="workers")
    async with await connect(router) as publisher:
        replies = await publisher.publish_many([{"topic": "job.a", "payload": {"n": n}} for n in range(200)],
                                               receipt="dispatched")
        assert {reply["matched"] for reply in replies} == {1}
    got = [await numbers_got(member) for member in members]
    assert sorted(sum(got, [])) == list(range(200))
    assert all(got), "equals take turns"
    for member in members:
        await member.socket.close()


async def test_groups_and_single_subscribers_do_not_take_from_each_other(router):
    async with await connect(router) as one, await connect(router) as two, await connect(router) as single:
        for client in (one, two):
            await client.subscribe("t", group="red")
            await client.subscribe("*", group="blue")
        await single.subscribe("t")
        reply = await single.publish({"topic": "t"}, receipt="dispatched")
        assert reply["matched"] == 3
        assert len(await single.drain()) == 1


async def test_one_client_may_be_in_a_group_twice(router):
    async with await connect(router) as client:
        ids = [await client.subscribe("t", group="g") for _ in range(2)]
        for _ in range(10):
            await client.publish({"topic": "t"})
        messages = await client.drain()
        assert len(messages) == 10 and {message["subscription_id"] for message in messages} <= set(ids)


async def test_only_members_that_match_are_asked(router):
    async with await connect(router) as high, await connect(router) as other:
        await high.subscribe("t", group="g", priorities=[7])
        await other.subscribe("u", group="g")
        for number in range(10):
            await high.publish({"topic": "t", "priority": 7, "payload": {"n": number}})
        reply = await high.publish({"topic": "t", "priority": 6}, receipt="dispatched")
        assert reply["matched"] == 0
        assert await numbers_got(high) == list(range(10)) and await numbers_got(other) == []


async def test_a_group_goes_on_when_a_member_leaves(router):
    async with await connect(router) as stays:
        await stays.subscribe("t", group="g")
        async with await connect(router) as leaves:
            subscription = await leaves.subscribe("t", group="g")
            await leaves.ask({"type": "unsubscribe", "subscription_id": subscription})
            await stays.publish_many([{"topic": "t", "payload": {"n": n}} for n in range(20)])
            assert await numbers_got(stays) == list(range(20)) and await numbers_got(leaves) == []


async def test_a_stalled_member_gets_no_work_while_another_has_less(router):
    async with (await raw_client(router, receive_buffer=4096) as stalled, await connect(router) as ready,
                await connect(router) as publisher):
        await stalled.subscribe("flood")
        await stalled.subscribe("job", group="g")
        flood = {"topic": "flood", "payload": {"text": "x" * 1000}}
        await publisher.publish_many([flood] * 6000, receipt="dispatched")
        await ready.subscribe("job", group="g")
        for number in range(50):
            await publisher.publish({"topic": "job", "payload": {"n": number}}, receipt="dispatched")
        assert await numbers_got(ready) == list(range(50))


async def test_targets_filter_by_the_events_target(router):
    async with await connect(router) as client:
        await client.subscribe("*", targets=["me", "us"])
        seen = await topics_seen(client, {"topic": "1", "target": "me"}, {"topic": "2", "target": "you"},
                                 {"topic": "3"}, {"topic": "4", "target": "us"}, {"topic": "5", "target": "ME"})
        assert seen == ["1", "4"]


@pytest.mark.parametrize("wrong", [{"group": 5}, {"group": {}}, {"targets": "me"}, {"targets": [1]}])
async def test_a_wrong_group_or_target_is_refused(router, wrong):
    async with await connect(router) as client:
        error = await client.error({"type": "subscribe", "subscription": {"topics": ["t"], **wrong}})
        assert error["error"].startswith("Failed to subscribe:") and error["code"] == "invalid_subscription"


async def test_a_group_shares_fairly_under_load_from_several_publishers(router):
    members = [await connect(router) for _ in range(3)]
    publishers = [await connect(router) for _ in range(3)]
    for member in members:
        await member.subscribe("job", group="g")
    await asyncio.gather(*(
        publisher.publish_many([{"topic": "job", "payload": {"n": 1000 * index + n}} for n in range(300)])
        for index, publisher in enumerate(publishers)))
    got = [await numbers_got(member) for member in members]
    assert sorted(sum(got, [])) == [1000 * index + n for index in range(3) for n in range(300)]
    for client in members + publishers:
        await client.socket.close()
