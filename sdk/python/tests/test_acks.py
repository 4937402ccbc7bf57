"""Acknowledged delivery, durable names, replay and dead letters, against a real router."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta, timezone

import pytest
from helpers import quick, until

from gadugi_router import Delivery, EventRouterClient, InvalidSubscription, Nack

RULE = '[{ topics = ["s.**"] }]'


@pytest.fixture
def storing(start, tmp_path):
    """Starts a router with a store; with the same file each time, on the same port if it is named."""

    def start_one(**settings):
        return start(store__rule=RULE, store__kind="sqlite", store__path=str(tmp_path / "events.db"), **settings)

    return start_one


async def test_an_event_is_done_when_its_handler_returns_and_comes_again_when_it_raises(router):
    async with quick(router.url) as client:
        seen, errors = [], []
        client.on_error(errors.append)

        async def handle(event):
            seen.append((event.payload, event.delivery_attempts, event.delivery_error))
            if len(seen) == 1:
                raise ValueError("no disk")
            if len(seen) == 2:
                raise Nack("later", delay=0)

        await client.subscribe(["t"], callback=handle, ack=True)
        await client.publish("t", 1)
        await until(lambda: len(seen) == 3, "the third attempt")
        assert seen == [(1, 1, None), (1, 2, "ValueError: no disk"), (1, 3, "later")]
        assert [str(error.error) for error in errors] == ["no disk"]
        await client.publish("t", 2)
        await until(lambda: len(seen) == 4, "the next event")


async def test_what_waits_waits_in_the_router_the_most_urgent_first(router):
    async with quick(router.url) as client, quick(router.url) as publisher:
        order, go = [], asyncio.Event()

        async def handle(event):
            await go.wait()
            order.append(event.payload)

        await client.subscribe(["t"], callback=handle, ack=True)
        for number, priority in enumerate([5, 1, 5, 9, 10]):
            await publisher.publish("t", number, priority=priority, receipt="dispatched")
        go.set()
        await until(lambda: len(order) == 5, "all events")
        assert order == [0, 4, 3, 2, 1]


async def test_a_handler_may_take_longer_than_the_time_out(router):
    async with quick(router.url) as client:
        seen = []

        async def handle(event):
            seen.append(event.delivery_attempts)
            await asyncio.sleep(1.0)

        await client.subscribe(["t"], callback=handle, ack=True, ack_timeout=0.3)
        await client.publish("t")
        await client.publish("t")
        await until(lambda: len(seen) == 2, "the second event, when the first is done")
        assert seen == [1, 1]


async def test_without_heartbeats_it_is_given_to_another(router):
    async with quick(router.url) as slow, quick(router.url) as other:
        attempts: list[int] = []

        async def hang(event):
            await asyncio.Event().wait()

        options = {"group": "g", "ack": True, "ack_timeout": 0.2}
        await slow.subscribe(["t"], callback=hang, heartbeat=False, **options)
        await slow.publish("t", receipt="dispatched")
        await other.subscribe(["t"], callback=lambda event: attempts.append(event.delivery_attempts), **options)
        await until(lambda: attempts == [2], "the other has it")


async def test_a_client_that_goes_gives_back_what_it_has(router):
    async with quick(router.url) as other:
        attempts: list[int] = []
        options = {"group": "g", "ack": "manual", "max_in_flight": 4}
        client = quick(router.url)
        await client.connect()
        held: list[Delivery] = []
        await client.subscribe(["t"], callback=held.append, **options)
        for _ in range(3):
            await other.publish("t", receipt="dispatched")
        await until(lambda: len(held) == 3, "all of them")
        assert held[0].ack() and not held[0].is_current and not held[0].ack()
        await other.subscribe(
            ["t"], callback=lambda delivery: (attempts.append(delivery.attempt), delivery.ack()), **options
        )
        await client.disconnect()
        await until(lambda: attempts == [2, 2], "the other has the two that were not acknowledged")
        assert not held[1].is_current and not held[1].ack()


async def test_deliveries_of_a_lost_connection_are_not_acknowledged_on_the_next(router, proxy):
    async with (
        proxy(router.port) as through,
        quick(through.url) as client,
        quick(router.url) as publisher,
        client.deliveries("t", max_in_flight=1) as deliveries,
    ):
        await client.ping()
        await publisher.publish("t", "a", receipt="dispatched")
        first = await deliveries.__anext__()
        through.cut()
        await until(lambda: not first.is_current, "the connection is lost")
        assert not first.ack() and not first.in_progress()


async def test_dead_letters_are_told_with_their_history(router):
    async with quick(router.url) as client:
        letters = []
        await client.subscribe_dead_letters(letters.append, "retries")

        def fail(event):
            raise Nack("never", delay=0)

        await client.subscribe(["t"], callback=fail, ack=True, max_retries=1)
        await client.publish("t", {"x": 1}, event_id="e")
        await until(lambda: letters, "the dead letter")
        letter = letters[0]
        assert (letter.event.id, letter.event.payload, letter.reason) == ("e", {"x": 1}, "retries")
        assert [attempt["error"] for attempt in letter.attempts] == ["never", "never"]


async def test_backlogs_are_told(router):
    async with quick(router.url) as client:
        told = []
        client.on_backlog(told.append)
        hold = asyncio.Event()

        async def wait(event):
            await hold.wait()

        name = await client.subscribe(["t"], callback=wait, ack=True, backlog_interval=1.0)
        for priority in (5, 7):
            await client.publish("t", priority=priority)
        await until(lambda: told, "a backlog")
        assert (told[0].subscription_id, told[0].waiting, told[0].more) == (name, 1, False)
        hold.set()


async def test_a_durable_name_survives_client_and_router(storing):
    router = storing()
    seen: list[int] = []

    async def worker(url):
        client = quick(url)
        await client.connect()
        await client.subscribe(["s.*"], callback=lambda event: seen.append(event.payload), ack=True, durable="d")
        return client

    client = await worker(router.url)
    async with quick(router.url) as publisher:
        result = await publisher.publish("s.a", 1)
        assert result.sequence == 1
        await until(lambda: seen == [1], "the first")
        await client.disconnect()
        assert [(await publisher.publish("s.a", number)).sequence for number in (2, 3)] == [2, 3]
    await asyncio.to_thread(router.stop)
    router = storing()
    client = await worker(router.url)
    await until(lambda: seen == [1, 2, 3], "what came meanwhile, and nothing twice")
    name = next(iter(client.subscriptions))
    assert await client.unsubscribe(name, forget=True)
    await client.disconnect()


async def test_a_replay_goes_on_where_it_was_after_a_lost_connection(storing, proxy):
    router = storing()
    async with (
        proxy(router.port) as through,
        quick(router.url) as publisher,
        quick(through.url) as client,
    ):
        for number in range(20):
            await publisher.publish("s.a", number, priority=number % 10 + 1)
        seen, replayed = [], []
        client.on_replayed(replayed.append)
        name = await client.subscribe(["s.a"], callback=lambda event: seen.append(event.payload), from_sequence=6)
        await until(lambda: replayed == [name], "the end of what is stored")
        assert seen == list(range(5, 20))
        through.cut()
        await publisher.publish("s.a", 20)
        await until(lambda: seen == list(range(5, 21)), "what came meanwhile, and nothing twice")


async def test_a_replay_begins_where_it_is_told_to(storing):
    router = storing()
    async with quick(router.url) as client:
        for number in range(5):
            await client.publish("s.a", number)
        for options, expected in [
            ({"last": 2}, [3, 4]),
            ({"from_time": datetime.now(timezone.utc) - timedelta(hours=1)}, [0, 1, 2, 3, 4]),
            ({"from_time": datetime.now(timezone.utc) + timedelta(hours=1)}, []),
        ]:
            seen, replayed = [], []
            client.on_replayed(replayed.append)
            name = await client.subscribe(["s.a"], callback=lambda event, to=seen: to.append(event.payload), **options)
            await until(lambda of=replayed, name=name: name in of, "the end of what is stored")
            assert seen == expected
            await client.unsubscribe(name)


async def test_what_does_not_go_together_is_said_at_once(router):
    async with quick(router.url) as client:
        for options, words in [
            ({"durable": "d"}, "durable needs ack"),
            ({"ack": "by hand"}, "ack is True"),
            ({"last": 1, "from_sequence": 2}, "exclude each other"),
            ({"from_time": datetime(2026, 1, 1)}, "time zone"),
        ]:
            with pytest.raises(ValueError, match=words):
                await client.subscribe(["t"], **options)
        with pytest.raises(Exception, match="durable"):
            await client.subscribe(["t"], ack=True, durable="d")


async def test_a_durable_name_needs_topics_that_are_stored(storing):
    async with EventRouterClient(storing().url) as client:
        with pytest.raises(InvalidSubscription, match=r"lies within no \[\[store.rule\]\]"):
            await client.subscribe(["t"], ack=True, durable="d")


async def test_what_the_store_refuses_is_a_result_with_a_reason(storing, tmp_path):
    import sqlite3

    router = storing()
    async with quick(router.url) as client:
        with contextlib.closing(sqlite3.connect(tmp_path / "events.db", isolation_level=None)) as holder:
            await client.publish("s.a")
            holder.execute("BEGIN IMMEDIATE")
            result = await client.publish("s.a")
            assert not result and result.reason == "store_unavailable" and "events.db" in (result.detail or "")
            holder.execute("ROLLBACK")
