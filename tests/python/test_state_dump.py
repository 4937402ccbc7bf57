"""SIGUSR2: the router's state in its log, while it runs and while it ends."""
import asyncio

from client import connect, until
from draining import counts_in, state_dump
from stalled import fill_until_refused, numbered, publish_in_order, read_messages, stalled_subscriber


async def test_the_state_tells_of_queues_and_of_the_clients_with_the_most_waiting(start):
    router = start(limits__outbox_events=100)
    clients = [await connect(router) for _ in range(30)]
    await clients[0].subscribe("u")
    async with await stalled_subscriber(router, "t") as slow:
        await fill_until_refused(router, "t", 3)

        async def without_the_publisher():
            lines = await state_dump(router)
            return lines if "31 connections" in lines else None
        lines = await until(without_the_publisher, "whoever has gone is not counted any more")
        assert "31 clients, 2 subscriptions, draining: false" in lines
        assert counts_in(lines, "queue depth").total() == 0
        assert counts_in(lines, "accepted")[3] > 100
        assert counts_in(lines, "dead letters, evicted")[3] >= 3
        listed = [line for line in lines if line.startswith("client ")]
        assert len(listed) == 20 and "11 more clients" in lines
        assert listed[0].startswith(f"client {slow.welcome['client_id']} from 127.0.0.1:") and " 100 events " in listed[0]


async def test_the_state_can_be_asked_for_while_the_router_ends(start):
    router = start(drain__timeout="60s")
    async with await stalled_subscriber(router, "t") as slow:
        await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)], receipt="dispatched")
        async with await connect(router, hello={}) as client:
            router.process.terminate()
            await client.expect("draining")
            lines = await state_dump(router)
            assert any(line.endswith("draining: true") for line in lines)
        await read_messages(slow, lambda messages: len(messages) == 5000)
    await asyncio.to_thread(router.ended)


async def test_nothing_of_an_event_is_in_the_state(start):
    router = start()
    secret = "a-word-that-only-the-payload-has"
    async with await stalled_subscriber(router, "t"):
        await publish_in_order(router, [numbered("t", 5, number, secret * 50) for number in range(2000)],
                               receipt="dispatched")
        await state_dump(router)
    assert secret not in router.log()
