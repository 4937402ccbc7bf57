"""With a router that knows only the protocol's first part."""

import asyncio

import pytest
from helpers import collect, payloads, quick, until

from gadugi_router import InvalidEvent, InvalidSubscription, RequestTimeout, UnsupportedByRouter


async def test_everything_of_the_first_part_works(part1):
    async with part1() as router, quick(router.url) as client:
        assert client.is_connected and not client.supports("batch")
        came = collect(client, "task.*", "other", priorities=[5])
        name = await client.subscribe(["*"], callback=lambda event: None)
        assert await client.publish("task.created", {"n": 1}, priority=9)
        await client.publish("other", 2)
        await client.publish("task.low", 3, priority=1)
        await client.publish("task.last", 4)
        await until(lambda: len(came) == 3, "three events")
        assert payloads(came) == [{"n": 1}, 2, 4] and came[0].priority == 9
        assert (await client.get_health())["status"] == "healthy" and await client.ping()
        assert await client.unsubscribe(name) and len(router.subscriptions) == 1
        with pytest.raises(InvalidEvent, match="no topic"):
            await client.publish("")
        with pytest.raises(InvalidSubscription):
            await client.subscribe(["t"], sources=["refuse me"])


async def test_a_router_that_says_nothing_to_hello(part1, monkeypatch):
    monkeypatch.setattr("gadugi_router.session.WELCOME_TIMEOUT", 0.3)
    async with part1(silent_hello=True) as router, quick(router.url) as client:
        assert client.is_connected and await client.publish("t")


async def test_answers_to_many_at_once_find_their_askers(part1):
    async with part1() as router, quick(router.url) as client:
        topics = ["t", "", "t", "", "t"] * 40
        asked = [client.publish(topic, event_id=str(number)) for number, topic in enumerate(topics)]
        answers = await asyncio.gather(client.ping(), *asked, client.get_health(), return_exceptions=True)
        assert answers[0] is True and answers[-1]["status"] == "healthy"
        for number, answer in enumerate(answers[1:-1]):
            if number % 5 in (1, 3):
                assert isinstance(answer, InvalidEvent)
            else:
                assert answer == str(number) and answer.accepted


async def test_subscriptions_and_what_waits_survive_a_reconnection(part1):
    async with part1() as router, quick(router.url) as client:
        came = collect(client, "t")
        await client.ping()
        await router.sockets[-1].close(1011)
        waiting = [client.publish_nowait("t", number) for number in range(5)]
        assert all([await handle for handle in waiting])
        await until(lambda: len(came) == 5, "the events")


async def test_an_unanswered_publish_is_sent_again_with_the_same_id(part1):
    async with part1() as router, quick(router.url) as client:
        router.mute = True
        publishing = client.publish_nowait("t")
        await until(lambda: router.seen and router.seen[-1]["type"] == "publish", "the first attempt")
        router.mute = False
        await router.sockets[-1].close(1001)
        result = await publishing
        sent = [message["event"]["id"] for message in router.seen if message["type"] == "publish"]
        assert sent == [result, result] and result.attempts == 2


async def test_what_it_does_not_have_is_refused_and_not_done_otherwise(part1):
    async with part1() as router, quick(router.url) as client:
        for wish in ({"group": "g"}, {"targets": ["x"]}, {"topics": ["a.**"]}):
            with pytest.raises(UnsupportedByRouter):
                await client.subscribe(**{"topics": ["t"], **wish})
        for wish in ({"ttl": 1}, {"receipt": "dispatched"}):
            with pytest.raises(UnsupportedByRouter):
                await client.publish("t", **wish)
        assert not client.subscriptions and not router.subscriptions


async def test_request_and_reply_need_nothing_else(part1):
    async with part1() as router, quick(router.url) as asker, quick(router.url) as answerer:
        answerer.respond("double")(lambda event: event.payload * 2)
        await answerer.ping()
        assert (await asker.request("double", 21)).payload == 42
        with pytest.raises(RequestTimeout):
            await asker.request("nobody", timeout=0.2)
