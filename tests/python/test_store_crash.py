"""A router that is killed at any moment, or whose disk is full: what it has confirmed reaches the durable subscriber, whenever that is.

GADUGI_CRASHES=200 has it die so often; 12 times if nothing is said.
"""
import asyncio
import os
import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import websockets

from client import connect, until
from storing import RULES, durable

CRASHES = int(os.environ.get("GADUGI_CRASHES", "12"))
UNDER_WAY = 20
SMALL_DISK = 'set -e; mount -t tmpfs -o size=4m tmpfs "$DISK"; exec "$@"'


class Record:
    """What was confirmed, and what came."""

    def __init__(self):
        self.confirmed: dict[int, int] = {}
        self.came: Counter[int] = Counter()
        self.answered: set[int] = set()
        self.again_though_answered = 0

    @property
    def missing(self) -> list[int]:
        return [sequence for sequence in self.confirmed if not self.came[sequence]]


async def publish(router, record, chance, life):
    async with await connect(router, hello={}) as client:
        number = 0
        while True:
            events = []
            for _ in range(UNDER_WAY):
                events.append({"topic": "s.a", "priority": chance.randint(1, 10), "id": f"{life}-{number}"})
                number += 1
            for event, answer in zip(events, await client.publish_many(events)):
                assert answer["status"] == "queued"
                record.confirmed[answer["sequence"]] = event["priority"]


async def work(router, record):
    """Does everything that comes, in the order of each level."""
    async with await durable(router, max_in_flight=8) as client:
        reached: Counter[int] = Counter()
        while True:
            message = await client.receive()
            if message["type"] == "acknowledged":
                record.answered.add(int(message["request_id"]))
            elif message["type"] == "event":
                sequence, priority = message["sequence"], message["event"]["priority"]
                assert sequence > reached[priority], f"{sequence} came after {reached[priority]} of level {priority}"
                reached[priority] = sequence
                record.came[sequence] += 1
                record.again_though_answered += sequence in record.answered
                await client.send({"type": "ack", "delivery_id": message["delivery_id"], "request_id": str(sequence)})


def copied(folder, to) -> Path:
    """The file as it is now, which nobody writes to: SQLite finds no file that only another process sees."""
    to.mkdir()
    for file in folder.glob("events.db*"):
        if not file.name.endswith(("-shm", ".lock")):
            shutil.copy(file, to)
    return to / "events.db"


def is_whole(path) -> bool:
    with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True)) as file:
        return file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_what_was_confirmed_reaches_the_subscriber_however_often_the_router_is_killed(storing, tmp_path):
    seed = random.randrange(1 << 32)
    chance, record = random.Random(seed), Record()
    print(f"seed {seed}")
    for life in range(CRASHES):
        router = storing()
        tasks = [asyncio.ensure_future(work(router, record)), asyncio.ensure_future(publish(router, record, chance, life))]
        await asyncio.wait(tasks, timeout=chance.uniform(0.01, 0.2))
        router.kill()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            # An assertion of ours is none of a lost connection.
            if not isinstance(outcome, (websockets.ConnectionClosed, OSError)):
                raise outcome
        assert is_whole(tmp_path / "events.db")
    router = storing()
    worker = asyncio.ensure_future(work(router, record))

    def is_done():
        if worker.done():
            worker.result()
        return not record.missing
    await until(is_done, "everything that was confirmed")
    worker.cancel()
    twice = sum(count - 1 for count in record.came.values())
    print(f"{len(record.confirmed)} events were confirmed in {CRASHES} lives, none was missing; {twice} came again, "
          f"{record.again_though_answered} of them though their acknowledgement had been answered")
    assert record.confirmed and sum(record.came.values()) >= len(record.confirmed)


async def test_a_full_disk_is_told_and_what_was_confirmed_is_there_when_there_is_room(start, tmp_path):
    """The disk is a file system in memory of 4 MB, which only the router sees."""
    disk = tmp_path / "disk"
    disk.mkdir()
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    before = ["env", f"DISK={disk}", *alone, "sh", "-c", SMALL_DISK, "sh"]
    router = start(RULES, before=before, store__kind="sqlite", store__path=str(disk / "events.db"))
    inside = Path(f"/proc/{router.process.pid}/root{disk}")
    async with await connect(router, hello={}) as client, await durable(router, max_in_flight=1) as worker:
        filler, confirmed = inside / "filler", []
        filler.write_bytes(bytes(1 << 20))

        async def publish():
            answer = await client.ask({"type": "publish", "event": {"topic": "s.a", "payload": "x" * 20_000}})
            if answer["status"] == "queued":
                confirmed.append(answer["sequence"])
            return answer

        while (answer := await publish())["status"] == "queued":
            pass
        assert (answer["status"], answer["reason"]) == ("rejected", "store_unavailable"), answer
        assert "events.db" in answer["detail"] and "full" in answer["detail"], answer
        assert len(confirmed) > 10 and (await client.health())["status"] == "degraded"
        await client.publish({"topic": "elsewhere"})
        assert is_whole(copied(inside, tmp_path / "full"))
        filler.unlink()

        async def is_taken():
            return (await publish())["status"] == "queued"
        await until(is_taken, "there is room again")
        came = []
        while len(came) < len(confirmed):
            message = await worker.receive()
            if message["type"] == "event":
                came.append(message["sequence"])
                await worker.send({"type": "ack", "delivery_id": message["delivery_id"]})
        assert came == confirmed
        assert is_whole(copied(inside, tmp_path / "room"))
