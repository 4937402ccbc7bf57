"""Connections over which nothing comes any more, and nobody says so."""

import asyncio
import time

import pytest
from client import connect
from drivers import until

# Found within a second.
HEARTBEAT = {"heartbeat_ms": 300, "heartbeat_timeout_ms": 700}
WAYS = {"both": {}, "answers": {"requests": False}, "requests": {"answers": False}}


@pytest.mark.parametrize("way", WAYS)
async def test_a_half_open_connection_is_found_in_the_stated_time(driver, router, proxy, way):
    async with proxy(router.port) as between, driver() as program:
        client = await program.connect(between.url, **HEARTBEAT)
        await client.subscribe("t")
        between.stall(**WAYS[way])
        since = time.monotonic()
        publishing = client.publishing("t", {"n": 1})
        await until(lambda: client.state == "reconnecting", "the discovery")
        assert 0.6 < time.monotonic() - since, "a silence of the stated length is not one"
        # Both say for how long it was silent.
        assert client.because[-1]["kind"] == "unreachable" and " 1" in client.because[-1]["text"]
        between.heal()
        assert (await publishing)["status"] == "queued"
        await until(client.events, "the event")
        await client.settled()
        assert client.payloads() == [{"n": 1}]


async def test_a_silent_connection_that_answers_heartbeats_stays(driver, router):
    async with driver() as program:
        client = await program.connect(router.url, heartbeat_ms=50, heartbeat_timeout_ms=1000)
        await client.settled()
        await asyncio.sleep(2)
        await client.settled()
        assert client.states[-1] == "connected" and "reconnecting" not in client.states


async def test_an_answer_that_is_lost_has_the_event_sent_again_and_it_is_seen_once(driver, router, proxy):
    async with proxy(router.port) as between, driver() as program, await connect(router) as witness:
        await witness.subscribe("t")
        subscriber = await program.connect(router.url, "subscriber")
        await subscriber.subscribe("t")
        client = await program.connect(between.url)
        await client.settled()
        between.stall(requests=False)
        publishing = client.publishing("t", {"n": 1})
        await until(subscriber.events, "the event, whose answer is lost")
        between.heal()
        result = await publishing
        assert result["status"] == "queued"
        await client.publish("t", {"n": 2})
        await until(lambda: len(subscriber.events()) == 2, "the next one")
        ids = [(await witness.event())["id"] for _ in range(3)]
        assert ids[:2] == [result["event_id"]] * 2 and ids[2] != ids[0], "the router had it twice"
        assert subscriber.payloads() == [{"n": 1}, {"n": 2}]
