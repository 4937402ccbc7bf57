"""The router goes away and comes back."""

import asyncio

import pytest
from drivers import Failed, until


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_router_is_restarted_under_a_stream_of_publishes(driver, start, end):
    """SIGTERM and kill -9. The publisher is its own subscriber, so it is there before what it publishes."""
    router, count = await asyncio.to_thread(start), 1500
    async with driver() as program:
        client = await program.connect(router.url)
        name = await client.subscribe("stream", brief=True)
        publishing = client.publishing_many("stream", count, priorities=[5], pace_ms=1)
        await until(lambda: len(client.events()) > 200, "the first ones")
        await asyncio.to_thread(getattr(router, end))
        here = len(client.events())
        await until(lambda: client.state not in ("connected", "draining"), "the loss")
        again = await asyncio.to_thread(start, port=router.port)
        results = await publishing
        assert {word for _, word in results} == {"queued"} and len({event_id for event_id, _ in results}) == count
        await until(lambda: count - 1 in client.numbers(), "the last one")
        await client.settled()
        numbers = client.numbers()
        assert len(numbers) == len(set(numbers)), "none twice"
        missing = sorted(set(range(count)) - set(numbers))
        if end == "stop":
            assert not missing, "what an orderly end had confirmed was delivered"
        else:
            # Only what the router that was killed had taken and not delivered.
            assert not missing or missing[-1] < here + 300, (here, missing)
        assert await client.ask("subscription_id", sub="s") == name
        await client.ask("unsubscribe", sub="s")
        await until_subscriptions(client, 0)
        assert again.process.poll() is None


async def until_subscriptions(client, count):
    while (await client.settled())["active_subscriptions"] != count:
        await asyncio.sleep(0.01)


async def test_the_port_is_closed_for_a_while(driver, start, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}")
        assert client.first["connected"] is False and client.first["error"]["kind"] == "unreachable"
        name = await client.subscribe("t")
        publishing = client.publishing("t", {"n": 1})
        await asyncio.sleep(0.5)
        assert not publishing.done() and client.state == "reconnecting" and await client.settled() is None
        await asyncio.to_thread(start, port=closed_port)
        assert (await publishing)["status"] == "queued"
        await until(client.events, "the event")
        assert client.payloads() == [{"n": 1}] and await client.ask("subscription_id", sub="s") == name


async def test_it_gives_up_when_told_so_and_what_waited_is_told(driver, closed_port):
    async with driver() as program:
        client = await program.connect(f"ws://127.0.0.1:{closed_port}", max_reconnect_attempts=3)
        publishing = client.publishing("t")
        await until(lambda: client.state == "closed", "the end")
        assert client.because[-1]["kind"] == "unreachable"
        assert await refused(publishing) and await refused(client.publishing("t"))


async def refused(publishing) -> bool:
    """An answer that says no, or an exception that does."""
    try:
        return (await publishing)["status"] != "queued"
    except Failed:
        return True


async def test_what_waits_at_the_end_is_published_and_what_comes_later_is_told(driver, router):
    async with driver() as program:
        watcher = await program.connect(router.url, "watcher")
        await watcher.subscribe("t", brief=True)
        client = await program.connect(router.url)
        publishing = client.publishing_many("t", 500)
        await client.ask("close", within_ms=30_000)
        assert {word for _, word in await publishing} == {"queued"}
        await until(lambda: len(watcher.events()) == 500, "all of them")
        assert client.state == "closed" and await refused(client.publishing("t"))
