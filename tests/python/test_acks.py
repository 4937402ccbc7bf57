"""Acknowledged delivery, over real sockets."""
import asyncio
import signal
import time

import pytest

from client import TIME, connect, until
from control import control
from draining import drain_result


async def worker(router, group=None, **wanted):
    client = await connect(router, hello={})
    await client.subscribe("t", ack=True, **({"group": group} if group else {}), **wanted)
    return client


async def delivery(client) -> dict:
    return await client.expect("event")


async def ack(client, message, kind="ack", **more) -> dict:
    return await client.ask({"type": kind, "delivery_id": message["delivery_id"], "request_id": "a", **more})


async def nothing(client) -> bool:
    await client.ping()
    await client.ping()
    return not client.kept


async def test_a_delivery_is_acknowledged_once_and_tells_of_itself(router):
    async with await worker(router) as one, await connect(router) as other:
        assert "ack" in one.greeting["features"]
        await other.publish({"topic": "t", "id": "e", "payload": {"x": 1.50}})
        message = await delivery(one)
        event = message["event"]
        assert (event["id"], event["delivery_attempts"], event["delivery_status"], event["delivery_error"]) == ("e", 1, "pending", None)
        assert TIME.fullmatch(event["last_delivery_attempt"]) and set(message) == {"type", "event", "delivery_id", "subscription_id"}
        assert len(event) == 14
        assert await ack(one, message) == {"type": "acknowledged", "delivery_id": message["delivery_id"], "request_id": "a"}
        again = await ack(one, message)
        assert (again["type"], again["code"], again["request_id"]) == ("error", "not_found", "a")


async def test_lean_deliveries_carry_it_too(router):
    async with await connect(router, hello={"lean": True}) as one:
        sub = (await one.subscribed("t", ack=True))["sub"]
        await one.publish({"topic": "t"})
        message = await delivery(one)
        assert set(message) == {"type", "event", "delivery_id", "sub"} and message["sub"] == sub
        assert message["event"]["delivery_attempts"] == 1


async def test_only_so_many_are_under_way_and_the_urgent_passes_what_waits(router):
    async with await worker(router, max_in_flight=2) as one, await connect(router) as other:
        for number, priority in enumerate([1, 1, 1, 10, 5]):
            await other.publish({"topic": "t", "priority": priority, "payload": number}, receipt="dispatched")
        first, second = await delivery(one), await delivery(one)
        assert await nothing(one)
        order = []
        for message in (first, second):
            await ack(one, message)
        for _ in range(3):
            message = await delivery(one)
            order.append(message["event"]["payload"])
            await ack(one, message)
        assert order == [3, 4, 2]


async def test_what_is_refused_comes_again_with_the_reason_and_then_is_a_dead_letter(router):
    async with await worker(router, max_retries=1) as one:
        await one.publish({"topic": "t", "id": "e"})
        await ack(one, await delivery(one), "nack", delay_ms=0, reason="no \"disk\"")
        message = await delivery(one)
        event = message["event"]
        assert (event["delivery_attempts"], event["delivery_status"], event["delivery_error"]) == (2, "retrying", 'no "disk"')
        await ack(one, message, "nack")
        assert await nothing(one) or [kept["type"] for kept in one.kept] == ["gap"]
        letters = (await control(router, "dead-letters", "list", "--json")).json["dead_letters"]
        assert [(letter["id"], letter["reason"]) for letter in letters] == [("e", "retries")]


async def test_a_delay_is_kept(router):
    async with await worker(router) as one:
        await one.publish({"topic": "t"})
        start = time.monotonic()
        await ack(one, await delivery(one), "nack", delay_ms=700)
        await delivery(one)
        assert time.monotonic() - start >= 0.7


async def test_who_does_not_answer_loses_it_to_another(router):
    async with await worker(router, "g", ack_timeout_ms=300, max_in_flight=1, max_retries=1000) as dead, \
            await connect(router) as other:
        await other.publish({"topic": "t", "id": "e"})
        await delivery(dead)
        async with await worker(router, "g", ack_timeout_ms=300, max_in_flight=1, max_retries=1000) as alive:
            # Whichever of them gets it next, it comes to the one that answers in the end.
            message = await delivery(alive)
            assert message["event"]["id"] == "e" and message["event"]["delivery_attempts"] >= 2
            assert message["event"]["delivery_error"] == "not acknowledged in time"
            await ack(alive, message)


