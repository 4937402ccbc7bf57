"""A picture of `gadugi-routerctl top` in text, of a real router with real events: what README.md shows.

    GADUGI_ROUTER_BIN=target/release/gadugi-router target/tests/python/bin/python tests/python/capture_top.py

Publishes for some seconds to readers and to one that does not read, and prints what a terminal of 114 by 27 shows then.
"""
import asyncio
import random
import tempfile
from pathlib import Path

from client import connect
from control import ctl, folder_of
from routers import Router
from screens import Terminal
from stalled import stalled_subscriber

SIZE = (114, 27)
SECONDS = 20
TOPICS = {"task.progress": (5, 6), "task.created": (3, 5), "agent.started": (1, 5), "system.alert": (1, 10),
          "metrics.cpu": (4, 1), "review.requested": (2, 7), "build.failed": (1, 9)}


async def publish(router, until: float) -> None:
    loop = asyncio.get_running_loop()
    names = [topic for topic, (often, _) in TOPICS.items() for _ in range(often)]
    async with await connect(router, hello={"client": "planner/1.4"}) as client:
        while loop.time() < until:
            for topic in random.sample(names, 5):
                event = {"topic": topic, "priority": TOPICS[topic][1], "payload": {"text": "x" * random.randrange(900)}}
                await client.publish(event)
            await asyncio.sleep(0.01 + 0.02 * random.random())


async def read(client) -> None:
    while True:
        await client.receive()


async def look(router) -> str:
    until = asyncio.get_running_loop().time() + SECONDS
    readers = [await connect(router, hello={"client": f"worker/{number}"}) for number in range(4)]
    for reader in readers:
        await reader.subscribe("task.*", "build.*")
    slow = await stalled_subscriber(router, "**", hello={"client": "archive/0.9"})
    reading = [asyncio.create_task(read(reader)) for reader in readers]
    command = [ctl(), "top", "--interval", "500ms"]
    with Terminal(command, folder_of(router), SIZE) as terminal:
        publishing = asyncio.create_task(publish(router, until))
        while not publishing.done():
            await asyncio.to_thread(terminal.read)
        text = terminal.text
        terminal.press("q")
        await asyncio.to_thread(terminal.ends)
    for task in reading:
        task.cancel()
    for reader in readers:
        await reader.socket.close()
    slow.vanish()
    return text


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        router = Router(Path(folder) / "router", drain__timeout="1s", limits__outbox_events=5_000)
        try:
            print(asyncio.run(look(router)))
        finally:
            router.process.terminate()
            router.process.wait()


if __name__ == "__main__":
    main()
