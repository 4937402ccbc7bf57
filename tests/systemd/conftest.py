"""Fixtures: one box for all tests, one fresh unit for each."""
import os
import shutil
from pathlib import Path

import pytest

from box import Box
from coroutines import pytest_configure, pytest_pyfunc_call  # noqa: F401
from routers import program
from service import CONTROL, PROGRAM, SHIPPED, Service

SYSUSERS = "/run/sysusers.d/gadugi-router.conf"


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.exit("tests of the units did NOT run: they need root and Debian's apt for a box with systemd", 2)
    box = Box(Path(os.environ["GADUGI_BOX"]))
    try:
        box.copy(program(), PROGRAM)
        box.copy(program().with_name("gadugi-routerctl"), CONTROL)
        box.copy(SHIPPED / "sysusers.conf", SYSUSERS)
        box.run("systemd-sysusers", SYSUSERS)
        yield box
        box.run("sh", "-c", f"rm -f {PROGRAM} {CONTROL} {SYSUSERS}; userdel gadugi-router")
    finally:
        box.close()


@pytest.fixture
def service(box):
    """The unit, installed with its defaults and not started."""
    service = Service(box)
    yield service
    print(f"--- journal:\n{service.texts()[-4000:]}")
    service.remove()
