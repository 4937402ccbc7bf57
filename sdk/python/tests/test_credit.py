"""Flow control: what is granted when, and what that keeps from happening."""

import asyncio

import pytest
from helpers import collect, quick, until

from gadugi_router import EventRouterClient
from gadugi_router.credit import Credit

SIZE = 100


class Wire:
    """Keeps what was granted."""

    def __init__(self):
        self.grants: list[tuple[int, int]] = []
        self.is_open = True

    def __call__(self, events, size):
        if self.is_open:
            self.grants.append((events, size))
        return self.is_open


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""
    now = [1000.0]
    monkeypatch.setattr("gadugi_router.credit.time.monotonic", lambda: now[0])
    return now


def begun(wire, window, window_bytes=10**6):
    credit = Credit(window_bytes, wire)
    credit.resize(window)
    assert credit.room(False) == {"events": window, "bytes": window_bytes}
    credit.begin(True)
    return credit


def came(credit, count):
    for _ in range(count):
        credit.came(SIZE)


def done(credit, count):
    for _ in range(count):
        credit.done(SIZE)


def test_a_fast_handler_grants_in_large_steps(clock):
    wire = Wire()
    credit = begun(wire, 100)
    came(credit, 100)
    done(credit, 1)
    assert wire.grants == [(1, SIZE)], "the last grant was long ago"
    done(credit, 49)
    assert len(wire.grants) == 1
    done(credit, 1)
    assert wire.grants[1:] == [(50, 50 * SIZE)]


def test_a_slow_handler_grants_singly(clock):
    wire = Wire()
    credit = begun(wire, 100)
    came(credit, 100)
    for _ in range(5):
        clock[0] += 0.01
        done(credit, 1)
    assert wire.grants == [(1, SIZE)] * 5


def test_bytes_are_granted_when_half_of_them_are_owed(clock):
    wire = Wire()
    credit = begun(wire, 10_000, window_bytes=10 * SIZE)
    came(credit, 10)
    done(credit, 1)
    wire.grants.clear()
    done(credit, 4)
    assert wire.grants == []
    done(credit, 1)
    assert wire.grants == [(5, 5 * SIZE)]


def test_what_is_held_over_from_the_last_session_counts(clock):
    wire = Wire()
    credit = begun(wire, 10)
    came(credit, 4)
    wire.is_open = False
    assert credit.room(False) == {"events": 6, "bytes": 10**6 - 4 * SIZE}
    done(credit, 4)
    wire.is_open = True
    credit.begin(True)
    assert wire.grants == [(4, 4 * SIZE)]


def test_a_smaller_window_is_said_by_another_hello_and_what_was_under_way_is_counted(clock):
    wire = Wire()
    credit = begun(wire, 100)
    came(credit, 10)
    assert not credit.resize(32)
    assert credit.room(True)["events"] == 22
    came(credit, 30)
    done(credit, 5)
    assert wire.grants == [], "it would add to what that hello says"
    credit.begin(True)
    # 35 are here, and 22 may come.
    done(credit, 25)
    assert wire.grants == []
    clock[0] += 1
    done(credit, 1)
    assert [events for events, _ in wire.grants] == [1]


def test_of_two_hellos_the_second_counts(clock):
    credit = begun(Wire(), 100)
    assert not credit.resize(50)
    credit.room(True)
    credit.resize(20)
    credit.room(True)
    credit.begin(True)
    assert not credit.is_used
    credit.begin(True)
    assert credit.is_used


def test_a_reply_that_is_awaited_gets_credit_when_nothing_else_has_any(clock):
    wire = Wire()
    credit = begun(wire, 4)
    came(credit, 4)
    credit.expect_reply(1)
    assert len(wire.grants) == 1 and wire.grants[0][0] == 32
    came(credit, 32)
    assert len(wire.grants) == 2
    credit.expect_reply(-1)
    came(credit, 32)
    assert len(wire.grants) == 2


def test_a_router_without_it_is_granted_nothing():
    wire = Wire()
    credit = Credit(10**6, wire)
    credit.resize(2)
    credit.room(False)
    credit.begin(False)
    came(credit, 10)
    done(credit, 10)
    assert wire.grants == [] and not credit.is_used