async def test_who_says_that_it_is_still_working_keeps_it(router):
    async with await worker(router, ack_timeout_ms=300) as one:
        await one.publish({"topic": "t"})
        message = await delivery(one)
        for _ in range(10):
            await asyncio.sleep(0.1)
            assert (await ack(one, message, "in_progress"))["type"] == "acknowledged"
        assert (await ack(one, message))["type"] == "acknowledged"
        assert await nothing(one)


async def test_who_disconnects_gives_back_at_once(router):
    """To a member of its group, in order of priority."""
    first = await worker(router, "g", max_in_flight=10)
    async with await connect(router) as other:
        for priority in (1, 9, 5):
            await other.publish({"topic": "t", "priority": priority}, receipt="dispatched")
        for _ in range(3):
            await delivery(first)
        async with await worker(router, "g", max_in_flight=10) as second:
            await first.socket.close()
            messages = [await delivery(second) for _ in range(3)]
        assert [message["event"]["priority"] for message in messages] == [9, 5, 1]
        assert {message["event"]["delivery_error"] for message in messages} == {"the subscriber disconnected"}


async def test_the_free_member_gets_what_waits_for_all(router):
    """What waits is nobody's: a member that thinks for long does not hoard it."""
    async with await worker(router, "g", max_in_flight=1) as slow, \
            await worker(router, "g", max_in_flight=1) as quick, await connect(router) as other:
        for number in range(6):
            await other.publish({"topic": "t", "payload": number}, receipt="dispatched")
        done = []
        await delivery(slow)
        for _ in range(5):
            message = await delivery(quick)
            done.append(message["event"]["payload"])
            await ack(quick, message)
        assert await nothing(slow) and await nothing(quick)
        assert len(set(done)) == 5


async def test_members_with_other_filters_get_only_what_they_want(router):
    async with await worker(router, "g", priorities=[5], max_in_flight=1) as urgent, await connect(router) as other:
        await other.publish({"topic": "t", "priority": 7, "id": "a"})
        await delivery(urgent)
        async with await worker(router, "g", max_in_flight=1) as any_level:
            await urgent.socket.close()
            assert (await delivery(any_level))["event"]["id"] == "a"


async def test_the_last_one_that_leaves_leaves_dead_letters(router):
    one = await worker(router)
    async with await connect(router) as other:
        await other.publish({"topic": "t", "id": "e"}, receipt="dispatched")
        await delivery(one)
        await one.socket.close()

        async def letters():
            return (await control(router, "dead-letters", "list", "--json")).json["dead_letters"]
        [letter] = await until(letters, "a dead letter")
        assert (letter["id"], letter["reason"]) == ("e", "disconnected")


async def test_bad_acknowledgements_are_errors(router):
    async with await worker(router) as one, await worker(router) as other:
        await one.publish({"topic": "t"})
        mine, _ = await delivery(one), await delivery(other)
        for wrong in ("", "x", "1", "1-", "-1", "1-99999", "99-1", "1-1-1"):
            if wrong != mine["delivery_id"]:
                error = await one.error({"type": "ack", "delivery_id": wrong})
                assert error["code"] == "not_found"
        for wrong in ({}, {"delivery_id": 5}, {"delivery_id": None}):
            assert (await one.error({"type": "ack", **wrong}))["code"] == "invalid_message"
        for wrong in ({"delay_ms": -1}, {"delay_ms": "1"}, {"reason": 5}, {"reason": "x" * 2000}):
            error = await one.error({"type": "nack", "delivery_id": mine["delivery_id"], **wrong})
            assert error["code"] == "invalid_message"
        assert (await ack(one, mine))["type"] == "acknowledged"


