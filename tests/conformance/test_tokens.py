"""Tokens. The router has none yet, so these are shown to a stand-in that accepts one of them."""

import pytest
from drivers import until
from part1 import ScriptedRouter
from test_restarts import refused


async def test_a_refused_token_is_not_shown_again(driver):
    async with ScriptedRouter(token="right") as router, driver() as program:
        try:
            client = await program.connect(router.url, token="wrong")
        except Exception as error:
            assert error.kind == "unauthorized"
            client = program.clients["a"]
        await until(lambda: client.state == "closed", "the end")
        assert client.because[-1]["kind"] == "unauthorized" and "not valid" in client.because[-1]["text"]
        assert await refused(client.publishing("t")) and len(router.sockets) == 1


async def test_a_token_that_goes_bad_later_ends_the_client_and_what_waits_is_told(driver):
    async with ScriptedRouter(token="right") as router, driver() as program:
        client = await program.connect(router.url, token="right")
        assert client.first["connected"] is True
        router.token, router.mute = "another", True
        publishing = client.publishing("t")
        await until(lambda: router.seen[-1]["type"] == "publish", "the publish")
        await router.sockets[-1].close(1001)
        await until(lambda: client.state == "closed", "the end")
        assert client.because[-1]["kind"] == "unauthorized" and len(router.sockets) == 2
        assert await refused(publishing) and await refused(client.publishing("t"))


async def test_a_function_is_asked_for_the_token_at_each_attempt(driver):
    async with ScriptedRouter(token="right") as router, driver() as program:
        client = await program.connect(router.url, tokens=["old", "older", "right"])
        assert client.first["connected"] is False and client.first["error"]["kind"] == "unauthorized"
        await until(lambda: client.state == "connected", "the right one")
        shown = [message["token"] for message in router.seen if message["type"] == "hello"]
        assert shown == ["old", "older", "right"]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_gate_before_the_router_that_refuses_ends_it_too(driver, status):
    async with ScriptedRouter(token="right") as router, driver() as program:
        client = await program.connect(router.url, token="right")
        router.status = status
        await router.sockets[-1].close(1001)
        await until(lambda: client.state == "closed", "the end")
        assert str(status) in client.because[-1]["text"]
