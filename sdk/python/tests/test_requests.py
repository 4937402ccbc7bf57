"""Request and reply."""

import asyncio

import pytest
from helpers import quick, until

from gadugi_router import EventPriority, EventRouterClient, NoResponders, RequestFailed, RequestTimeout


async def test_a_request_is_answered_with_the_payload_that_the_responder_returns(router):
    async with EventRouterClient(router.url) as client, EventRouterClient(router.url) as server:

        @server.respond("add")
        async def add(event):
            await asyncio.sleep(0)
            return event.payload["a"] + event.payload["b"]

        await server.ping()
        replies = await asyncio.gather(
            *(client.request("add", {"a": number, "b": 1}, priority=EventPriority.HIGH) for number in range(50))
        )
        assert [reply.payload for reply in replies] == list(range(1, 51))
        assert replies[0].priority is EventPriority.HIGH and replies[0].metadata.causation_id


async def test_a_client_can_ask_itself_from_within_a_handler(router):
    """The handler waits for a reply that comes over the connection whose events wait behind the handler."""
    async with EventRouterClient(router.url, prefetch=1) as client:
        client.respond("inner")(lambda event: event.payload + 1)
        done = []

        @client.on("outer")
        async def outer(event):
            done.append((await client.request("inner", event.payload)).payload)

        for number in range(20):
            await client.publish("outer", number)
        await until(lambda: len(done) == 20, "all handlers")
        assert done == list(range(1, 21))


async def test_what_the_responder_raises_fails_the_request_and_is_reported_there(router):
    async with EventRouterClient(router.url) as client:
        problems = []
        client.on_error(problems.append)

        @client.respond("fails")
        def fail(event):
            raise LookupError("no such thing")

        with pytest.raises(RequestFailed, match="no such thing"):
            await client.request("fails")
        await until(lambda: problems, "the report")
        assert isinstance(problems[0].error, LookupError) and problems[0].event.topic == "fails"


async def test_nobody_there_is_told_at_once_and_nobody_answering_in_time(router):
    async with EventRouterClient(router.url) as client:
        with pytest.raises(NoResponders):
            await client.request("nobody", timeout=600)
        client.on("deaf")(lambda event: None)
        with pytest.raises(RequestTimeout, match=r"0\.2 s"):
            await client.request("deaf", timeout=0.2)


async def test_of_a_group_of_responders_one_answers(router):
    async with EventRouterClient(router.url) as client, EventRouterClient(router.url) as other:
        asked = []
        for each in (client, other):
            each.respond("who", group="those")(lambda event: asked.append(event.id))
            await each.ping()
        for _ in range(10):
            await client.request("who")
        assert len(asked) == 10


async def test_a_request_waits_for_the_connection_like_any_event(start, router):
    client = quick(router.url)
    client.respond("echo")(lambda event: event.payload)
    await client.connect()
    assert (await client.request("echo", 1)).payload == 1
    router.kill()
    await until(lambda: not client.is_connected, "the loss")
    asking = asyncio.ensure_future(client.request("echo", 2, timeout=60))
    await asyncio.to_thread(start, port=router.port)
    assert (await asking).payload == 2
    await client.disconnect()
