"""drain.spool: what is left at the end is in a file, and the next start takes it back in."""
import asyncio
import re
import time
from collections import Counter

import pytest

from client import connect, until
from draining import drain_result, spooled_numbers
from reloading import Log
from stalled import everything, number_of, numbered, priority_of, publish_in_order, stalled_subscriber

EVENTS = 4000


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool" / "left.jsonl"


@pytest.fixture
def start_spooling(start, spool):
    spool.parent.mkdir()

    def start_one(**settings):
        defaults = {"drain__timeout": "0s", "drain__spool_wait": "1h"}
        start_one.routers.append(start(drain__spool=spool, **{**defaults, **settings}))
        return start_one.routers[-1]
    start_one.routers = []
    return start_one


async def leave_events(start_spooling, text: str = "x" * 300) -> list[tuple[int, int]]:
    """Stops a router with events waiting. Returns priority and number of those that did not get through, in the
    order in which they are to come."""
    router = start_spooling()
    slow = await stalled_subscriber(router, "t")
    events = [numbered("t", 1 + number % 10, number, text) for number in range(EVENTS)]
    await publish_in_order(router, events, receipt="dispatched")
    await asyncio.to_thread(router.stop)
    came = {number_of(message) for message in await everything(slow) if message["type"] == "event"}
    left = [(1 + number % 10, number) for number in range(EVENTS) if number not in came]
    assert len(left) > EVENTS // 2
    return sorted(left, key=lambda each: (-each[0], each[1]))


async def take_back(router, count: int) -> list[tuple[int, int]]:
    async with await connect(router) as client:
        await client.subscribe("t")
        messages = [await client.expect("event") for _ in range(count)]
        assert await client.drain() == [], "no more than those"
        return [(priority_of(message), number_of(message)) for message in messages]


async def test_a_subscriber_that_comes_back_gets_what_was_left_in_order(start_spooling, spool):
    left = await leave_events(start_spooling)
    assert sorted(spooled_numbers(spool)) == sorted(number for _, number in left)
    router = start_spooling()
    assert await take_back(router, len(left)) == left
    await asyncio.to_thread(router.stop)
    assert not spool.exists() or spooled_numbers(spool) == [], "delivered once, and not again at the next start"


async def test_what_the_log_says_was_left_is_what_the_next_start_takes_in(start_spooling):
    """A connection that ends in the middle of a write gives that event back after the drain has counted: it is told beside."""
    left = await leave_events(start_spooling)
    router = start_spooling()
    taken = int(re.search(r"(\d+) events of the last run taken in", router.log())[1])
    text = start_spooling.routers[0].log()
    counted = [re.search(pattern, text) for pattern in (r"drained: (\d+) events are left", r"(\d+) events more, of conn")]
    assert taken == len(left) == sum(int(found[1]) for found in counted if found)


async def test_new_events_do_not_overtake_old_ones_of_their_level(start_spooling):
    left = await leave_events(start_spooling)
    router = start_spooling()
    async with await connect(router) as publisher:
        await publisher.publish(numbered("t", 1, EVENTS))
    assert (await take_back(router, len(left)))[-1] == left[-1]


async def test_without_its_subscriber_all_is_there_again_after_the_next_stop(start_spooling, spool):
    await leave_events(start_spooling)
    before = spooled_numbers(spool)
    for _ in range(2):
        router = start_spooling()
        async with await connect(router) as other:
            await other.subscribe("u")
            await other.ping()
        await asyncio.to_thread(router.stop)
        assert spooled_numbers(spool) == before


async def test_a_damaged_line_is_reported_and_the_rest_is_taken(start_spooling, spool):
    left = await leave_events(start_spooling)
    lines = spool.read_text().splitlines(keepends=True)
    middle = len(lines) // 2
    # Cut in two, as a disk may leave it, and bytes that are no text at the very end.
    damaged = [*lines[:middle], lines[middle][: len(lines[middle]) // 2] + "\n", *lines[middle:]]
    spool.write_bytes("".join(damaged).encode() + b"\xff\xfe\x00 no text\n")
    router = start_spooling()
    log = Log(router).from_the_start()
    await log.says(rf"{spool.name}.*\b(line )?{middle + 1}\b")
    await log.says(rf"{spool.name}.*\b(line )?{len(damaged) + 1}\b")
    assert await take_back(router, len(left)) == left


async def test_a_file_of_nothing_but_damage_does_not_hinder_the_start(start_spooling, spool):
    spool.write_bytes(b"\x00\xff not a spool\n" * 100)
    async with await connect(start_spooling()) as client:
        await client.ping()


async def test_what_nobody_came_back_for_in_time_goes_to_one_whom_it_matches(start_spooling, spool):
    left = await leave_events(start_spooling)
    router = start_spooling(drain__spool_wait="3s")
    async with await connect(router) as one, await connect(router) as other:
        for client in (one, other):
            await client.subscribe("**")
        await Log(router).from_the_start().says(rf"\b{len(left)} events of the last run were not claimed")
        shares = [[number_of(message) for message in await client.drain()] for client in (one, other)]
        assert sorted(shares[0] + shares[1]) == sorted(number for _, number in left)
        await until(lambda: not spool.exists(), "the file is not needed any more")


async def test_a_spool_that_cannot_be_written_leaves_the_old_one_and_the_log_says_so(start_spooling, spool):
    left = await leave_events(start_spooling)
    before = spool.read_bytes()
    in_the_way = partial(spool)
    in_the_way.mkdir()
    router = start_spooling(log__format="json")
    await asyncio.to_thread(router.stop)
    assert "cannot be saved" in router.log()
    result = drain_result(router.log())
    assert (result.spooled, result.dead) == (Counter(), Counter(priority for priority, _ in left))
    assert spool.read_bytes() == before
    in_the_way.rmdir()
    assert await take_back(start_spooling(), len(left)) == left


def partial(spool):
    """The file that becomes the spool when it is whole."""
    return spool.with_name(spool.name + ".partial")


def kill_amid_writing(router, spool) -> bool:
    """Has a router end and kills it as soon as it has begun to write. Whether that was before it was done."""
    before = spool.stat().st_ino
    router.process.terminate()
    while not partial(spool).exists() and spool.stat().st_ino == before and router.process.poll() is None:
        time.sleep(0)
    router.kill()
    return partial(spool).exists() and spool.stat().st_ino == before


@pytest.mark.patience(300)
async def test_kill_9_while_the_spool_is_written_leaves_the_old_or_the_new_one(start_spooling, spool):
    await leave_events(start_spooling, "x" * 5000)
    whole = sorted(spooled_numbers(spool))
    amid = rounds = 0
    while amid < 5:
        rounds += 1
        assert rounds <= 50, f"only {amid} of them were killed in the middle"
        router = start_spooling()
        amid += await asyncio.to_thread(kill_amid_writing, router, spool)
        assert sorted(spooled_numbers(spool)) == whole, "neither the old file nor the new one"
        assert {file.name for file in spool.parent.iterdir()} <= {spool.name, partial(spool).name}, "halves pile up"
    print(f"{amid} of {rounds} were killed in the middle")
    await asyncio.to_thread(start_spooling().stop)
    assert sorted(spooled_numbers(spool)) == whole
    assert not partial(spool).exists()
