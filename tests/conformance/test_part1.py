"""With a router that knows only the protocol's first part."""

import pytest
from drivers import Failed, until
from part1 import Part1Router


async def test_everything_of_the_first_part_works(driver):
    async with Part1Router() as router, driver() as program:
        client = await program.connect(router.url)
        assert client.first["connected"]
        await client.subscribe("task.*", "other", min_priority=5)
        await client.subscribe("*", sub="all")
        for topic, payload, priority in (("task.created", {"n": 1}, 9), ("other", 2, 5), ("task.low", 3, 1)):
            assert (await client.publish(topic, payload, priority=priority))["status"] == "queued"
        await client.publish("task.last", 4)
        await until(lambda: len(client.events()) == 3 and len(client.events("all")) == 4, "the events")
        assert client.payloads() == [{"n": 1}, 2, 4] and client.events()[0]["priority"] == 9
        assert (await client.settled())["status"] == "healthy"
        results = await client.ask("publish_batch", events=[{"topic": "x"}, {"topic": ""}, {"topic": "y"}])
        assert [result["status"] for result in results] == ["queued", "rejected", "queued"]
        await client.ask("unsubscribe", sub="all")
        await until(lambda: len(router.subscriptions) == 1, "one less")
        for topic, wanted in (("", {}), ("t", {"sources": ["refuse me"]})):
            with pytest.raises(Failed, match="refused"):
                await (client.subscribe(topic, sub="refused", **wanted) if wanted else client.publish(topic))


async def test_a_router_that_says_nothing_to_hello(driver):
    async with Part1Router(silent_hello=True) as router, driver() as program:
        client = await program.connect(router.url)
        assert client.first["connected"] and (await client.publish("t"))["status"] == "queued"


async def test_answers_to_many_at_once_find_their_askers(driver):
    async with Part1Router() as router, driver() as program:
        client = await program.connect(router.url)
        asked = [client.publishing("" if number % 5 in (1, 3) else "t", id=str(number)) for number in range(200)]
        for number, answer in enumerate(asked):
            if number % 5 in (1, 3):
                with pytest.raises(Failed, match="no topic"):
                    await answer
            else:
                assert (await answer)["event_id"] == str(number)


async def test_subscriptions_and_what_waits_survive_a_reconnection(driver):
    async with Part1Router() as router, driver() as program:
        client = await program.connect(router.url)
        await client.subscribe("t", brief=True)
        await router.sockets[-1].close(1011)
        publishing = client.publishing_many("t", 50)
        assert {word for _, word in await publishing} == {"queued"}
        await until(lambda: len(client.events()) == 50, "the events")
        assert client.numbers() == list(range(50))


async def test_an_unanswered_publish_is_sent_again_with_the_same_id(driver):
    async with Part1Router() as router, driver() as program:
        client = await program.connect(router.url)
        router.mute = True
        publishing = client.publishing("t")
        await until(lambda: router.seen and router.seen[-1]["type"] == "publish", "the first attempt")
        router.mute = False
        await router.sockets[-1].close(1001)
        result = await publishing
        sent = [message["event"]["id"] for message in router.seen if message["type"] == "publish"]
        assert sent == [result["event_id"]] * 2


async def test_what_it_does_not_have_is_refused_and_not_done_otherwise(driver):
    async with Part1Router() as router, driver() as program:
        client = await program.connect(router.url)
        for topics, wish in ((["t"], {"group": "g"}), (["t"], {"targets": ["x"]}), (["a.**"], {})):
            with pytest.raises(Failed, match="unsupported"):
                await client.subscribe(*topics, **wish)
        for wish in ({"ttl_ms": 1000}, {"receipt": "dispatched"}):
            with pytest.raises(Failed, match="unsupported"):
                await client.publish("t", options=wish)
        assert not router.subscriptions


async def test_request_and_reply_need_nothing_else(driver, other_driver):
    async with Part1Router() as router, driver() as program, other_driver() as other:
        asker, answerer = await program.connect(router.url), await other.connect(router.url, "b")
        await answerer.ask("respond", topic="echo", group=None)
        await until(lambda: router.subscriptions, "the responder")
        assert (await asker.request("echo", 21))["payload"] == {"by": "b", "got": 21}
        with pytest.raises(Failed, match="timeout"):
            await asker.request("nobody", timeout_ms=200)
