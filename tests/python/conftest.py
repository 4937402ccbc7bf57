"""Fixtures, and what lets a test be `async def`: each runs in an event loop of its own, for a bounded time."""
import asyncio
import inspect
import resource

import pytest

from notify import NotifySocket
from routers import Router

DEFAULT_PATIENCE = 120.0


def pytest_configure():
    """A thousand connections need more descriptors than most systems allow at first."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    marker = pyfuncitem.get_closest_marker("patience")
    seconds = marker.args[0] if marker else DEFAULT_PATIENCE
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), seconds))
    return True


@pytest.fixture
def start(tmp_path):
    """Starts routers: start(max_clients=3, limits__outbox_events=10), or start(config="…toml…")."""
    routers: list[Router] = []

    def start_one(config: str = "", **settings) -> Router:
        routers.append(Router(tmp_path / f"router-{len(routers)}", config, **settings))
        return routers[-1]

    yield start_one
    failures = [failure for failure in map(stopped, routers) if failure]
    assert not failures, "; ".join(map(str, failures))


@pytest.fixture
def supervisor():
    """A supervisor's notify socket; start(extra_env=supervisor.env) makes a router speak to it."""
    with NotifySocket() as notify:
        yield notify


@pytest.fixture
def router(start):
    """A router with the built-in settings."""
    return start()


def stopped(router: Router):
    try:
        router.stop()
    except AssertionError as failure:
        return failure
    return None