async def test_expired_ones_are_not_tried_again(router):
    async with await worker(router) as one:
        await one.publish({"topic": "t", "id": "e"}, ttl_ms=200)
        await ack(one, await delivery(one), "nack", delay_ms=400)
        gap = await one.expect("gap")
        assert gap["expired"] == {"5": 1}


@pytest.mark.parametrize("spooled", [False, True])
async def test_a_drain_waits_for_acknowledgements_and_keeps_what_is_left(start, tmp_path, spooled):
    settings = {"drain__timeout": "500ms"}
    if spooled:
        settings["drain__spool"] = str(tmp_path / "spool")
    router = start(log__format="json", **settings)
    async with await worker(router, max_in_flight=1) as one:
        for number in range(3):
            await one.publish({"topic": "t", "payload": number}, receipt="dispatched")
        message = await delivery(one)
        router.process.send_signal(signal.SIGTERM)
        await one.expect("draining")
        await ack(one, message)
        await delivery(one)
        assert (await one.closed())[0] == 1001
    await asyncio.to_thread(router.ended)
    assert drain_result(router.log()).left == {5: 2}


async def test_who_asks_for_it_is_told_what_waits(router):
    async with await worker(router, max_in_flight=1, backlog_interval_ms=1000) as one:
        assert "backlog" in one.greeting["features"]
        for priority in (5, 1, 9):
            await one.publish({"topic": "t", "priority": priority})
        await one.expect("event")
        told = await one.expect("backlog")
        assert (told["waiting"], told["more"], told["highest_priority"], told["subscription_id"]) == (2, False, 9, told["subscription_id"])
        later = await one.expect("backlog")
        assert later["oldest_age_ms"] > told["oldest_age_ms"]


async def test_dead_letters_are_events_for_those_who_ask_for_them(router):
    async with await worker(router, max_retries=0) as one, await connect(router, hello={}) as mourner, await connect(router) as other:
        assert "dead_letters" in one.greeting["features"]
        await mourner.subscribe("$dead.*")
        await other.subscribe("*")
        await one.publish({"topic": "t", "id": "e", "priority": 7, "payload": {"x": 1}})
        await ack(one, await delivery(one), "nack", reason="no disk")
        event = await mourner.event()
        assert (event["topic"], event["type"], event["source"], event["priority"]) == ("$dead.retries", "system.info", "gadugi-router", 7)
        payload = event["payload"]
        assert (payload["reason"], payload["event"]["id"], payload["event"]["payload"]) == ("retries", "e", {"x": 1})
        assert payload["attempts"][0]["error"] == "no disk" and TIME.fullmatch(payload["attempts"][0]["at"]) and TIME.fullmatch(payload["died_at"])
        assert await other.drained_topics() == ["t"]
        error = await other.error({"type": "publish", "event": {"topic": "$dead.retries"}})
        assert error["code"] == "invalid_event" and "$dead." in error["error"]
        batch = await one.ask({"type": "publish_batch", "events": [{"topic": "$dead.x"}, {"topic": "t"}]})
        assert [result["status"] for result in batch["results"]] == ["rejected", "queued"]


async def test_a_mandatory_event_that_nobody_wants_is_a_dead_letter(start):
    router = start(store__kind="memory", store__rule='[{ topics = ["s.**"] }]')
    async with await connect(router, hello={}) as client:
        assert "mandatory" in client.greeting["features"]
        await client.publish({"topic": "t", "id": "plain"}, receipt="dispatched")
        await client.publish({"topic": "s.a", "id": "stored"}, mandatory=True, receipt="dispatched")
        answer = await client.publish({"topic": "t", "id": "mandatory"}, mandatory=True, receipt="dispatched")
        assert (answer["status"], answer["matched"]) == ("queued", 0)
        letters = (await control(router, "dead-letters", "list", "--reason", "no_subscriber", "--json")).json["dead_letters"]
        assert [letter["id"] for letter in letters] == ["mandatory"]
        assert (await control(router, "publish", "t", "--mandatory")).code == 0
        assert len((await control(router, "dead-letters", "list", "--json")).json["dead_letters"]) == 2
