"""Acknowledged delivery, durable names, replay."""

import asyncio

import pytest
from client import connect
from drivers import Failed, until

STORING = {"store__kind": "memory", "store__rule": '[{ topics = ["s.**"] }]'}


def attempts(client, sub="s") -> list:
    return [(event["payload"]["n"], event["delivery_attempts"]) for event in client.events(sub)]


async def test_what_a_handler_does_not_do_comes_again(driver, router):
    async with driver() as program, await connect(router) as publisher:
        worker = await program.connect(router.url)
        await worker.subscribe("t", ack=True)
        await publisher.publish({"topic": "t", "payload": {"n": 1, "fails": 2}})
        await until(lambda: len(worker.events()) == 3, "the third attempt")
        assert attempts(worker) == [(1, 1), (1, 2), (1, 3)]
        assert [event["delivery_error"] for event in worker.events()] == [None, "told to", "told to"]
        assert [event["delivery_status"] for event in worker.events()] == ["pending", "retrying", "retrying"]
        await publisher.publish({"topic": "t", "payload": {"n": 2}})
        await until(lambda: len(worker.events()) == 4, "the next event, once")


async def test_what_never_succeeds_is_a_dead_letter(driver, router):
    async with driver() as program, await connect(router) as publisher:
        worker = await program.connect(router.url)
        await worker.subscribe("$dead.*", sub="letters")
        await worker.subscribe("t", ack=True, max_retries=1)
        await publisher.publish({"topic": "t", "payload": {"n": 1, "fails": 9}})
        await until(lambda: worker.events("letters"), "the dead letter")
        (letter,) = worker.payloads("letters")
        assert letter["reason"] == "retries" and letter["event"]["payload"] == {"n": 1, "fails": 9}
        assert [attempt["error"] for attempt in letter["attempts"]] == ["told to", "told to"]


async def test_what_waits_waits_in_the_router_and_the_most_urgent_comes_next(driver, router):
    async with driver() as program, await connect(router) as publisher:
        worker = await program.connect(router.url)
        await worker.subscribe("t", ack=True, held=True, brief=True)
        for number in range(300):
            await publisher.publish({"topic": "t", "payload": {"n": number}, "priority": 1}, receipt="dispatched")
        await publisher.publish({"topic": "t", "payload": {"n": 300}, "priority": 10}, receipt="dispatched")
        await worker.ask("release", sub="s")
        await until(lambda: len(worker.events()) == 301, "all of it")
        assert worker.numbers() == [0, 300, *range(1, 300)]


async def test_a_handler_may_take_longer_than_the_time_out(driver, router):
    async with driver() as program, await connect(router) as publisher:
        worker = await program.connect(router.url)
        await worker.subscribe("t", ack=True, ack_timeout_ms=300, handler_ms=1000)
        for number in range(2):
            await publisher.publish({"topic": "t", "payload": {"n": number}})
        await until(lambda: len(worker.events()) == 2, "both")
        assert attempts(worker) == [(0, 1), (1, 1)]


async def test_what_a_killed_client_had_is_with_another(driver, other_driver, router):
    async with other_driver() as survivors, await connect(router) as publisher:
        async with driver() as program:
            worker = await program.connect(router.url, "doomed")
            await worker.subscribe("t", ack=True, group="g", held=True)
            await worker.settled()
            await publisher.publish({"topic": "t", "payload": {"n": 1}}, receipt="dispatched")
            other = await survivors.connect(router.url, "other")
            await other.subscribe("t", ack=True, group="g")
        await until(lambda: attempts(other) == [(1, 2)], "the other has it")


async def test_a_durable_name_goes_on_after_what_was_acknowledged(driver, other_driver, start):
    router = start(**STORING)
    async with other_driver() as others, await connect(router, hello={}) as publisher:
        async with driver() as program:
            worker = await program.connect(router.url)
            await worker.subscribe("s.*", ack=True, durable="d")
            await publisher.publish({"topic": "s.a", "payload": {"n": 1}})
            await until(lambda: attempts(worker) == [(1, 1)], "the first")
            await worker.settled()
            await worker.ask("close", within_ms=10_000)
        for number in (2, 3):
            await publisher.publish({"topic": "s.a", "payload": {"n": number}})
        heir = await others.connect(router.url, "heir")
        await heir.subscribe("s.*", ack=True, durable="d")
        await until(lambda: attempts(heir) == [(2, 1), (3, 1)], "what came meanwhile, and nothing twice")


async def test_a_replay_goes_on_where_it_was_after_a_lost_connection(driver, start, proxy):
    router = start(**STORING)
    async with driver() as program, await connect(router, hello={}) as publisher, proxy(router.port) as between:
        for number in range(1, 21):
            event = {"topic": "s.a", "payload": {"n": number}, "priority": number % 10 + 1}
            assert (await publisher.publish(event))["sequence"] == number
        reader = await program.connect(between.url)
        name = await reader.subscribe("s.a", from_sequence=6, brief=True)
        await until(lambda: reader.replayed == [name], "the end of what is stored")
        await until(lambda: reader.numbers() == list(range(6, 21)), "in the order in which it was stored")
        between.cut()
        await publisher.publish({"topic": "s.a", "payload": {"n": 21}})
        await until(lambda: len(reader.replayed) == 2, "again the end of what is stored")
        await until(lambda: reader.numbers() == list(range(6, 22)), "what came meanwhile, and nothing twice")


async def test_a_live_event_that_was_passed_by_others_is_not_lost_with_the_connection(driver, start, proxy):
    router = start(**STORING)
    async with driver() as program, await connect(router, hello={}) as publisher, proxy(router.port) as between:
        reader = await program.connect(between.url, max_local_events=1)
        name = await reader.subscribe("s.a", from_sequence=1, brief=True, held=True)
        await until(lambda: reader.replayed == [name], "what is live")
        # The first is here; of the others, which wait in the router, the most urgent comes next.
        for number, priority in ((1, 5), (2, 1), (3, 10)):
            event = {"topic": "s.a", "payload": {"n": number}, "priority": priority}
            await publisher.publish(event, receipt="dispatched")
        await asyncio.sleep(0.2)
        between.cut()
        await until(lambda: reader.states.count("connected") == 2, "another connection")
        await reader.ask("release", sub="s")
        await until(lambda: sorted(reader.numbers()) == [1, 2, 3], "all of them")
        await until(lambda: len(reader.replayed) == 2, "what is live, once more")
        assert sorted(reader.numbers()) == [1, 2, 3]


async def test_what_the_router_has_not_is_an_error(driver, router):
    async with driver() as program:
        client = await program.connect(router.url)
        for wanted in ({"ack": True, "durable": "d"}, {"last": 3}):
            with pytest.raises(Failed, match="unsupported"):
                await client.subscribe("t", **wanted)


async def test_a_mandatory_event_that_nobody_wants_is_a_dead_letter(driver, router):
    async with driver() as program:
        client = await program.connect(router.url)
        await client.subscribe("$dead.no_subscriber")
        await client.publish("t", {"n": 1}, {"receipt": "dispatched"})
        answer = await client.publish("t", {"n": 2}, {"mandatory": True, "receipt": "dispatched"})
        assert (answer["status"], answer["matched"]) == ("queued", 0)
        await until(lambda: client.events(), "the dead letter")
        assert [letter["event"]["payload"] for letter in client.payloads()] == [{"n": 2}]
