"""The programs that use the SDKs, as tests see them: say what to do, and look at what has happened."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from client import until

__all__ = ["PATIENCE", "SDKS", "Client", "Driver", "Failed", "until"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SDKS = ("python", "rust")
PATIENCE = 60.0
LINE = 1 << 26
# A client that comes back fast.
QUICK = {"reconnect_ms": 50, "max_reconnect_ms": 200}


class Failed(Exception):
    """A command came to an error, by the drivers' word for it."""

    def __init__(self, error: dict):
        super().__init__(f"{error['kind']}: {error['text']}")
        self.kind, self.code, self.text = error["kind"], error["code"], error["text"]


def command_of(sdk: str) -> list[str]:
    if sdk == "python":
        # Another Python than the one that runs the tests: one that the SDK has to work with too.
        return [os.environ.get("GADUGI_DRIVER_PYTHON", sys.executable), str(HERE / "driver.py")]
    named = os.environ.get("GADUGI_RUST_DRIVER")
    program = Path(named) if named else ROOT / "target" / "debug" / "examples" / "conformance"
    if not program.exists():
        pytest.exit(f"there is no driver at {program}: cargo build --example conformance", 2)
    return [str(program)]


class Driver:
    """One program, which may have several clients. `async with driver(sdk) as program`."""

    def __init__(self, sdk: str):
        self.sdk = sdk
        self.clients: dict[str, Client] = {}
        self.crowd: list[int] | None = None
        self._answers: dict[int, asyncio.Future] = {}
        self._numbers = 0

    async def __aenter__(self):
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*command_of(self.sdk), stdin=pipe, stdout=pipe, limit=LINE)
        self._reader = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *_):
        self._process.kill()
        await self._process.wait()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def connect(self, url: str, name: str = "a", quick: bool = True, **options) -> Client:
        """A client, after its first attempt, whatever came of it."""
        client = self.clients[name] = Client(self, name)
        client.first = await self.ask("connect", client=name, url=url, options={**(QUICK if quick else {}), **options})
        return client

    def tell(self, name: str, **command) -> asyncio.Future:
        """Sends a command; what comes back is a future of its answer. Commands are begun in their order."""
        self._numbers += 1
        answer = self._answers[self._numbers] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": self._numbers, "do": name, **command}).encode() + b"\n")
        return answer

    async def ask(self, name: str, **command):
        return await asyncio.wait_for(self.tell(name, **command), PATIENCE)

    async def _read(self):
        try:
            while line := await self._process.stdout.readline():
                self._take(json.loads(line))
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(RuntimeError(f"the {self.sdk} driver has ended"))
                    answer.exception()

    def _take(self, line: dict):
        if "id" in line:
            answer = self._answers.pop(line["id"])
            if not answer.done():
                answer.set_exception(Failed(line["error"])) if "error" in line else answer.set_result(line["ok"])
                answer.exception()
        elif "crowd" in line:
            self.crowd = line["crowd"]
        else:
            self.clients[line["client"]].take(line)


class Client:
    """A client in a driver."""

    def __init__(self, driver: Driver, name: str):
        self._driver, self.name = driver, name
        self.first: dict = {}
        self.states: list[str] = []
        self.because: list[dict | None] = []
        self.gaps: list[dict] = []
        self.failed: list[dict] = []
        self.problems: list[dict] = []
        self.replayed: list[str] = []
        # By the test's name for the subscription: whole events, or number and priority of each.
        self.came: dict[str, list] = {}

    def take(self, line: dict):
        if "state" in line:
            self.states.append(line["state"])
            self.because.append(line["because"])
        elif "event" in line:
            self.came.setdefault(line["sub"], []).append(line["event"])
        elif "brief" in line:
            self.came.setdefault(line["sub"], []).append(tuple(line["brief"]))
        elif "gap" in line:
            self.gaps.append(line["gap"])
        elif "replayed" in line:
            self.replayed.append(line["replayed"])
        elif "failed" in line:
            self.failed.append(line["failed"])
        else:
            self.problems.append(line["problem"])

    @property
    def state(self) -> str:
        return self.states[-1] if self.states else "disconnected"

    def events(self, sub: str = "s") -> list:
        return self.came.get(sub, [])

    def payloads(self, sub: str = "s") -> list:
        return [event["payload"] for event in self.events(sub)]

    def numbers(self, sub: str = "s") -> list:
        return [number for number, _ in self.events(sub)]

    def tell(self, name: str, **command) -> asyncio.Future:
        return self._driver.tell(name, client=self.name, **command)

    async def ask(self, name: str, **command):
        return await asyncio.wait_for(self.tell(name, **command), PATIENCE)

    def publishing(self, topic: str, payload=None, options: dict | None = None, **fields) -> asyncio.Future:
        event = {"topic": topic, **fields}
        if payload is not None:
            event["payload"] = payload
        return self.tell("publish", event=event, options=options or {})

    async def publish(self, topic: str, payload=None, options: dict | None = None, **fields) -> dict:
        return await asyncio.wait_for(self.publishing(topic, payload, options, **fields), PATIENCE)

    def publishing_many(self, topic: str, count: int, priorities=(5,), pad=0, wait=False, pace_ms=0) -> asyncio.Future:
        """What each came to, as [id, word]; payloads are {"n": number}."""
        command = {"topic": topic, "count": count, "priorities": list(priorities)}
        return self.tell("publish_many", **command, pad=pad, wait=wait, pace_ms=pace_ms)

    async def subscribe(self, *topics: str, sub: str = "s", handler_ms=0, held=False, brief=False, **wanted) -> str:
        """Returns the id that the user has."""
        command = {"sub": sub, "wanted": {"topics": list(topics), **wanted}}
        return (await self.ask("subscribe", **command, handler_ms=handler_ms, held=held, brief=brief))["id"]

    async def request(self, topic: str, payload=None, timeout_ms: int = 30_000) -> dict:
        return await self.ask("request", topic=topic, payload=payload, timeout_ms=timeout_ms)

    async def settled(self):
        """Waits until everything that was said to the driver before has been begun, and what it sent is answered."""
        return await self.ask("health")

    def shed(self) -> int:
        return sum(sum(gap["evicted"].values()) for gap in self.gaps)
