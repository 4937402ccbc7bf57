"""A program of somebody who uses the Python SDK: it publishes, and reads more slowly than it publishes.

    slow_client.py URL      until its standard input ends; then it waits for what is on the way, and says in JSON how it was
"""
import asyncio
import json
import sys
from collections import Counter

from gadugi_router import EventRouterClient

AT_ONCE, TEXT = 6_000, "x" * 500
# Of an event, and between those that are published until the end; in seconds.
WORK, PAUSE = 0.001, 0.01
PATIENCE = 60.0


async def run(url: str) -> dict:
    states: Counter = Counter()
    came: list[int] = []
    # By what the router answered: for how many subscribers it was. For none, while the reader was not back yet.
    accepted: list[int] = []
    unheard: list[int] = []
    # Few are read ahead, so that the rest waits in the router.
    reader = EventRouterClient(url, prefetch=16, reconnect_interval=0.1)
    publisher = EventRouterClient(url, reconnect_interval=0.1)
    reader.on_state_change(lambda change: states.update([change.new.value]))

    @reader.on("t")
    async def work(event) -> None:
        came.append(event.payload["n"])
        await asyncio.sleep(WORK)

    async def publish(number: int) -> None:
        if result := await publisher.publish("t", {"n": number, "text": TEXT}, receipt="dispatched", timeout=PATIENCE):
            (accepted if result.matched else unheard).append(number)

    async with reader, publisher:
        await asyncio.gather(*(publish(number) for number in range(AT_ONCE)))
        print("published", flush=True)
        over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        number = AT_ONCE
        while not over.done():
            await publish(number)
            number += 1
            await asyncio.sleep(PAUSE)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not set(accepted) <= set(came) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.1)
        return {"published": number, "accepted": accepted, "unheard": unheard, "came": came, "states": states}


print(json.dumps(asyncio.run(run(sys.argv[1]))))
