"""Stored events: confirmed when they are safe, kept for durable subscriptions, replayed; over real sockets."""
import asyncio
import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

from client import connect, until
from control import control
from routers import program
from storing import KINDS, RULES, ack, durable, numbers, take


@pytest.mark.parametrize("kind", KINDS)
async def test_stored_events_are_confirmed_with_their_number_and_others_as_before(storing, kind):
    async with await connect(storing(kind), hello={}) as client:
        assert {"ack", "durable", "replay", "store"} <= set(client.greeting["features"])
        await client.subscribe("**")
        assert [(await client.publish({"topic": topic, "id": topic})).get("sequence") for topic in ("s.a", "t", "x")] == [1, None, 2]
        assert (await client.publish({"topic": "s.b"}, receipt="dispatched")) | {"event_id": ""} == {
            "type": "published", "event_id": "", "status": "queued", "sequence": 3, "matched": 1, "refused": {}}
        # Who does not ask for numbers gets none.
        assert all(set(message) == {"type", "event", "subscription_id"} for message in await client.drain())
        batch = await client.ask({"type": "publish_batch", "events": [{"topic": "s.c"}, {"topic": "t"}, {}, {"topic": "s.d"}]})
        assert [result.get("sequence") for result in batch["results"]] == [4, None, None, 5]


async def test_a_router_without_a_store_says_so(router):
    async with await connect(router, hello={}) as client:
        assert "store" not in client.greeting["features"]
        for wanted in ({"durable": "d", "ack": True}, {"from": {"last": 1}}):
            error = await client.error({"type": "subscribe", "subscription": {"topics": ["s.a"], **wanted}})
            assert error["code"] == "invalid_subscription" and "[store]" in error["error"]


async def test_what_can_not_be_kept_is_refused_with_what_would_be_right(storing):
    async with await connect(storing(), hello={}) as client:
        for wanted, words in [
            ({"topics": ["s.*", "t"], "durable": "d", "ack": True}, "`t` lies within no [[store.rule]]; they are for s.**, x"),
            ({"topics": [], "durable": "d", "ack": True}, "`*` lies within no"),
            ({"topics": ["s.a"], "durable": "d"}, "`durable` needs `ack`: true"),
            ({"topics": ["s.a"], "durable": "", "ack": True}, "must not be empty"),
            ({"topics": ["s.a"], "durable": "d", "ack": True, "group": "g"}, "exclude each other"),
            ({"topics": ["s.a"], "from": {"last": 1}, "group": "g"}, "exclude each other"),
            ({"topics": ["s.a"], "from": {"last": 1}, "ack": True}, "needs `durable`"),
            ({"topics": ["s.a"], "from": {"last": -1}}, "`from.last` must be a whole number from 0; got -1"),
            ({"topics": ["s.a"], "from": {"time": "yesterday"}}, "`from.time` must be a time"),
            ({"topics": ["s.a"], "from": {}}, "`from` is empty"),
            ({"topics": ["s.a"], "from": {"last": 1, "sequence": 1}}, "one key"),
            ({"topics": ["s.a"], "from": {"first": 1}}, "unknown key `from.first`"),
        ]:
            error = await client.error({"type": "subscribe", "subscription": wanted})
            assert error["code"] == "invalid_subscription" and words in error["error"], error


@pytest.mark.parametrize("kind", KINDS)
async def test_a_durable_subscription_goes_on_after_the_last_acknowledged_event(storing, kind):
    router = storing(kind)
    async with await connect(router, hello={}) as publisher:
        await publisher.publish({"topic": "s.before"})
        async with await durable(router) as one:
            first = []
            for priority in (5, 1, 9, 5):
                await publisher.publish({"topic": "s.a", "priority": priority})
                # One after the other: what waits together comes by priority.
                first.append(await one.expect("event"))
            assert numbers(first) == [2, 3, 4, 5]
            await ack(one, first[0])
            await ack(one, first[2])
        for priority in (1, 10):
            await publisher.publish({"topic": "s.away", "priority": priority})
        async with await durable(router) as one:
            again = await take(one, 4)
            # The highest level first, each in its order.
            assert numbers(again) == [7, 5, 3, 6]
            assert (await one.drain()) == []


