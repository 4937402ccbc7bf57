"""Workers that share what is to be done: each job goes to one of them, the idle ones get more.

python work_sharing.py [ws://localhost:9090]
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter

from gadugi_router import Event, EventRouterClient

JOBS = 200
# Seconds that each worker needs for a job.
WORKERS = {"quick": 0.001, "slow": 0.02}
# And between two jobs.
PAUSE = 0.004


async def main(url: str) -> None:
    """Publishes jobs and counts who did them."""
    done: Counter[str] = Counter()
    all_done = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        for name, seconds in WORKERS.items():
            # A job that a worker has is no other's any more: so each takes as little ahead as possible.
            client = await stack.enter_async_context(EventRouterClient(url, prefetch=1))

            async def work(event: Event, name: str = name, seconds: float = seconds) -> None:
                await asyncio.sleep(seconds)
                done[name] += 1
                if sum(done.values()) == JOBS:
                    all_done.set()

            await client.subscribe(["jobs.*"], callback=work, group="workers")
        publisher = await stack.enter_async_context(EventRouterClient(url))
        for number in range(JOBS):
            await publisher.publish("jobs.new", {"number": number})
            # Jobs go to whoever has the fewest to do when they come. All at once, and each worker would have half.
            await asyncio.sleep(PAUSE)
        await asyncio.wait_for(all_done.wait(), 60)
    print("jobs done:", ", ".join(f"{name} {count}" for name, count in sorted(done.items())))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:9090"))
