"""A well-behaved client beside whatever a test does: it pings, publishes and receives all the while.

`async with witness(router):` fails if anything that happens inside disturbs it.
"""
import asyncio
import uuid
from contextlib import asynccontextmanager

from client import PATIENCE, connect


@asynccontextmanager
async def witness(router):
    async with await connect(router) as client:
        rounds = Rounds(client)
        await rounds.subscribe()
        task = asyncio.create_task(rounds.forever())
        try:
            await rounds.more(1, task)
            yield rounds
            await rounds.more(2, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Rounds:
    """Counts how often everything worked from beginning to end."""

    def __init__(self, client):
        self.client = client
        self.topic = f"witness.{uuid.uuid4()}"
        self.count = 0

    async def subscribe(self) -> None:
        await self.client.subscribe(self.topic)

    async def forever(self) -> None:
        while True:
            await self.client.ping(self.count)
            await self.client.publish({"topic": self.topic, "payload": {"round": self.count}})
            event = await self.client.event()
            assert event["payload"] == {"round": self.count}, event
            self.count += 1
            await asyncio.sleep(0.01)

    async def more(self, rounds: int, task) -> None:
        """Waits until it has done so many more rounds."""
        wanted = self.count + rounds
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while self.count < wanted:
            if task.done():
                task.result()
            assert asyncio.get_running_loop().time() < deadline, "another client's doings hold up the witness"
            await asyncio.sleep(0.01)
