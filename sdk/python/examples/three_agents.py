"""Three agents: a task manager that hands out tasks, workers that do them, a monitor that watches.

    python three_agents.py [ws://localhost:9090]

The workers are a group: each task goes to one of them. In the old router's example each worker saw each task, and
they had to agree by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter

from gadugi_router import Event, EventPriority, EventRouterClient, EventType

TASKS = [
    ("task-001", "Process user registration", EventPriority.HIGH),
    ("task-002", "Send email notification", EventPriority.NORMAL),
    ("task-003", "Generate report", EventPriority.LOW),
    ("task-004", "Divide by zero", EventPriority.HIGH),
    ("task-005", "Backup files", EventPriority.NORMAL),
]


class TaskManager:
    """Creates tasks and keeps account of what becomes of them."""

    def __init__(self, client: EventRouterClient) -> None:
        self.client = client
        self.pending: set[str] = set()
        self.done: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.all_settled = asyncio.Event()

    async def start(self) -> None:
        """Subscribes, and says that it is there."""
        await self.client.subscribe(topics=["task.completed", "task.failed"], callback=self.settled)
        await self.client.publish("agent.started", {"agent_id": "task_manager"}, type=EventType.AGENT_STARTED)

    async def create(self, task_id: str, description: str, priority: EventPriority) -> None:
        """Hands out a task."""
        self.pending.add(task_id)
        task = {"task_id": task_id, "description": description}
        result = await self.client.publish("task.created", task, priority, EventType.TASK_CREATED)
        print(f"task_manager: created {task_id} ({result.status})")

    def settled(self, event: Event) -> None:
        """A task is completed, or has failed."""
        task_id = event.payload["task_id"]
        self.pending.discard(task_id)
        if event.type is EventType.TASK_COMPLETED:
            self.done[task_id] = event.payload["result"]
        else:
            self.failed[task_id] = event.payload["error"]
        if not self.pending:
            self.all_settled.set()


class Worker:
    """Does tasks, one after the other."""

    def __init__(self, client: EventRouterClient, name: str) -> None:
        self.client = client
        self.name = name

    async def start(self) -> None:
        """Joins the group."""
        await self.client.subscribe(topics=["task.created"], callback=self.work, group="workers")
        await self.client.publish("agent.started", {"agent_id": self.name}, type=EventType.AGENT_STARTED)

    async def work(self, event: Event) -> None:
        """Does one task."""
        task_id, description = event.payload["task_id"], event.payload["description"]
        started = {"task_id": task_id, "worker": self.name}
        await self.client.publish("task.started", started, type=EventType.TASK_STARTED)
        await asyncio.sleep(0.05)
        if "zero" in description:
            failure = {"task_id": task_id, "error": "division by zero"}
            await self.client.publish("task.failed", failure, EventPriority.HIGH, EventType.TASK_FAILED)
        else:
            success = {"task_id": task_id, "result": f"{description}: done by {self.name}"}
            await self.client.publish("task.completed", success, EventPriority.HIGH, EventType.TASK_COMPLETED)


class Monitor:
    """Counts everything, and mentions what is urgent."""

    def __init__(self, client: EventRouterClient) -> None:
        self.client = client
        self.counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Watches all topics."""
        await self.client.subscribe(topics=["*"], callback=self.watch)

    def watch(self, event: Event) -> None:
        """Any event."""
        self.counts[event.type.value] += 1
        if event.priority >= EventPriority.HIGH:
            print(f"monitor: {event.topic} from {event.source}")


async def main(url: str) -> None:
    """Runs all of them against a router that is running."""
    async with contextlib.AsyncExitStack() as stack:

        async def client(name: str) -> EventRouterClient:
            return await stack.enter_async_context(EventRouterClient(url, source=name))

        monitor, manager = Monitor(await client("monitor")), TaskManager(await client("task_manager"))
        workers = [Worker(await client(name), name) for name in ("worker-1", "worker-2")]
        for start in (monitor.start, manager.start, *(worker.start for worker in workers)):
            await start()
        for task in TASKS:
            await manager.create(*task)
        await asyncio.wait_for(manager.all_settled.wait(), 30)
        print("done:", *(f"\n  {task_id}: {result}" for task_id, result in sorted(manager.done.items())))
        print("failed:", *(f"\n  {task_id}: {error}" for task_id, error in sorted(manager.failed.items())))
        await monitor.client.ping()
        print("seen:", ", ".join(f"{kind} {count}" for kind, count in sorted(monitor.counts.items())))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:9090"))