async def test_who_joins_a_group_later_leaves_to_others_what_it_has_not_begun(router):
    """It was connected with all the room that it has."""
    async with quick(router.url) as publisher, quick(router.url) as first, quick(router.url) as second:
        go_on, taken = asyncio.Event(), []

        async def handle(event):
            await go_on.wait()
            taken.append(event.payload)

        collect(first, "other")
        assert await first.ping() and first.supports("credit")
        await first.subscribe(["work"], group="g", callback=handle)
        for number in range(2000):
            publisher.publish_nowait("work", number)
        await publisher.flush()
        await first.ping()
        assert first.stats["waiting_for_handlers"] <= 32
        done = []
        await second.subscribe(["work"], group="g", callback=lambda event: done.append(event.payload))
        for number in range(2000, 2100):
            await publisher.publish("work", number)
        await until(lambda: len(done) == 100, "all of it goes to the one that is free")
        go_on.set()
        await until(lambda: len(taken) == 2000, "the rest")
        assert first.stats["waiting_for_handlers"] == 0 and taken == list(range(2000))


async def test_bytes_are_those_of_the_wire(router):
    """Three bytes a letter: whoever gives back letters gives back too little, and stops some day."""
    async with EventRouterClient(router.url, max_local_bytes=20_000) as client:
        came = collect(client, "t")
        for number in range(300):
            await client.publish("t", {"n": number, "text": "漢" * 1000})
        await until(lambda: len(came) == 300, "all of them")


async def test_a_handler_may_ask_while_the_window_is_full_of_what_waits_for_it(router):
    async with EventRouterClient(router.url, prefetch=2) as client:
        answers = []
        client.respond("double")(lambda event: event.payload * 2)

        @client.on("work", group="g")
        async def handle(event):
            answers.append((await client.request("double", event.payload)).payload)

        for number in range(100):
            client.publish_nowait("work", number)
        await until(lambda: len(answers) == 100, "all of them")
        assert answers == [2 * number for number in range(100)]


async def test_a_client_that_takes_nothing_is_not_taken_for_dead_and_gets_the_rest_later(start):
    """It reads all the time, so nothing that it hears is behind what it does not read."""
    router = await asyncio.to_thread(
        start,
        limits__ping_interval="300ms",
        limits__ping_timeout="300ms",
        limits__outbox_events=10_000,
        limits__outbox_size="64MiB",
    )
    async with (
        EventRouterClient(router.url, prefetch=2, heartbeat_interval=0.1, heartbeat_timeout=0.3) as slow,
        EventRouterClient(router.url) as publisher,
    ):
        go_on, taken, first = asyncio.Event(), [], slow.client_id

        @slow.on("jam")
        async def handle(event):
            await go_on.wait()
            taken.append(event.payload["n"])

        await slow.ping()
        for number in range(2000):
            publisher.publish_nowait("jam", {"n": number, "text": "x" * 500})
        await publisher.flush()
        await asyncio.sleep(1)
        assert slow.client_id == first and slow.stats["waiting_for_handlers"] <= 2 and await slow.ping()
        go_on.set()
        await until(lambda: len(taken) == 2000, "all of them")
        assert taken == list(range(2000)) and slow.client_id == first


async def test_what_waits_when_the_connection_is_lost_is_counted_on_the_next_one(start, router):
    client = quick(router.url, prefetch=10)
    go_on, taken = asyncio.Event(), []

    @client.on("t")
    async def handle(event):
        await go_on.wait()
        taken.append(event.payload)

    await client.connect()
    for number in range(100):
        await client.publish("t", number)
    await client.ping()
    assert client.stats["waiting_for_handlers"] == 9
    router.kill()
    await until(lambda: not client.is_connected, "the loss")
    await asyncio.to_thread(start, port=router.port)
    assert await client.wait_until_connected(30)
    for number in range(100, 200):
        await client.publish("t", number)
    await client.ping()
    assert client.stats["waiting_for_handlers"] <= 10
    go_on.set()
    await until(lambda: len(taken) == 110, "what it had, and the rest")
    assert taken == [*range(10), *range(100, 200)]
    await client.disconnect()
