"""Fixtures."""
import pytest

from coroutines import pytest_configure, pytest_pyfunc_call  # noqa: F401
from notify import NotifySocket
from routers import Router
from storing import RULES


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


@pytest.fixture
def storing(start, tmp_path):
    """Starts a router with a store; with the same file each time."""
    def start_one(kind="sqlite", rules=RULES, **settings):
        path = {"store__path": str(tmp_path / "events.db")} if kind == "sqlite" else {}
        return start(rules, store__kind=kind, **path, **settings)

    return start_one


def stopped(router: Router):
    try:
        router.stop()
    except AssertionError as failure:
        return failure
    return None
