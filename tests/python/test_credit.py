"""Flow control by credit: a client is sent no more than it asked for, and what waits is overtaken by what is urgent."""
import asyncio
import json
import signal

import pytest

from client import connect
from control import control
from draining import drain_result


async def quiet(client) -> list[dict]:
    """What came, when nothing more is on its way: events would come before the second pong."""
    await client.ping()
    await client.ping()
    return client._take_kept()


async def publish(client, *events: dict) -> None:
    """All of them are matched when this returns."""
    for event in events:
        reply = await client.publish({"topic": "t", **event}, receipt="dispatched")
        assert reply["matched"] == 1, reply


def priorities(messages: list[dict]) -> list[int]:
    return [message["event"].get("priority", 5) for message in messages]


async def test_no_more_comes_than_was_granted_and_the_urgent_comes_first(router):
    async with await connect(router, hello={"credit": {"events": 2}}) as slow, await connect(router) as other:
        assert "credit" in slow.greeting["features"]
        await slow.subscribe("t")
        await publish(other, *({"priority": 1} for _ in range(5)))
        assert priorities(await quiet(slow)) == [1, 1]
        await publish(other, {"priority": 10}, {"priority": 5})
        assert await quiet(slow) == []
        await slow.send({"type": "credit", "events": 1})
        assert priorities(await quiet(slow)) == [10]
        await slow.send({"type": "credit", "events": 100})
        assert priorities(await quiet(slow)) == [5, 1, 1, 1]


@pytest.mark.parametrize("lean", [False, True])
async def test_bytes_are_those_of_the_messages(router, lean):
    async with await connect(router, hello={"lean": lean, "credit": {"bytes": 1}}) as slow, \
            await connect(router) as other:
        await slow.subscribe("t")
        await publish(other, *({"payload": {"number": number}} for number in range(5)))
        text = await slow.text()
        assert json.loads(text)["type"] == "event" and text.isascii()
        # It took the balance below zero: to 1 minus its own length.
        assert await quiet(slow) == []
        await slow.send({"type": "credit", "bytes": len(text) - 1})
        assert await quiet(slow) == []
        await slow.send({"type": "credit", "bytes": 1 + len(text)})
        assert len(await quiet(slow)) == 2, "one that is covered, and one that crosses"
        await slow.send({"type": "credit", "bytes": 3 * len(text)})
        assert len(await quiet(slow)) == 2


async def test_answers_and_notices_need_no_credit(start):
    router = start(limits__outbox_events=2)
    async with await connect(router, hello={"credit": {"events": 0}}) as starved:
        await starved.subscribe("t")
        await publish(starved, {"priority": 1}, {"priority": 5}, {"priority": 5})
        assert (await starved.health())["connected_clients"] == 1
        messages = await quiet(starved)
        assert [message["type"] for message in messages] == ["gap"]
        assert messages[0]["evicted"] == {"1": 1}


async def test_bad_credit_is_an_error_and_changes_nothing(router):
    async with await connect(router) as old, await connect(router, hello={"credit": {"events": 1}}) as client:
        error = await old.error({"type": "credit", "events": 1})
        assert error["code"] == "invalid_message" and "hello" in error["error"]
        for wrong in ({"events": -1}, {"events": "1"}, {"bytes": 1.5}):
            error = await client.error({"type": "credit", **wrong, "request_id": "r"})
            assert (error["code"], error["request_id"]) == ("invalid_message", "r")
        await client.subscribe("t")
        await publish(old, {}, {})
        assert len(await quiet(client)) == 1


async def test_a_group_counts_what_its_members_have_and_have_not_done(router):
    """The one that takes long is given nothing more as long as the other is free."""
    async with await connect(router, hello={"credit": {"events": 10}}) as long, \
            await connect(router, hello={"credit": {"events": 10}}) as quick, await connect(router) as other:
        for member in (long, quick):
            await member.subscribe("t", group="workers")
        await publish(other, {}, {})
        assert [len(await quiet(member)) for member in (long, quick)] == [1, 1]
        for _ in range(5):
            await quick.send({"type": "credit", "events": 1})
            await quick.ping()
            await publish(other, {})
            assert [len(await quiet(member)) for member in (long, quick)] == [0, 1]


async def test_the_operator_sees_who_takes_no_more(start):
    router = start()
    async with await connect(router, hello={"credit": {"events": 1}, "client": "slow/1"}) as slow:
        await slow.subscribe("t")
        await publish(slow, {}, {})
        assert len(await quiet(slow)) == 1
        [client] = (await control(router, "clients", "--json")).json["clients"]
        assert (client["awaits_credit"], client["held"], client["waiting_events"]) == (True, 1, 1)
        text = (await control(router, "clients")).out
        assert "(it has 1, and takes no more)" in text


async def test_a_connection_that_grants_nothing_is_alive_and_drains_late(start):
    """Its events are what is left at the end; nobody else is held up."""
    router = start(drain__timeout="1s", log__format="json")
    async with await connect(router, hello={"credit": {"events": 0}}) as starved, await connect(router) as other:
        await starved.subscribe("t")
        await other.subscribe("t")
        reply = await other.publish({"topic": "t"}, receipt="dispatched")
        assert reply["matched"] == 2
        await other.event()
        router.process.send_signal(signal.SIGTERM)
        assert (await starved.closed())[0] == 1001
        await asyncio.to_thread(router.ended)
        assert drain_result(router.log()).left == {5: 1}