async def test_a_new_durable_subscription_begins_where_it_wants(storing):
    router = storing()
    async with await connect(router, hello={}) as publisher:
        for _ in range(5):
            await publisher.publish({"topic": "s.a"})
        for name, start, expected in [("seq", {"sequence": 3}, [3, 4, 5]), ("last", {"last": 2}, [4, 5]), ("all", {"sequence": 0}, [1, 2, 3, 4, 5]),
                                      ("time", {"time": "2020-01-01T00:00:00Z"}, [1, 2, 3, 4, 5])]:
            async with await durable(router, name, **{"from": start}) as one:
                assert numbers(await take(one, len(expected))) == expected
            # It is not new any more.
            async with await durable(router, name, **{"from": start}) as one:
                assert await one.drain() == []


async def test_clients_with_one_durable_name_share_its_events(storing):
    router = storing()
    async with await connect(router, hello={}) as publisher, await durable(router, max_in_flight=1) as one:
        async with await durable(router, max_in_flight=1) as other:
            await publisher.publish({"topic": "s.a"})
            await publisher.publish({"topic": "s.b"})
            held, done = await one.expect("event"), await other.expect("event")
            assert {held["sequence"], done["sequence"]} == {1, 2}
            error = await publisher.error({"type": "subscribe", "subscription": {"topics": ["s.a"], "ack": True, "durable": "d"}})
            assert "something else by this `durable` name" in error["error"]
            error = await other.error({"type": "unsubscribe", "subscription_id": other.subscription, "forget": True})
            assert "other clients" in error["error"]
        await ack(one, held)
        assert (await one.expect("event"))["sequence"] == done["sequence"]


