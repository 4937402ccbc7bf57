"""Fixtures of all tests of clients: routers that can be restarted at their port, and proxies before them."""

from __future__ import annotations

import pytest
from proxy import Proxy
from routers import Router, free_port


@pytest.fixture
def start(tmp_path):
    """Starts routers: start(max_clients=3), start(port=port)."""
    routers: list[Router] = []

    def start_one(**settings) -> Router:
        routers.append(Router(tmp_path / f"router-{len(routers)}", **{"port": free_port(), **settings}))
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
