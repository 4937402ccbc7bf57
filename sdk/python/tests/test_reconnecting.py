"""Losing the router in every way there is, and finding it again."""

import asyncio
import contextlib

import pytest
from helpers import collect, payloads, quick, until
from part1 import ScriptedRouter
from routers import free_port

from gadugi_router import AuthenticationError, ConnectionState, EventRouterClient


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_router_is_restarted(start, router, end):
    """SIGTERM and kill -9: subscriptions are there again, what was published meanwhile arrives, once."""
    client = quick(router.url)
    changes = []
    client.on_state_change(changes.append)
    came = collect(client, "t")
    await client.connect()
    await client.publish("t", "before")
    await until(lambda: came, "the first event")
    await asyncio.to_thread(getattr(router, end))
    await until(lambda: not client.is_connected, "the loss")
    meanwhile = [client.publish_nowait("t", number) for number in range(10)]
    await asyncio.to_thread(start, port=router.port)
    assert [(await handle).status for handle in meanwhile] == ["queued"] * 10
    await until(lambda: len(came) == 11, "what was published meanwhile")
    assert payloads(came) == ["before", *range(10)]
    states = [change.new for change in changes]
    assert states[:2] == [ConnectionState.CONNECTING, ConnectionState.CONNECTED]
    assert states[-1] is ConnectionState.CONNECTED and ConnectionState.RECONNECTING in states
    await client.disconnect()


async def test_it_gives_up_when_told_so_and_says_what_was_not_published():
    client = quick(f"ws://127.0.0.1:{free_port()}", max_reconnect_attempts=2)
    assert not await client.connect()
    publishing = asyncio.ensure_future(client.publish("t"))
    await until(lambda: client.state is ConnectionState.CLOSED, "the end")
    with pytest.raises(type(client.last_error)):
        await publishing
    assert client.reconnect_attempts == 2


async def test_a_router_that_ends_while_subscriptions_are_restored_never_counts_as_connected():
    async with ScriptedRouter() as router:
        client = EventRouterClient(router.url, reconnect_interval=0.05, reconnect_decay=1.0)
        changes, came = [], collect(client, "t")
        client.on_state_change(lambda change: changes.append(change.new))
        answer, router._subscribe = router._subscribe, lambda socket, *_: socket.close(1001)
        assert not await client.connect()
        await until(lambda: len(router.sockets) > 3, "some attempts")
        assert ConnectionState.CONNECTED not in changes
        router._subscribe = answer
        assert await client.publish("t", 1)
        await until(lambda: came, "the event")
        await client.disconnect()


async def test_a_refused_token_is_not_shown_again():
    async with ScriptedRouter(token="right") as router:
        client = quick(router.url, token="wrong")
        publishing = asyncio.ensure_future(client.publish("t"))
        with pytest.raises(AuthenticationError, match="not valid"):
            await client.connect()
        with pytest.raises(AuthenticationError):
            await publishing
        assert client.state is ConnectionState.CLOSED and len(router.sockets) == 1


async def test_a_token_that_goes_bad_later_ends_the_client_and_what_waits_is_told():
    async with ScriptedRouter(token="right") as router:
        client = quick(router.url, token="right")
        await client.connect()
        router.token = "another"
        await router.sockets[-1].close(1001)
        await until(lambda: client.state is ConnectionState.CLOSED, "the end")
        assert isinstance(client.last_error, AuthenticationError)
        assert (await client.publish("t")).reason == "closed"


async def test_a_function_is_asked_for_the_token_at_each_attempt():
    tokens = iter(["old", "older", "right"])

    async def current():
        return next(tokens)

    async with ScriptedRouter(token="right") as router:
        client = quick(router.url, token=current)
        with contextlib.suppress(AuthenticationError):
            await client.connect()
        assert await client.wait_until_connected(30)
        await client.disconnect()


async def test_a_function_that_gives_no_token_in_time_or_raises_is_asked_again():
    async def late():
        await asyncio.sleep(3600)

    async def wrong():
        raise OSError("no such file")

    async def right():
        return "right"

    answers = iter([late, wrong, right])

    def current():
        return next(answers)()

    async with ScriptedRouter(token="right") as router:
        client = quick(router.url, token=current, timeout=0.2)
        assert not await client.connect() and "none within 0.2 s" in str(client.last_error)
        changes = []
        client.on_state_change(changes.append)
        assert await client.wait_until_connected(30)
        assert any("no such file" in str(change.reason) for change in changes) or "no such" in str(client.last_error)
        await client.disconnect()


async def test_disconnect_while_it_tries_to_connect():
    before = asyncio.all_tasks()
    client = quick(f"ws://127.0.0.1:{free_port()}")
    await client.connect()
    publishing = asyncio.ensure_future(client.publish("t"))
    await asyncio.sleep(0)
    await client.disconnect()
    assert client.state is ConnectionState.CLOSED and (await publishing).reason == "closed"
    assert asyncio.all_tasks() == before, "nothing is left running"


async def test_nothing_is_left_running_after_disconnect(router):
    before = asyncio.all_tasks()
    async with EventRouterClient(router.url) as client:
        collect(client, "t")
        await client.publish("t")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
