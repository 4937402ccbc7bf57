"""The router under test, and how async tests run, are those of tests/python; what is here belongs to clients."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "python"), str(ROOT / "sdk" / "python" / "src")]

from coroutines import pytest_configure, pytest_pyfunc_call  # noqa: E402, F401
from part1 import Part1Router  # noqa: E402
from proxy import Proxy  # noqa: E402
from routers import Router  # noqa: E402


@pytest.fixture
def start(tmp_path):
    """Starts routers: start(max_clients=3), start(port=port)."""
    routers: list[Router] = []

    def start_one(**settings) -> Router:
        routers.append(Router(tmp_path / f"router-{len(routers)}", **settings))
        return routers[-1]

    yield start_one
    for router in routers:
        router.stop()


@pytest.fixture
def router(start):
    """A router with the built-in settings."""
    return start()


@pytest.fixture
def part1():
    """Makes routers of the first protocol: async with part1() as old."""
    return Part1Router


@pytest.fixture
def proxy():
    """Makes proxies that can stall: async with proxy(router.port) as between."""
    return Proxy
