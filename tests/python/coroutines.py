"""Lets a test be `async def`: each runs in an event loop of its own, for a bounded time.

A conftest.py takes the hooks from here.
"""
import asyncio
import inspect
import resource

import pytest

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
