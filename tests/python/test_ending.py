"""The end of the router: what clients and the operator see of it."""
import asyncio
import signal

import pytest

from client import connect
from raw import dial, raw_client
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
    router = start()
    stalled = await stalled_subscriber(router, "t")
    await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)])
    knocking, rude = await dial(router), await raw_client(router)
    await asyncio.to_thread(router.stop)
    for peer in (stalled, knocking, rude):
        peer.vanish()


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
