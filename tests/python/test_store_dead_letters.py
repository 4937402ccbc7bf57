"""Dead letters that the event store keeps."""
import asyncio

import pytest

from client import connect, until
from control import control
from draining import drain_result
from stalled import numbered, publish_in_order, stalled_subscriber
from storing import KINDS, ack, durable


@pytest.mark.parametrize("kind", KINDS)
async def test_dead_letters_are_kept_by_the_store_with_what_was_tried(storing, kind):
    router = storing(kind)
    async with await connect(router, hello={}) as publisher, await durable(router, max_retries=1) as subscriber:
        await publisher.publish({"topic": "s.a", "id": "poison", "priority": 8})
        await publisher.publish({"topic": "t", "id": "late"}, ttl_ms=1)
        for _ in range(2):
            message = await subscriber.expect("event")
            await ack(subscriber, message, "nack", delay_ms=0, reason="no \"disk\"")

    async def letters(*words):
        return (await control(router, "dead-letters", "list", "--json", *words)).json["dead_letters"]

    async def is_dead():
        return [letter["id"] for letter in await letters("--reason", "retries")] == ["poison"]

    await until(is_dead, "it is given up")
    if kind == "sqlite":
        router.stop()
        router = storing(kind)
    [letter] = await letters("--topic", "s.*")
    assert (letter["reason"], letter["priority"], [tried["error"] for tried in letter["attempts"]]) == ("retries", 8, ['no "disk"'] * 2)
    assert 0 <= letter["age"] < 600 and await letters("--topic", "t", "--reason", "retries") == []
    shown = (await control(router, "dead-letters", "show", "poison")).out
    assert shown.count('ago: no "disk"\n') == 2 and '"id":"poison"' in shown
    refused = await control(router, "dead-letters", "list", "--reason", "bad")
    assert refused.code == 64 and "it is one of evicted, expired" in refused.err
    # Who takes it out of the dead letters takes it out of the store.
    async with await durable(router, max_retries=1) as subscriber:
        assert (await control(router, "dead-letters", "requeue", "--reason", "retries", "--json")).json == {"events": 1, "letters": 1, "refused": 0}
        message = await subscriber.expect("event")
        assert message["event"]["id"] == "poison"
        await ack(subscriber, message)
    if kind == "sqlite":
        router.stop()
        router = storing(kind)
    assert await letters("--reason", "retries") == []


async def test_what_a_drain_gives_up_is_with_the_dead_letters_of_the_next_run(storing):
    router = storing(drain__timeout="50ms", log__format="json")
    stalled = await stalled_subscriber(router, "t")
    await publish_in_order(router, [numbered("t", 5, number) for number in range(5_000)], receipt="dispatched")
    await asyncio.to_thread(router.stop)
    left = drain_result(router.log()).left.total()
    stalled.vanish()
    assert "they are dead letters in the event store" in router.log()
    router = storing()
    letters = (await control(router, "dead-letters", "list", "--json", "-n", "9999", "--reason", "drain")).json["dead_letters"]
    assert len(letters) == min(left, 1_000) and {letter["topic"] for letter in letters} == {"t"}
