"""SIGHUP: the whole new file or nothing of it, for those who are connected too, and a log that says what changed."""
import asyncio
import contextlib
import json

import pytest
import websockets

from client import connect, open_socket
from raw import PING, dial, raw_client, text_frame
from reloading import Reloading
from stalled import fill_until_refused, numbered, publish_in_order, stalled_subscriber
from test_origins_and_addresses import status_for


def limits(**settings) -> str:
    return "[limits]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())


async def is_welcome(router) -> bool:
    socket = await open_socket(router)
    first = json.loads(await socket.recv())
    await socket.close()
    assert first["type"] == "welcome" or first["error"] == "max_clients_reached", first
    return first["type"] == "welcome"


async def test_max_clients_may_grow_and_shrink_below_those_who_are_there(start):
    async with Reloading(start, "max_clients = 2\n") as reload:
        router = reload.router
        async with await connect(router) as first, await connect(router) as second:
            assert not await is_welcome(router)
            log = await reload.to("max_clients = 3\n")
            await log.says_changed("max_clients", 2, 3)
            async with await connect(router) as third:
                assert not await is_welcome(router)
                await reload.to("max_clients = 1\n")
                for client in (first, second, third):
                    await client.ping("still here")
                assert not await is_welcome(router)


async def refused_of_a_burst(router) -> int:
    """How many of 300 events are refused that come to the router in one read, or nearly."""
    async with await raw_client(router) as peer:
        publish = text_frame({"type": "publish", "event": {"topic": "t"}})
        await peer.send(publish * 300)
        replies = [await peer.message() for _ in range(300)]
        return sum(reply["status"] == "dropped" and reply["reason"] == "queue_full" for reply in replies)


async def test_the_queue_s_bound_and_kind_change(start):
    async with Reloading(start, "max_queue_size = 1000\n") as reload:
        assert await refused_of_a_burst(reload.router) == 0
        log = await reload.to("max_queue_size = 1\n")
        await log.says_changed("max_queue_size", 1000, 1)
        assert await refused_of_a_burst(reload.router) > 0
        log = await reload.to("max_queue_size = 1\nuse_multi_queue = true\n")
        await log.says_changed("use_multi_queue", "false", "true")
        assert await refused_of_a_burst(reload.router) == 0, "four queues have bounds of their own"
        await reload.to("max_queue_size = 1\n")
        assert await refused_of_a_burst(reload.router) > 0


async def test_the_log_level_changes(start):
    async with Reloading(start, 'log_level = "info"\n') as reload:
        router = reload.router
        log = await reload.to('log_level = "debug"\n')
        async with await connect(router):
            pass
        await log.says("DEBUG")
        await reload.to('log_level = "error"\n')
        await reload.to('log_level = "error"\nmax_clients = 7\n')
        log = await reload.to('log_level = "info"\nmax_clients = 8\n')
        await log.says_changed("max_clients", 7, 8)
        assert "DEBUG" not in log.text()


async def test_the_publish_rate_holds_a_client_that_is_connected(start):
    async with Reloading(start) as reload:
        async with await connect(reload.router) as client:
            events = [numbered("t", 5, number) for number in range(200)]
            assert {reply["status"] for reply in await client.publish_many(events)} == {"queued"}
            await reload.to(limits(publish_rate=1, publish_burst=10))
            replies = await client.publish_many(events)
            assert "rate_limited" in {reply.get("reason") for reply in replies}
            await reload.to("")
            assert {reply["status"] for reply in await client.publish_many(events)} == {"queued"}


async def test_the_largest_message_changes_for_a_client_that_is_connected(start):
    async with Reloading(start) as reload:
        async with await connect(reload.router) as client:
            await client.ping("x" * 5000)
            await reload.to(limits(max_message_size=4096))
            await client.ping("x" * 500)
            with contextlib.suppress(websockets.ConnectionClosed):
                await client.send({"type": "ping", "echo": "x" * 5000})
            assert (await client.closed())[0] == 1009


async def test_pings_come_at_the_new_interval_to_who_is_connected(start):
    async with Reloading(start, limits(ping_interval='"1h"')) as reload:
        async with await raw_client(reload.router) as peer:
            await reload.to(limits(ping_interval='"100ms"'))
            assert (await peer.frame())[0] == PING


async def test_a_ping_may_be_unanswered_for_the_new_time(start):
    async with Reloading(start, limits(ping_interval='"100ms"', ping_timeout='"1h"')) as reload:
        async with await raw_client(reload.router) as silent:
            assert (await silent.frame())[0] == PING
            await reload.to(limits(ping_interval='"100ms"', ping_timeout='"200ms"'))
            assert await silent.close_code() == 1011


async def test_the_handshake_s_time_changes(start):
    async with Reloading(start, limits(handshake_timeout='"1h"')) as reload:
        await reload.to(limits(handshake_timeout='"100ms"'))
        async with await dial(reload.router) as knocking:
            await knocking.http_rest()


