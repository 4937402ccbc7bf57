"""What is passed through: headers, the name; and clients that are made where no event loop is."""

import asyncio

import pytest
from helpers import quick, until
from part1 import Part1Router, ScriptedRouter

from gadugi_router import AuthenticationError, EventRouterClient, InvalidEvent


async def test_headers_and_the_clients_name():
    async with ScriptedRouter() as router:
        async with EventRouterClient(router.url, headers={"X-Agent": "seven"}, name="worker/7") as client:
            assert client.is_connected
        assert router.headers["X-Agent"] == "seven"
        hello = next(message for message in router.seen if message["type"] == "hello")
        assert hello["client"] == "worker/7" and hello["protocol"] == 2 and hello["lean"] is True


@pytest.mark.parametrize("status", [401, 403])
async def test_a_gate_before_the_router_that_refuses(status):
    async with Part1Router() as router:
        router.status = status
        with pytest.raises(AuthenticationError, match=str(status)):
            await quick(router.url, token="x").connect()


async def test_something_else_than_a_router():
    async with Part1Router() as router:
        router.status = 404
        client = quick(router.url)
        assert not await client.connect() and "404" in str(client.last_error)
        router.status = None
        assert await client.wait_until_connected(30)
        await client.disconnect()


async def test_a_message_that_cannot_be_read_is_reported_and_the_connection_stays():
    async with ScriptedRouter() as router, EventRouterClient(router.url) as client:
        problems, changes = [], []
        client.on_error(problems.append)
        client.on_state_change(changes.append)
        for wrong in ("no JSON", "[1]", "{}", "[" * 100_000):
            await router.sockets[-1].send(wrong)
        await until(lambda: len(problems) == 4, "the reports")
        assert (await client.publish("t")).accepted
        assert client.is_connected and not changes and "no JSON" in problems[0].where


def test_a_client_made_and_furnished_before_there_is_an_event_loop(router):
    client = EventRouterClient(router.url)
    came = []
    client.on("t")(came.append)

    async def main(count):
        async with client:
            await client.publish("t", count)
            await until(lambda: len(came) == count, "the event")

    for count in (1, 2):
        asyncio.run(main(count))


def test_an_event_loop_that_ended_without_a_disconnect(router):
    """As in a script that calls asyncio.run for each thing that it does."""
    client = EventRouterClient(router.url)
    came = []
    client.on("t")(came.append)

    async def main(count):
        assert not client.is_connected and await client.connect()
        assert (await client.publish("t", count)).accepted
        await until(lambda: len(came) == count, "the event")

    for count in (1, 2):
        asyncio.run(main(count))


NEVER = ["ws://", "ws://:9090", "ws://h:99999", "ws://h:0", "ws://h:port", "http://h", "h:9090", "", None]


@pytest.mark.parametrize("url", NEVER)
def test_an_url_that_can_never_work_is_refused_at_once(url):
    with pytest.raises(ValueError, match="url"):
        EventRouterClient(url)


async def test_metadata_that_is_a_dict_is_refused_in_words(router):
    async with EventRouterClient(router.url) as client:
        with pytest.raises(InvalidEvent, match="EventMetadata"):
            await client.publish("t", metadata={"user_id": "u"})


async def test_two_readers_of_one_stream_share_it(router):
    async with EventRouterClient(router.url) as client, client.events("t") as stream:
        reading = [asyncio.ensure_future(stream.__anext__()) for _ in range(3)]
        for number in range(3):
            await client.publish("t", number)
        assert sorted(event.payload for event in await asyncio.gather(*reading)) == [0, 1, 2]


async def test_a_subscribe_that_is_given_up_leaves_nothing_behind(router):
    async with EventRouterClient(router.url) as client:
        subscribing = asyncio.ensure_future(client.subscribe(["t"]))
        await asyncio.sleep(0)
        subscribing.cancel()
        await asyncio.gather(subscribing, return_exceptions=True)
        await client.ping()
        assert not client.subscriptions and (await client.get_health())["active_subscriptions"] == 0
