"""drain.spool: what is left at the end is in a file, and the next start takes it back in."""
import asyncio
import random

import pytest

from client import connect, until
from draining import spooled, spooled_numbers
from reloading import Log
from stalled import everything, number_of, numbered, priority_of, publish_in_order, stalled_subscriber

EVENTS = 4000


@pytest.fixture
def spool(tmp_path):
    return tmp_path / "spool" / "left.jsonl"


@pytest.fixture
def start_spooling(start, spool):
    spool.parent.mkdir()
    return lambda **settings: start(drain__spool=spool, **{"drain__timeout": "0s", "drain__spool_wait": "1h", **settings})


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


@pytest.mark.patience(300)
async def test_kill_9_while_the_spool_is_written_leaves_the_old_or_the_new_one(start_spooling, spool):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    await leave_events(start_spooling, "x" * 3000)
    whole = spooled(spool)
    # How long a stop takes that writes all of it: the moments of the kills are spread over that.
    router = start_spooling()
    began = asyncio.get_running_loop().time()
    await asyncio.to_thread(router.stop)
    takes = asyncio.get_running_loop().time() - began
    survived = 0
    for _ in range(20):
        router = start_spooling()
        router.process.terminate()
        await asyncio.sleep(chance.uniform(0, takes * 1.2))
        survived += router.process.poll() is None
        router.kill()
        assert spool.exists(), "neither the old file nor the new one"
        assert len(spooled(spool)) == len(whole)
    print(f"a stop takes {takes:.3f} s; {survived} of 20 were killed before their end")
    router = start_spooling()
    await asyncio.to_thread(router.stop)
    assert sorted(spooled_numbers(spool)) == sorted(line["event"]["payload"]["n"] for line in whole if "event" in line)
    others = [file.name for file in spool.parent.iterdir() if file != spool]
    assert len(others) <= 1, f"halves of files pile up: {others}"
