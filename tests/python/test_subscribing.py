"""Part 1: which events a subscription gets, and how it ends."""
import json

import pytest

from client import connect, is_uuid


async def topics_seen(client, *events: dict) -> list[str]:
    """Publishes these and returns the topics of what comes back."""
    for event in events:
        await client.publish(event)
    return await client.drained_topics()


async def test_a_subscriber_is_told_its_id_and_its_topics(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "subscribe", "subscription": {"topics": ["b", "a.*"]}})
        assert {name: reply[name] for name in ("type", "topics")} == {"type": "subscribed", "topics": ["b", "a.*"]}
        assert is_uuid(reply["subscription_id"])


async def test_topics_left_out_mean_all_of_them(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "subscribe", "subscription": {}})
        assert reply["topics"] == ["*"]
        assert await topics_seen(client, {"topic": "a"}, {"topic": "a.b.c"}) == ["a", "a.b.c"]


async def test_no_topics_mean_all_of_them(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "subscribe", "subscription": {"topics": []}})
        assert reply["topics"] == []
        assert await topics_seen(client, {"topic": "a"}, {"topic": "a.b.c"}) == ["a", "a.b.c"]


async def test_only_subscribed_topics_come(router):
    async with await connect(router) as client:
        await client.subscribe("a", "b.c")
        assert await topics_seen(client, *({"topic": topic} for topic in ("a", "b", "b.c", "b.c.d", "c"))) == ["a", "b.c"]


async def test_types_filter(router):
    async with await connect(router) as client:
        await client.subscribe("*", types=["task.created", "custom"])
        seen = await topics_seen(client, {"topic": "1", "type": "task.created"}, {"topic": "2", "type": "task.failed"},
                                 {"topic": "3"}, {"topic": "4", "type": "nobody.knows"})
        assert seen == ["1", "3", "4"]


async def test_empty_filters_let_everything_through(router):
    async with await connect(router) as client:
        await client.subscribe("*", types=[], priorities=[], sources=[])
        assert await topics_seen(client, {"topic": "1", "priority": 1}, {"topic": "2", "priority": 1}) == ["1", "2"]


async def test_the_smallest_of_the_priorities_is_a_minimum(router):
    async with await connect(router) as client:
        await client.subscribe("*", priorities=[9, 5])
        for priority in range(1, 11):
            await client.publish({"topic": "t", "priority": priority})
        events = [message["event"] for message in await client.drain()]
        assert sorted(event["priority"] for event in events) == [5, 6, 7, 8, 9, 10]


async def test_sources_filter_by_the_exact_string(router):
    async with await connect(router) as client, await connect(router) as other:
        await client.subscribe("*", sources=["planner", other.welcome["client_id"]])
        await other.publish({"topic": "unnamed"})
        seen = await topics_seen(client, {"topic": "named", "source": "planner"}, {"topic": "x", "source": "plan"},
                                 {"topic": "y", "source": "Planner"}, {"topic": "z"})
        assert sorted(seen) == ["named", "unnamed"]


async def test_filters_hold_together(router):
    async with await connect(router) as client:
        await client.subscribe("a.*", types=["task.failed"], priorities=[7], sources=["s"])
        good = {"topic": "a.b", "type": "task.failed", "priority": 7, "source": "s"}
        seen = await topics_seen(client, good, {**good, "topic": "a"}, {**good, "type": "custom"},
                                 {**good, "priority": 6}, {**good, "source": "t"}, {**good, "topic": "a.c"})
        assert seen == ["a.b", "a.c"]


async def test_each_matching_subscription_gets_a_message_of_its_own(router):
    async with await connect(router) as client:
        ids = [await client.subscribe(pattern) for pattern in ("a.b", "a.*", "nothing")]
        await client.publish({"id": "once", "topic": "a.b"})
        messages = await client.drain()
        assert sorted(message["subscription_id"] for message in messages) == sorted(ids[:2])
        assert messages[0]["event"] == messages[1]["event"]


