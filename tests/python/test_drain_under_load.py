"""A hundred clients of which twenty are slow, in full traffic when SIGTERM comes: every event is accounted for."""
import asyncio
import contextlib
import json
import random
from collections import Counter

import pytest
import websockets

from client import connect
from draining import drain_result, event_of, spooled
from stalled import TEXT, everything, received, stalled_subscriber

FAST, STALLED, SLOW, PUBLISHERS = 80, 10, 10, 5
BACKLOG = 3000


@pytest.mark.patience(300)
@pytest.mark.parametrize("with_spool", [False, True])
async def test_accepted_is_delivered_and_left_exactly_and_by_priority(start, tmp_path, with_spool):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    spool = tmp_path / "left.jsonl"
    router = start(drain__timeout="3s", log__format="json", limits__dead_letters=1_000_000,
                   **({"drain__spool": spool} if with_spool else {}))
    # Each has a topic of its own: an event is for exactly one.
    fast = [await connect(router) for _ in range(FAST)]
    for number, client in enumerate(fast):
        await client.subscribe(f"fast.{number}")
    slow = [await stalled_subscriber(router, f"slow.{number}") for number in range(STALLED + SLOW)]
    accepted: Counter = Counter()

    async def publish(topics: list[str], wanted: float) -> None:
        """Until so many are accepted, or the end. What was not answered was not accepted: replies come before the close."""
        async with await connect(router) as client:
            with contextlib.suppress(websockets.ConnectionClosed):
                count = 0
                while count < wanted:
                    priorities = [chance.randint(1, 10) for _ in range(50)]
                    for priority in priorities:
                        event = {"topic": chance.choice(topics), "priority": priority, "payload": {"text": TEXT}}
                        await client.send({"type": "publish", "event": event})
                    for priority in priorities:
                        reply = await client.reply()
                        if reply["status"] == "queued":
                            accepted[priority] += 1
                        else:
                            assert reply["reason"] == "draining", reply
                            return
                    count += len(priorities)

    to_slow = [f"slow.{number}" for number in range(len(slow))]
    await publish(to_slow, BACKLOG * len(slow))
    topics = to_slow + [f"fast.{number}" for number in range(FAST)]
    readers = [asyncio.create_task(count_events(client)) for client in fast]
    talks = [asyncio.create_task(publish(topics, float("inf"))) for _ in range(PUBLISHERS)]
    await asyncio.sleep(1)
    assert not any(talk.done() for talk in talks)
    router.process.terminate()
    # Half of the slow ones read as long as it lasts, the others only when the router has gone.
    readers += [asyncio.create_task(count_of(peer)) for peer in slow[STALLED:]]
    await asyncio.to_thread(router.ended)
    readers += [asyncio.create_task(count_of(peer)) for peer in slow[:STALLED]]
    delivered = sum(await asyncio.gather(*readers), Counter())
    await asyncio.gather(*talks)

    result = drain_result(router.log())
    in_spool = Counter()
    if with_spool:
        in_spool = Counter(event["priority"] for event in map(event_of, spooled(spool)))
    assert in_spool == result.spooled
    left = in_spool + result.dead
    print(f"accepted {accepted.total()}, delivered {delivered.total()}, left {left.total()}")
    assert left.total() > 0 and 0 < result.subscribers <= len(slow)
    assert accepted == delivered + left


async def count_events(client) -> Counter:
    """What a client receives until the end."""
    found: Counter = Counter()
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            message = json.loads(await client.socket.recv())
            if message["type"] == "event":
                found[message["event"]["priority"]] += 1
    return found


async def count_of(peer) -> Counter:
    return received(await everything(peer))
