"""How large the packages are, how much memory the service takes, and how long its start lasts: of what is shipped, optimised."""
import statistics
import time

import pytest

from machine import UNIT

MEGABYTE = 1_000_000
STARTS = 20


@pytest.mark.parametrize("kind", ["deb", "rpm"])
def test_the_package_is_small(packages, kind):
    size = next(packages[0].glob(f"*.{kind}")).stat().st_size
    print(f"{kind}: {size / MEGABYTE:.2f} MB")
    assert size < 4 * MEGABYTE


def test_the_idle_service_takes_little_memory(machine):
    machine.install()
    # What the start needed and nobody needs any more would be gone by then.
    time.sleep(2)
    status = machine.output(f"cat /proc/{machine.property('MainPID')}/status")
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024
    print(f"resident: {resident / MEGABYTE:.2f} MB")
    assert resident < 8 * MEGABYTE


def test_it_is_ready_soon(machine):
    """The median, on whatever else the machine does; a single start may have to wait for it."""
    machine.install()
    took = []
    for _ in range(STARTS):
        machine.run(f"systemctl restart {UNIT}")
        shown = machine.output(f"systemctl show -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic {UNIT}")
        times = dict(line.split("=") for line in shown.splitlines())
        took.append((int(times["ActiveEnterTimestampMonotonic"]) - int(times["ExecMainStartTimestampMonotonic"])) / 1000)
    print(f"start to READY: {statistics.median(took):.1f} ms, {min(took):.1f} to {max(took):.1f} ms")
    assert statistics.median(took) < 50
