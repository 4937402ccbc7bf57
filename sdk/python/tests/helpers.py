"""What many tests need: waiting for conditions, clients that come back fast, collecting events."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from client import until

from gadugi_router import EventRouterClient

__all__ = ["PACKAGE", "collect", "payloads", "python", "quick", "until"]

PACKAGE = Path(__file__).resolve().parents[1]


def python(*arguments, **options) -> subprocess.CompletedProcess[str]:
    """Runs a program that uses the SDK as it is here."""
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE / "src")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False, **options)


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
