"""Priority holds to the handler, and what is shed is told."""

import asyncio

import pytest
from client import connect
from drivers import until

WAITING = 50_000
BATCH = 5_000
# More than waits here; the router's room is not what these tests are about.
ROOMY = {"limits__outbox_events": 100_000, "limits__outbox_size": "64MiB", "max_queue_size": 100_000}


async def publish_waiting(publisher, topic, count, **event):
    """LOWEST events from somebody who is not under test."""
    for first in range(0, count, BATCH):
        numbers = range(first, min(first + BATCH, count))
        events = [{"topic": topic, "priority": 1, "payload": {"n": number}, **event} for number in numbers]
        reply = await publisher.ask({"type": "publish_batch", "events": events})
        assert all(result["status"] == "queued" for result in reply["results"])


async def handled_before_system(client, publisher, topic) -> int:
    """How many LOWEST events are handled between the publishing of a SYSTEM event and its handling."""
    before = len(client.events())
    urgent = {"topic": topic, "priority": 10, "payload": {"n": -1}}
    assert (await publisher.publish(urgent, receipt="dispatched"))["matched"] == 1
    await until(lambda: (-1, 10) in client.events(), "the urgent one")
    return client.events().index((-1, 10)) - before


# What waits here is overtaken here; what has no room here is overtaken in the router: it is sent as events are handled.
ROOM = {"here": ({}, {}), "little here": ({"max_local_events": 1000}, {}), "in a group": ({}, {"group": "g"})}


@pytest.mark.parametrize("room", ROOM)
async def test_an_urgent_event_is_handled_after_a_handful(driver, start, room):
    """A handler of 10 ms, and 50,000 LOWEST events that wait."""
    router = await asyncio.to_thread(start, **ROOMY)
    options, wanted = ROOM[room]
    async with driver() as program, await connect(router, hello={}) as publisher:
        client = await program.connect(router.url, **options)
        await client.subscribe("jam", handler_ms=10, brief=True, **wanted)
        await publish_waiting(publisher, "jam", WAITING)
        await until(client.events, "the first one")
        # All that the client reads ahead is there: an answer is behind what was sent before it.
        await client.settled()
        passed = await handled_before_system(client, publisher, "jam")
        print(f"{program.sdk}, {room}: {passed} handled before SYSTEM")
        assert passed <= 10 and not client.gaps


async def test_two_handlers_do_not_wait_for_each_other(driver, router):
    async with driver() as program:
        client = await program.connect(router.url)
        await client.subscribe("slow", sub="slow", held=True)
        await client.subscribe("quick", sub="quick")
        for number in range(10):
            await client.publish("slow", number)
        await client.publish("quick", 1)
        await until(lambda: client.events("quick"), "the other handler's event")
        assert not client.events("slow")
        await client.ask("release", sub="slow")
        await until(lambda: len(client.events("slow")) == 10, "the slow one's")


async def test_what_the_router_sheds_is_told_with_the_users_id_and_everything_adds_up(driver, start):
    router, count = await asyncio.to_thread(start, limits__outbox_events=10), 400
    async with driver() as program, await connect(router) as publisher:
        slow = await program.connect(router.url, prefetch=1, receive_buffer=4096)
        name = await slow.subscribe("t", held=True, brief=True)
        for number in range(count):
            payload = {"n": number, "pad": "x" * 4000}
            event = {"topic": "t", "priority": 1 + number % 2, "payload": payload}
            await publisher.publish(event, receipt="dispatched")
        await slow.ask("release", sub="s")
        await until(lambda: len(slow.events()) + slow.shed() == count, "received and reported make all")
        assert slow.gaps and all(gap["subscription"] == name and not gap["local"] for gap in slow.gaps)
        assert len(slow.numbers()) == len(set(slow.numbers()))


async def test_what_expires_in_the_router_is_told_too(driver, start):
    router = await asyncio.to_thread(start, **ROOMY)
    async with driver() as program, await connect(router) as publisher:
        slow = await program.connect(router.url, prefetch=1, receive_buffer=4096)
        name = await slow.subscribe("t", held=True, brief=True)
        for number in range(200):
            event = {"topic": "t", "payload": {"n": number, "pad": "x" * 4000}}
            await publisher.publish(event, receipt="dispatched", ttl_ms=300)
        await asyncio.sleep(0.5)
        await slow.ask("release", sub="s")

        def expired():
            return sum(sum(gap["expired"].values()) for gap in slow.gaps)

        await until(lambda: len(slow.events()) + expired() == 200, "received and reported make all")
        assert expired() > 0 and all(gap["subscription"] == name for gap in slow.gaps)


@pytest.mark.parametrize("wanted", [{}, {"group": "g"}], ids=["alone", "in a group"])
async def test_a_handler_that_publishes_hears_its_answers_however_much_waits(driver, start, wanted):
    """The answers come over the connection whose events wait behind the handler."""
    router = await asyncio.to_thread(start, **ROOMY)
    async with driver() as program, await connect(router, hello={}) as publisher:
        client = await program.connect(router.url)
        await client.subscribe("jam", held=True, brief=True, **wanted)
        await publish_waiting(publisher, "jam", 5_000)
        for _ in range(20):
            assert (await client.publish("other"))["status"] == "queued"
        assert (await client.settled())["status"] == "healthy"
        await client.ask("release", sub="s")
        await until(lambda: len(client.events()) + client.shed() == 5_000, "all of it")
