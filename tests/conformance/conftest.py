"""Each test runs for each SDK: `driver` makes programs that use it, `other_driver` those that use the other one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "python")]

from coroutines import pytest_configure, pytest_pyfunc_call  # noqa: E402, F401
from drivers import SDKS, Driver  # noqa: E402
from fixtures import certificate, proxy, router, start  # noqa: E402, F401
from routers import free_port  # noqa: E402


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
def closed_port() -> int:
    """Where a router will be."""
    return free_port()
