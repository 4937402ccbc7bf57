"""Fixtures: the box with a network of its own, in which the package has the standard port, and the packages, of two releases."""
import os
import shutil
from pathlib import Path

import pytest

from box import Box
from coroutines import pytest_configure, pytest_pyfunc_call  # noqa: F401
from machine import Machine


@pytest.fixture(scope="session")
def packages() -> list[Path]:
    """Where those of each release are, the older first."""
    return [Path(os.environ["GADUGI_PACKAGES"]) / release for release in ("1", "2")]


@pytest.fixture(scope="session")
def box(packages):
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.exit("tests of the packages did NOT run: they need root and Debian's apt for a box with systemd", 2)
    os.environ["SYSTEMD_BOX_NET"] = "private"
    box = Box(Path(os.environ["GADUGI_BOX"]))
    try:
        for release, folder in enumerate(packages, 1):
            for kind in ("deb", "rpm"):
                box.copy(next(folder.glob(f"*.{kind}")), f"/run/{release}.{kind}")
        yield box
    finally:
        box.close()


@pytest.fixture
def machine(box):
    """A machine that has never had the package."""
    machine = Machine(box)
    machine.forget()
    yield machine
    print(f"--- journal:\n{machine.journal()[-4000:]}")
    machine.forget()
