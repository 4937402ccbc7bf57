"""Subscriptions: before and after connect, ids that stay, filters, groups, streams, refusals."""

import asyncio
import gc

import pytest
from helpers import collect, payloads, quick, until

from gadugi_router import EventRouterClient, InvalidSubscription


async def test_on_before_and_after_connect_subscribes_on_the_router(router):
    client = EventRouterClient(router.url)
    before = collect(client, "before.*")
    await client.connect()
    after = collect(client, "after.*")
    await client.publish("before.x", 1)
    await client.publish("after.x", 2)
    await until(lambda: before and after, "both events")
    assert payloads(before) == [1] and payloads(after) == [2]
    assert (await client.get_health())["active_subscriptions"] == 2
    await client.disconnect()


async def test_several_patterns_of_one_handler_give_an_event_once(router):
    async with EventRouterClient(router.url) as client:
        came = collect(client, "a", "b.*", "b.**", "*.c", priorities=[7])
        for topic, priority in (("a", 7), ("b.c", 9), ("b.c.d", 7), ("a", 5), ("z.c", 7), ("end.c", 10)):
            await client.publish(topic, priority=priority)
        await until(lambda: any(event.topic == "end.c" for event in came), "the last event")
        assert sorted(event.topic for event in came) == ["a", "b.c", "b.c.d", "end.c", "z.c"]


async def test_sync_and_async_handlers_of_one_topic_are_both_called(router):
    async with EventRouterClient(router.url) as client:
        came = []
        client.on("t")(lambda event: came.append("sync"))

        @client.on("t")
        async def handle(event):
            await asyncio.sleep(0)
            came.append("async")

        await client.publish("t")
        await until(lambda: sorted(came) == ["async", "sync"], "both calls")


async def test_ids_stay_the_same_and_unsubscribe_works_after_a_reconnection(start, router):
    client = quick(router.url)
    came = []
    name = await client.subscribe(["t"], callback=came.append)
    await client.connect()
    router.kill()
    await until(lambda: not client.is_connected, "the loss")
    await asyncio.to_thread(start, port=router.port)
    assert await client.wait_until_connected(30)
    assert list(client.subscriptions) == [name]
    await client.publish("t", 1)
    await until(lambda: payloads(came) == [1], "the event of the second router")
    assert await client.unsubscribe(name)
    await client.publish("t", 2)
    await client.ping()
    assert payloads(came) == [1] and (await client.get_health())["active_subscriptions"] == 0
    await client.disconnect()


async def test_unsubscribing_before_the_router_has_answered(router):
    async with EventRouterClient(router.url) as client:
        stream = client.events("t")
        assert await client.unsubscribe(stream.subscription_id)
        # The router's answer to the subscription is here, so the question after it has been sent.
        await client.ping()
        assert (await client.get_health())["active_subscriptions"] == 0


async def test_a_group_shares_the_work(router):
    async with EventRouterClient(router.url) as one, EventRouterClient(router.url) as two:
        shares = [collect(client, "work.*", group="workers") for client in (one, two)]
        await one.ping()
        await two.ping()
        for number in range(100):
            await one.publish("work.x", number)
        await until(lambda: sum(map(len, shares)) == 100, "all of it")
        assert sorted(payloads(shares[0]) + payloads(shares[1])) == list(range(100)) and all(shares)


async def test_targets(router):
    async with EventRouterClient(router.url) as client:
        came = collect(client, "t", targets=["me"])
        for target in ("you", None, "me"):
            await client.publish("t", target, target=target)
        await until(lambda: came, "the event")
        assert payloads(came) == ["me"]


async def test_a_refused_subscription_raises_and_is_forgotten(router):
    async with EventRouterClient(router.url) as client:
        with pytest.raises(InvalidSubscription) as refusal:
            await client.subscribe(["a.**.b"])
        assert refusal.value.code == "invalid_subscription" and not client.subscriptions


async def test_a_refused_handler_is_reported(router):
    async with EventRouterClient(router.url) as client:
        problems = []
        client.on_error(problems.append)
        collect(client, "a.**.b")
        await until(lambda: problems, "the report")
        assert "a.**.b" in problems[0].where


async def test_a_string_is_no_list_of_topics():
    with pytest.raises(TypeError, match="list"):
        await EventRouterClient().subscribe("task.*")


async def test_a_stream_is_subscribed_at_once_and_ends_with_the_client(router):
    client = EventRouterClient(router.url)
    await client.connect()
    stream = client.events("t.*")
    for number in range(3):
        await client.publish("t.x", number)
    assert [(await stream.__anext__()).payload for _ in range(3)] == [0, 1, 2]

    async def rest():
        return [event async for event in stream]

    waiting = asyncio.ensure_future(rest())
    await asyncio.sleep(0)
    await client.disconnect()
    assert await asyncio.wait_for(waiting, 30) == []


async def test_leaving_async_with_unsubscribes(router):
    async with EventRouterClient(router.url) as client:
        async with client.events("t") as stream:
            await client.publish("t", 1)
            async for event in stream:
                assert event.payload == 1
                break
        await client.ping()
        assert (await client.get_health())["active_subscriptions"] == 0


async def test_a_stream_that_nobody_keeps_does_not_stop_the_client(router):
    async with EventRouterClient(router.url, prefetch=2) as client:
        came = collect(client, "t")
        client.events("t")
        gc.collect()
        for number in range(50):
            await client.publish("t", number)
        await until(lambda: len(came) == 50, "all of them")
        assert (await client.get_health())["active_subscriptions"] == 1
