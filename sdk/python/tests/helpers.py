"""What many tests need: waiting for conditions, clients that come back fast, collecting events."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from gadugi_router import EventRouterClient

PACKAGE = Path(__file__).resolve().parents[1]
PATIENCE = 30.0


def python(*arguments, **options) -> subprocess.CompletedProcess[str]:
    """Runs a program that uses the SDK as it is here."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE / "src")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False, **options)


async def until(condition, what: str, patience: float = PATIENCE):
    """Waits for a condition and returns its first true value."""
    deadline = asyncio.get_running_loop().time() + patience
    while not (value := condition()):
        assert asyncio.get_running_loop().time() < deadline, f"not within {patience:.0f} s: {what}"
        await asyncio.sleep(0.01)
    return value


def quick(url: str, **arguments) -> EventRouterClient:
    """A client that comes back fast."""
    return EventRouterClient(url, **{"reconnect_interval": 0.05, "max_reconnect_interval": 0.2, **arguments})


def collect(client: EventRouterClient, *topics: str, **filters) -> list:
    """A list that fills with what comes."""
    events: list = []
    client.on(*topics, **filters)(events.append)
    return events


def payloads(events: list) -> list:
    return [event.payload for event in events]