async def test_forgotten_a_durable_subscription_begins_anew(storing):
    router = storing()
    async with await durable(router) as one:
        await one.publish({"topic": "s.a"})
        reply = await one.ask({"type": "unsubscribe", "subscription_id": one.subscription, "forget": True})
        assert reply["type"] == "unsubscribed"
    async with await durable(router, **{"from": {"sequence": 1}}) as one:
        assert numbers(await take(one, 1)) == [1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_replay_keeps_the_order_of_publishing_and_then_is_live(storing, kind):
    router = storing(kind)
    async with await connect(router, hello={}) as publisher, await connect(router, hello={}) as client:
        for number in range(20):
            await publisher.publish({"topic": "s.a" if number % 2 else "s.b", "priority": number % 10 + 1, "payload": number})
        for start, expected in [({"sequence": 15}, [16, 18, 20]), ({"last": 4}, [14, 16, 18, 20]), ({"time": "2000-01-01T00:00:00Z"}, [*range(2, 21, 2)]),
                                ({"sequence": 1000}, []), ({"last": 0}, [])]:
            subscription = await client.subscribe("s.a", **{"from": start})
            assert numbers([await client.expect("event") for _ in expected]) == expected
            told = await client.expect("replayed")
            assert (told["subscription_id"], told["sequence"], told["events"]) == (subscription, 20, len(expected)), start
            await client.ask({"type": "unsubscribe", "subscription_id": subscription})
        # With all the filters that a live subscription has.
        await client.subscribe("s.*", priorities=[9], **{"from": {"sequence": 1}})
        assert [(await client.event())["priority"] for _ in range(4)] == [9, 10, 9, 10]
        await client.expect("replayed")
        await publisher.publish({"topic": "s.a", "priority": 9})
        assert (await client.expect("event"))["sequence"] == 21


async def test_a_replay_under_load_has_no_gap_and_no_repeat(storing):
    """And a slow reader, so that pages wait; one who does not replay gets all that is live meanwhile."""
    router, before, while_ = storing(), 3_000, 3_000
    async with await connect(router, hello={}) as publisher, await connect(router, hello={}) as client, await connect(router, hello={}) as live:
        events = [{"topic": "s.a", "priority": number % 10 + 1, "payload": "x" * 200} for number in range(500)]
        for _ in range(before // 500):
            await publisher.ask({"type": "publish_batch", "events": events})
        await live.subscribe("s.a")

        async def publish():
            for _ in range(while_ // 50):
                await publisher.ask({"type": "publish_batch", "events": events[:50]})

        publishing = asyncio.create_task(publish())
        await client.subscribe("s.a", **{"from": {"sequence": 1}})
        found, replayed = [], None
        while len(found) < before + while_:
            message = await client.receive()
            if message["type"] == "replayed":
                replayed = len(found)
                assert message["events"] == replayed
            else:
                found.append(message["sequence"])
        await publishing
        assert replayed and found[:replayed] == list(range(1, replayed + 1))
        assert sorted(found) == list(range(1, before + while_ + 1))
        assert len([await live.event() for _ in range(while_)]) == while_


async def test_a_restart_under_load_loses_nothing_that_was_confirmed(storing):
    router, confirmed, seen = storing(), [], []
    for _ in range(3):
        async with await connect(router, hello={}) as publisher, await durable(router, **{"from": {"sequence": 1}}) as one:
            async def publish():
                while True:
                    reply = await publisher.ask({"type": "publish", "event": {"topic": "s.a", "priority": len(confirmed) % 10 + 1}})
                    if reply.get("status") == "queued":
                        confirmed.append(reply["sequence"])

            async def consume():
                while True:
                    message = await one.receive()
                    if message["type"] == "event":
                        seen.append(message["sequence"])
                        await one.send({"type": "ack", "delivery_id": message["delivery_id"]})

            working = [asyncio.create_task(publish()), asyncio.create_task(consume())]
            before = len(seen)
            await until(lambda: len(seen) > before + 100, "events go through")
            await asyncio.to_thread(router.stop)
            await asyncio.gather(*working, return_exceptions=True)
        router = storing()
    async with await durable(router) as one:
        while set(seen) < set(confirmed):
            message = await one.expect("event")
            seen.append(message["sequence"])
            await ack(one, message)
    assert set(confirmed) <= set(seen)
    # What was acknowledged before the end does not come again.
    assert len(seen) - len(set(seen)) <= 3 * 16


async def test_a_store_that_can_not_be_written_refuses_its_topics_and_nothing_else(storing, tmp_path):
    router = storing()
    async with await connect(router, hello={}) as client, await connect(router) as old:
        await client.publish({"topic": "s.a"})
        holder = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        reply = await client.ask({"type": "publish", "event": {"topic": "s.a"}})
        assert (reply["status"], reply["reason"]) == ("rejected", "store_unavailable") and "events.db" in reply["detail"], reply
        reply = await old.ask({"type": "publish", "event": {"topic": "s.a"}})
        assert (reply["status"], reply["reason"]) == ("dropped", "store_unavailable")
        await client.publish({"topic": "t"})
        health = await client.health()
        assert health["status"] == "degraded" and any("event store" in error for error in health["errors"]), health
        await until(lambda: "degraded: event store" in router.log(), "the log says so")
        holder.execute("ROLLBACK")

        async def taken():
            return (await client.ask({"type": "publish", "event": {"topic": "s.a"}}))["status"] == "queued"

        await until(taken, "the store recovers by itself")
        assert (await client.health())["status"] == "healthy"
        # All that were refused are counted, whether the store took them in first or not; and the log blames no queue.
        await until(lambda: "healthy again" in router.log(), "the log says that too")
        assert (await control(router, "status", "--json")).json["totals"]["refused"] >= 2
        assert "publishes refused" not in router.log()


async def test_urgent_events_pass_those_that_wait_for_the_disk(storing):
    async with await connect(storing(), hello={}) as flood, await connect(storing("memory"), hello={}):
        for _ in range(20):
            await flood.send({"type": "publish_batch", "events": [{"topic": "s.a", "priority": 1, "payload": "z" * 1000}] * 500})
        await flood.send({"type": "publish", "event": {"topic": "s.a", "priority": 10}, "request_id": "urgent"})
        sequences = []
        while len(sequences) < 21:
            reply = await flood.reply()
            sequences.append(reply["sequence"] if reply["type"] == "published" else reply["results"][-1]["sequence"])
            if reply["type"] == "published":
                assert reply["request_id"] == "urgent"
        assert sorted(sequences)[-1] <= 10_001


@pytest.mark.parametrize("what", ["foreign", "nowhere"])
def test_a_store_that_can_not_be_had_ends_the_start_with_a_reason(tmp_path, what):
    path = tmp_path / ("events.db" if what == "foreign" else "nowhere/events.db")
    if what == "foreign":
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE t (x)")
    config = tmp_path / "config.toml"
    config.write_text(f'port = 0\n[store]\nkind = "sqlite"\npath = "{path}"\n{RULES}')
    run = subprocess.run([program(), "-c", config], capture_output=True, text=True, timeout=30)
    assert run.returncode == (78 if what == "foreign" else 69)
    assert str(path) in run.stderr.splitlines()[-1] and "cannot open the event store" in run.stderr


async def test_rules_change_with_a_reload(storing):
    router = storing()
    async with await connect(router, hello={}) as client:
        assert "sequence" not in await client.publish({"topic": "t"})
        router.config_file.write_text('[[store.rule]]\ntopics = ["t"]\nmax_events = 10\n')
        os.kill(router.process.pid, signal.SIGHUP)
        await until(lambda: "store.rule" in router.log(), "the reload is told")

        async def stored():
            return "sequence" in await client.publish({"topic": "t"})

        await until(stored, "the new rule is in force")
        assert "sequence" not in await client.publish({"topic": "s.a"})


async def test_the_file_is_read_by_the_plain_sqlite_program(storing, tmp_path):
    router = storing()
    async with await connect(router, hello={}) as client:
        await client.publish({"topic": "s.a", "id": "e", "payload": {"x": 1.25}}, ttl_ms=100_000)
        with sqlite3.connect(f"file:{tmp_path / 'events.db'}?mode=ro", uri=True) as reader:
            sequence, topic, priority, text, expires = reader.execute("SELECT sequence, topic, priority, event, expires > stored FROM events").fetchone()
        assert (sequence, topic, priority, json.loads(text)["id"], expires) == (1, "s.a", 5, "e", 1)
        assert '"x":1.25' in text.replace(" ", "")


async def test_an_event_whose_time_is_over_is_not_delivered_to_who_comes_later(storing):
    router = storing()
    async with await durable(router):
        pass
    async with await connect(router, hello={}) as publisher:
        await publisher.publish({"topic": "s.a", "id": "short"}, ttl_ms=1)
        await publisher.publish({"topic": "s.a", "id": "long"})
        await asyncio.sleep(0.05)
        async with await durable(router) as one:
            gap = await one.expect("gap")
            assert gap["expired"] == {"5": 1}
            assert [message["event"]["id"] for message in await take(one, 1)] == ["long"]
            assert await one.drain() == []


async def test_attempts_count_on_after_the_router_is_stopped_and_after_it_is_killed(storing, tmp_path):
    """An event that nobody can do must not come for ever because the router is restarted now and then."""
    def is_noted(count):
        with closing(sqlite3.connect(f"file:{tmp_path / 'events.db'}?mode=ro", uri=True)) as file:
            rows = file.execute("SELECT json_array_length(attempts) FROM durable_tried").fetchall()
        return rows == [(count,)]

    for attempt in range(1, 4):
        router = storing()
        async with await durable(router, max_retries=2) as worker:
            if attempt == 1:
                async with await connect(router, hello={}) as publisher:
                    assert (await publisher.publish({"topic": "s.a", "id": "poison"}))["sequence"] == 1
            message = await worker.expect("event")
            assert message["event"]["delivery_attempts"] == attempt, message
            assert message["event"]["delivery_error"] == (f"no disk {attempt - 1}" if attempt > 1 else None)
            # So late that it is this run's last.
            await ack(worker, message, "nack", delay_ms=3_600_000, reason=f"no disk {attempt}")
            if attempt < 3:
                await until(lambda: is_noted(attempt), "the attempt is noted")
                # With the second the router is killed while the client is there.
                if attempt == 2:
                    router.kill()
                    continue
            else:
                shown = (await control(router, "dead-letters", "show", "poison", "--json")).json
                letter = shown["dead_letters"][0]
                assert letter["reason"] == "retries"
                assert [tried["error"] for tried in letter["attempts"]] == ["no disk 1", "no disk 2", "no disk 3"]
        router.stop()
    assert not is_noted(3)
