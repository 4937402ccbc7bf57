"""Losing the router in every way there is, and finding it again."""

import asyncio
import contextlib
import signal
import time

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


async def test_the_port_is_closed_for_a_while(start):
    port = free_port()
    client = quick(f"ws://127.0.0.1:{port}")
    came = collect(client, "t")
    assert not await client.connect()
    handle = client.publish_nowait("t", 1)
    await until(lambda: client.reconnect_attempts >= 4, "some attempts")
    await asyncio.to_thread(start, port=port)
    assert await handle
    await until(lambda: came, "the event")
    await client.disconnect()


async def test_it_gives_up_when_told_so_and_says_what_was_not_published():
    client = quick(f"ws://127.0.0.1:{free_port()}", max_reconnect_attempts=2)
    assert not await client.connect()
    publishing = asyncio.ensure_future(client.publish("t"))
    await until(lambda: client.state is ConnectionState.CLOSED, "the end")
    with pytest.raises(type(client.last_error)):
        await publishing
    assert client.reconnect_attempts == 2


async def test_a_half_open_connection_is_found_in_the_stated_time(router, proxy):
    async with proxy(router.port) as between:
        client = quick(between.url, heartbeat_interval=0.3, heartbeat_timeout=0.7)
        came = collect(client, "t")
        await client.connect()
        between.stall()
        lost_at = time.monotonic()
        publishing = client.publish_nowait("t", "sent into the void")
        await until(lambda: not client.is_connected, "the discovery")
        assert "sign of life" in str(client.last_error)
        assert time.monotonic() - lost_at >= 0.7
        between.heal()
        assert (await publishing).attempts == 2
        await until(lambda: came, "the event")
        await client.disconnect()


async def test_a_silent_connection_that_answers_heartbeats_stays(router):
    async with EventRouterClient(router.url, heartbeat_interval=0.05, heartbeat_timeout=1.0) as client:
        first = client.client_id
        await asyncio.sleep(2.5)
        assert client.is_connected and client.client_id == first


async def test_a_publish_whose_answer_was_lost_is_sent_again_and_seen_once(router, proxy):
    async with proxy(router.port) as between, EventRouterClient(router.url) as watcher:
        raw, deduped = [], collect(watcher, "t")
        await watcher.subscribe(["t"], callback=raw.append)
        client = quick(between.url)
        await client.connect()
        await client.ping()
        between.swallow_answers = True
        publishing = client.publish_nowait("t", 1)
        await until(lambda: deduped and raw, "the event, whose answer is lost")
        between.heal()
        result = await publishing
        assert result.attempts == 2 and result.event_id == deduped[0].id
        await until(lambda: watcher.stats["duplicates"] == 2, "the second one")
        assert payloads(deduped) == payloads(raw) == [1]
        await client.disconnect()


async def test_draining_is_noticed_at_once_and_what_is_published_waits_for_the_next_router(start):
    router = await asyncio.to_thread(start, drain__timeout="60s", limits__outbox_events=100_000)
    client, slow = quick(router.url), quick(router.url, prefetch=1, receive_buffer=4096)
    changes, came = [], collect(client, "t")
    client.on_state_change(lambda change: changes.append(change.new))
    go_on, taken = asyncio.Event(), []

    @slow.on("jam")
    async def hold(event):
        await go_on.wait()
        taken.append(event.payload)

    await client.connect()
    await slow.connect()
    for number in range(600):
        client.publish_nowait("jam", {"n": number, "text": "x" * 2000})
    await client.flush()
    router.process.send_signal(signal.SIGTERM)
    await until(lambda: client.state is ConnectionState.DRAINING, "the notice")
    assert client.is_connected
    waiting = client.publish_nowait("t", "for the next one")
    await asyncio.sleep(0.2)
    assert not waiting.done()
    go_on.set()
    await until(lambda: len(taken) == 600, "all that was queued", 60)
    await asyncio.to_thread(router.ended)
    await asyncio.to_thread(start, port=router.port)
    assert await waiting
    await until(lambda: came, "the event")
    assert changes[:3] == [ConnectionState.CONNECTING, ConnectionState.CONNECTED, ConnectionState.DRAINING]
    await client.disconnect()
    await slow.disconnect()


async def test_after_an_orderly_end_it_comes_back_when_it_was_told_to():
    """The usual pause is a random part of an hour here."""
    async with ScriptedRouter() as router:
        client = EventRouterClient(router.url, reconnect_interval=3600, max_reconnect_interval=3600)
        await client.connect()
        deadline = "2026-01-31T12:00:00.000000+00:00"
        await router.say({"type": "draining", "deadline": deadline, "reconnect_after_ms": 300})
        await until(lambda: client.state is ConnectionState.DRAINING, "the notice")
        await router.sockets[-1].close(1001)
        ended = time.monotonic()
        await until(lambda: client.state is ConnectionState.CONNECTED, "its return")
        assert time.monotonic() - ended >= 0.25
        await client.disconnect()


async def test_after_1001_without_a_notice_earlier_failures_do_not_count():
    async with ScriptedRouter() as router:
        client = quick(router.url, reconnect_decay=1e9, max_reconnect_interval=3600)
        await client.connect()
        for count in range(2, 6):
            await router.sockets[-1].close(1001)
            await until(lambda n=count: len(router.sockets) == n and client.is_connected, "its return")
        await client.disconnect()


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


async def test_max_clients_reached_is_tried_again_until_there_is_room(start):
    router = await asyncio.to_thread(start, max_clients=1)
    first = EventRouterClient(router.url)
    await first.connect()
    second = quick(router.url)
    assert not await second.connect()
    assert type(second.last_error).__name__ == "MaxClientsReached" and "1" in str(second.last_error)
    waiting = second.publish_nowait("t")
    await first.disconnect()
    assert await waiting
    await second.disconnect()


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