async def test_the_same_subscription_made_twice_is_two(router):
    async with await connect(router) as client:
        assert await client.subscribe("t") != await client.subscribe("t")
        assert await topics_seen(client, {"topic": "t"}) == ["t", "t"]


async def test_one_subscription_with_two_matching_patterns_gets_one_message(router):
    async with await connect(router) as client:
        await client.subscribe("a.b", "a.*", "*.b", "a.b", "*")
        assert await topics_seen(client, {"topic": "a.b"}) == ["a.b"]


async def test_every_subscriber_gets_the_same_bytes(router):
    async with await connect(router) as one, await connect(router) as other, await connect(router) as publisher:
        ids = [await client.subscribe("t") for client in (one, other)]
        await publisher.publish({"topic": "t", "payload": {"n": 1.50}})
        texts = [await client.text() for client in (one, other)]
        assert texts[0].replace(ids[0], "") == texts[1].replace(ids[1], "")
        assert ids[0] in texts[0] and ids[1] in texts[1]


async def test_a_target_does_not_change_who_gets_an_event(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        assert await topics_seen(client, {"topic": "t", "target": "somebody else"}) == ["t"]


async def test_events_of_one_priority_come_in_the_order_they_were_published(router):
    async with await connect(router) as client, await connect(router) as publisher:
        await client.subscribe("t")
        await publisher.publish_many([{"topic": "t", "payload": {"n": number}} for number in range(1000)])
        assert [(await client.event())["payload"]["n"] for _ in range(1000)] == list(range(1000))


async def test_nothing_comes_after_unsubscribing(router):
    async with await connect(router) as client:
        gone, kept = await client.subscribe("t"), await client.subscribe("t")
        reply = await client.ask({"type": "unsubscribe", "subscription_id": gone})
        assert reply == {"type": "unsubscribed", "subscription_id": gone}
        await client.publish({"topic": "t"})
        assert [message["subscription_id"] for message in await client.drain()] == [kept]


async def test_unsubscribing_twice_is_an_error(router):
    async with await connect(router) as client:
        subscription = await client.subscribe("t")
        message = {"type": "unsubscribe", "subscription_id": subscription}
        await client.ask(message)
        error = await client.error(message)
        assert error["error"] == "Subscription not found" and error["code"] == "not_found"


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "", "no uuid", "é", "x" * 10_000])
async def test_a_subscription_that_never_was_is_not_found(router, name):
    async with await connect(router) as client:
        error = await client.error({"type": "unsubscribe", "subscription_id": name})
        assert error["error"] == "Subscription not found"


async def test_the_subscription_of_another_client_stays(router):
    async with await connect(router) as owner, await connect(router) as other:
        subscription = await owner.subscribe("t")
        error = await other.error({"type": "unsubscribe", "subscription_id": subscription})
        assert error["error"] == "Subscription not owned by client" and error["code"] == "not_owner"
        await other.publish({"topic": "t"})
        assert (await owner.event())["topic"] == "t"


@pytest.mark.parametrize("subscription", [
    None, [], "t", {"topics": "t"}, {"topics": [1]}, {"topics": [""]}, {"topics": ["a\nb"]}, {"types": "custom"},
    {"types": [1]}, {"priorities": [0]}, {"priorities": [11]}, {"priorities": ["high"]}, {"priorities": [5.5]},
    {"priorities": 5}, {"sources": "s"}, {"sources": [None]},
])
async def test_a_wrong_subscription_is_refused_and_not_made(router, subscription):
    async with await connect(router) as client:
        error = await client.error({"type": "subscribe", "subscription": subscription})
        assert error["error"].startswith("Failed to subscribe:"), error
        assert (await client.health())["active_subscriptions"] == 0


async def test_the_subscribers_own_events_come_too(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.send('{"type":"publish","event":{"topic":"t"}}')
        kinds = {json.loads(await client.text())["type"] for _ in range(2)}
        assert kinds == {"published", "event"}
