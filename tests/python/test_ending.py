"""The end of the router: what clients and the operator see of it."""
import asyncio
import contextlib
import signal
import subprocess

import pytest
import websockets

from client import connect
from raw import dial, raw_client
from routers import environment, program
from stalled import numbered, publish_in_order, stalled_subscriber


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_clients_are_told_that_the_router_goes_away(start, name):
    router = start()
    clients = [await connect(router) for _ in range(5)]
    router.process.send_signal(getattr(signal, name))
    for client in clients:
        code, _ = await client.closed()
        assert code == 1001
    await asyncio.to_thread(router.ended)


async def test_no_client_can_hold_up_the_end(start):
    """Neither one that reads nothing, nor one in mid-handshake, nor one that does not answer the close."""
    router = start(drain__timeout="1s")
    stalled = await stalled_subscriber(router, "t")
    await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)])
    knocking, rude = await dial(router), await raw_client(router)
    await asyncio.to_thread(router.stop)
    for peer in (stalled, knocking, rude):
        peer.vanish()


async def test_the_end_may_come_in_the_middle_of_traffic(start):
    router = start(drain__timeout="1s")
    slow = await stalled_subscriber(router, "t", hello={})
    clients = [await connect(router) for _ in range(4)]

    async def talk(client):
        await client.subscribe("t", group="g")
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await client.publish_many([numbered("t", 5, number) for number in range(100)], receipt="dispatched")
                client.kept.clear()
    talks = [asyncio.create_task(talk(client)) for client in clients]
    await asyncio.sleep(0.5)
    assert not any(task.done() for task in talks)
    await asyncio.to_thread(router.stop)
    await asyncio.gather(*talks)
    slow.vanish()


async def test_an_address_that_is_taken_is_said_in_one_line(router, tmp_path):
    (tmp_path / "empty.toml").touch()
    command = [program(), "-c", tmp_path / "empty.toml", "--host", "127.0.0.1", "--port", str(router.port)]
    second = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=30)
    assert second.returncode == 69 and second.stdout == ""
    assert str(router.port) in second.stderr and second.stderr.count("\n") == 1


async def test_a_router_without_clients_ends_too(start):
    await asyncio.to_thread(start().stop)


async def test_the_port_is_free_again_at_once(start):
    first = start()
    async with await connect(first) as client:
        await client.ping()
        port = first.port
        await asyncio.to_thread(first.stop)
    second = start(port=port)
    assert second.port > 0