async def test_a_subscriber_s_share_becomes_smaller_and_what_is_too_much_is_told(start):
    async with Reloading(start) as reload:
        router = reload.router
        async with await stalled_subscriber(router, "t", hello={}) as slow:
            await publish_in_order(router, [numbered("t", 3, number) for number in range(5000)], receipt="dispatched")
            await reload.to(limits(outbox_events=100))
            shed = kept = 0
            while shed + kept < 5000:
                message = await slow.message()
                kept += message["type"] == "event"
                shed += sum(message.get("evicted", {}).values())
            assert shed + kept == 5000 and shed > 1000
        async with await stalled_subscriber(router, "t") as slow:
            taken, _ = await fill_until_refused(router, "t", 3)
            assert len(taken) < 5000
            await reload.to("")
            replies = await publish_in_order(router, [numbered("t", 3, 1)], receipt="dispatched")
            assert replies[0]["matched"] == 1, "there is room again"


async def test_what_becomes_of_a_slow_subscriber_changes(start):
    async with Reloading(start, limits(outbox_events=100)) as reload:
        async with await stalled_subscriber(reload.router, "t") as slow:
            await fill_until_refused(reload.router, "t", 3)
            await reload.to(limits(outbox_events=100, slow_consumer='"disconnect"'))
            await publish_in_order(reload.router, [numbered("t", 9, number) for number in range(200)])
            assert await slow.close_code() in (1008, 1006), "the close itself may find no room"


async def test_the_number_of_subscriptions_changes(start):
    async with Reloading(start) as reload:
        async with await connect(reload.router) as client:
            await client.subscribe("a")
            await client.subscribe("b")
            await reload.to(limits(max_subscriptions=2))
            await client.error({"type": "subscribe", "subscription": {"topics": ["c"]}})
            await client.publish({"topic": "b"})
            await client.event()
            await reload.to(limits(max_subscriptions=3))
            await client.subscribe("c")


async def test_the_allowed_origins_change(start):
    page = "https://panel.example.org"
    async with Reloading(start) as reload:
        assert await status_for(reload.router, page) == 403
        async with await connect(reload.router) as client:
            await reload.to(limits(allowed_origins=f'["{page}"]'))
            assert await status_for(reload.router, page) == 101
            await reload.to("")
            assert await status_for(reload.router, page) == 403
            await client.ping()


async def test_the_time_to_drain_changes(start):
    """A minute, without the reload; the end is waited for half of that."""
    async with Reloading(start, '[drain]\ntimeout = "60s"\n') as reload:
        router = reload.router
        slow = await stalled_subscriber(router, "t")
        await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)], receipt="dispatched")
        log = await reload.to('[drain]\ntimeout = "300ms"\n')
        await log.says(r"\bdrain\.timeout\b", "1m", "300ms")
        await asyncio.to_thread(router.stop)
        slow.vanish()


BAD = [
    ("max_clients = 5\nmax_queue_size = -1\n", 2, "max_queue_size"),
    ("max_clients = 5\n\nunheard_of = 1\n", 3, "unheard_of"),
    ('max_clients = 5\n[limits]\nping_interval = "soon"\n', 3, "ping_interval"),
    ("max_clients = 5\nmax_queue_size =\n", 2, ""),
]


@pytest.mark.parametrize("config, line, key", BAD)
async def test_a_bad_file_changes_nothing_and_its_line_is_named(start, config, line, key):
    async with Reloading(start, "max_clients = 1\n") as reload:
        router = reload.router
        async with await connect(router) as client:
            log = await reload.to(config)
            await log.says(rf"config\.toml:{line}:\d+")
            await log.says(key)
            assert not await is_welcome(router), "max_clients was fine, and is as before all the same"
            await client.ping("still here")
            await reload.to("max_clients = 2\n")
            assert await is_welcome(router), "and a good file is taken after it"


async def test_a_file_that_is_gone_changes_nothing(start):
    async with Reloading(start, "max_clients = 1\n") as reload:
        async with await connect(reload.router) as client:
            reload.router.config_file.unlink()
            await reload.again()
            assert not await is_welcome(reload.router)
            await client.ping("still here")


RESTART_ONLY = [
    ("port", "port = 9191\n"), ("host", 'port = 0\nhost = "127.0.0.1"\n'), ("threads", "port = 0\nthreads = 2\n"),
    ("log.target", 'port = 0\n[log]\ntarget = "stderr"\n'), ("log.format", 'port = 0\n[log]\nformat = "json"\n'),
    ("process.pid_file", 'port = 0\n[process]\npid_file = "/tmp/elsewhere.pid"\n'),
    ("process.umask", 'port = 0\n[process]\numask = "077"\n'),
]


@pytest.mark.parametrize("key, config", RESTART_ONLY)
async def test_what_only_a_restart_can_change_is_named_and_the_rest_is_applied(start, key, config):
    async with Reloading(start, "port = 0\nmax_clients = 1\n", port=None) as reload:
        router = reload.router
        async with await connect(router) as client:
            log = await reload.to("max_clients = 2\n" + config)
            line = await log.says(rf"\b{key}\b")
            assert "restart" in line.lower(), line
            await log.says_changed("max_clients", 1, 2)
            assert await is_welcome(router)
            await client.ping("still here")


async def test_a_file_that_changes_nothing_says_that_nothing_changed(start):
    async with Reloading(start, "max_clients = 5\n") as reload:
        log = await reload.to("# As it was.\nmax_clients = 5\n")
        await log.says("nothing is different")
