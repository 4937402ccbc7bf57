"""Each test runs for each SDK: `driver` makes programs that use it, `other_driver` those that use the other one."""

from __future__ import annotations

import os
import random
import socket
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "python")]

from coroutines import pytest_configure as raise_limits  # noqa: E402
from coroutines import pytest_pyfunc_call  # noqa: E402, F401
from drivers import SDKS, Driver  # noqa: E402
from proxy import Proxy  # noqa: E402
from routers import Router  # noqa: E402

# Below the ports that systems give to outgoing connections: a router that is away for a while finds its own again.
PORTS = range(20_000, 32_000)


def pytest_configure():
    raise_limits()


@pytest.fixture(params=SDKS)
def sdk(request) -> str:
    return request.param


@pytest.fixture
def driver(sdk):
    """async with driver() as program"""
    return lambda: Driver(sdk)


@pytest.fixture
def other_driver(sdk):
    return lambda: Driver(next(each for each in SDKS if each != sdk))


@pytest.fixture
def start(tmp_path):
    """Starts routers: start(max_clients=3), start(port=port)."""
    routers: list[Router] = []

    def start_one(**settings) -> Router:
        routers.append(Router(tmp_path / f"router-{len(routers)}", **{"port": own_port(), **settings}))
        return routers[-1]

    yield start_one
    for router in routers:
        router.stop()


@pytest.fixture
def router(start):
    """A router with the built-in settings."""
    return start()


@pytest.fixture
def proxy():
    """Makes proxies that can stall: async with proxy(router.port) as between."""
    return Proxy


def own_port() -> int:
    """A port that nobody takes while no router listens there."""
    while True:
        port = random.Random(os.urandom(8)).choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


@pytest.fixture
def closed_port() -> int:
    """Where a router will be."""
    return own_port()
