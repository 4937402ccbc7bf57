"""Request and reply."""

import asyncio

import pytest
from helpers import until

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


async def test_a_reply_that_is_no_json_fails_the_request_at_once(router):
    async with EventRouterClient(router.url) as client:
        problems = []
        client.on_error(problems.append)
        client.respond("odd")(lambda event: object())
        with pytest.raises(RequestFailed, match="JSON"):
            await client.request("odd", timeout=60)
        await until(lambda: problems, "the report")


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
