"""Pings find out who is gone without a word; those who answer stay."""
import asyncio

from client import connect, until
from raw import CLOSE, PING, PONG, frame, raw_client
from stalled import numbered, publish_in_order, stalled_subscriber
from witness import witness

QUICK = {"limits__ping_interval": "1s", "limits__ping_timeout": "1s"}


async def left_alone(router, client) -> None:
    async def it_is_gone():
        return (await client.health())["connected_clients"] == 1
    await until(it_is_gone, "the silent client is dropped")


async def test_a_peer_that_answers_no_ping_is_dropped(start):
    router = start(**QUICK)
    async with await connect(router) as client, await raw_client(router) as silent:
        await silent.subscribe("t")
        await left_alone(router, client)
        assert (await client.health())["active_subscriptions"] == 0
        frames = []
        while (found := await silent.frame()) is not None:
            frames.append(found)
        assert [opcode for opcode, _ in frames] == [PING, CLOSE], "it is asked before it is dropped"
        assert int.from_bytes(frames[1][1][:2], "big") == 1011


async def test_a_peer_that_reads_nothing_either_is_dropped(start):
    """As when a cable is pulled: its kernel takes no more, and no FIN comes."""
    router = start(**QUICK)
    async with witness(router):
        async with await stalled_subscriber(router, "t"):
            await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)])
            async with await connect(router) as client:
                async def only_the_witness_is_left():
                    return (await client.health())["connected_clients"] == 2
                await until(only_the_witness_is_left, "the stalled client is dropped")


async def test_a_peer_that_answers_stays(start):
    router = start(**QUICK)
    async with await raw_client(router) as peer:
        for _ in range(4):
            opcode, payload = await peer.frame()
            assert opcode == PING
            await peer.send(frame(PONG, payload))
        assert (await peer.ask({"type": "get_health"}))["type"] == "health"


async def test_a_library_that_answers_by_itself_stays(start):
    router = start(**QUICK)
    async with await connect(router) as client:
        await client.subscribe("t")
        await asyncio.sleep(5)
        await client.publish({"topic": "t"})
        await client.event()


async def test_a_peer_that_answers_late_but_in_time_stays(start):
    router = start(limits__ping_interval="1s", limits__ping_timeout="10s")
    async with await raw_client(router) as peer:
        opcode, payload = await peer.frame()
        assert opcode == PING
        await asyncio.sleep(3)
        await peer.send(frame(PONG, payload))
        assert (await peer.ask({"type": "ping"}))["type"] == "pong"
