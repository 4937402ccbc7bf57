"""How large the packages are, how much memory the service takes, and how long its start lasts: of what is shipped, optimised."""
import statistics
import time

import pytest

from machine import UNIT

MEGABYTE = 1_000_000
STARTS, ROUNDS = 20, 5
BARE = "gadugi-bare.service"


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


@pytest.fixture
def undisturbed(machine):
    """The machine, with systemd and all that it starts ahead of whatever else wants the processor."""
    machine.run("renice -n -20 -p 1")
    yield machine
    machine.run("renice -n 0 -p 1")


@pytest.fixture
def bare(machine):
    """The unit of a program that does nothing but say READY, in the same sandbox."""
    machine.install()
    place = f"/run/systemd/system/{BARE}"
    machine.run(f"sed -e 's|^ExecStart=.*|ExecStart=/usr/bin/systemd-notify --ready|' -e '/^ExecReload=/d' -e 's|^Restart=.*|Restart=no\\nRemainAfterExit=yes|' "
                f"$(systemctl show -p FragmentPath --value {UNIT}) > {place}; systemctl daemon-reload")
    yield BARE
    machine.run(f"systemctl stop {BARE}; rm {place}; systemctl daemon-reload")


def test_it_is_ready_soon(undisturbed, bare):
    """The median of twenty starts, systemd's work on the sandbox included, which is nearly all of it: 50 ms are promised for an
    idle machine. Where there is other work, more starts are made, and the twenty count that were disturbed the least; and
    where a program that does nothing takes about as long in the same sandbox, the router may take a fifth more than that."""
    machine = undisturbed
    took = {UNIT: [], bare: []}
    for _ in range(ROUNDS):
        # To systemd, so many restarts look like a router that cannot stay up.
        machine.run("systemctl reset-failed")
        for _ in range(STARTS):
            for unit, times in took.items():
                times.append(start(machine, unit))
        ours, least = (statistics.median(sorted(times)[:STARTS]) for times in took.values())
        print(f"start to READY: {ours:.1f} ms, of a program that does nothing {least:.1f} ms, in {len(took[UNIT])} starts of each")
        if ours < max(50, 1.2 * least):
            return
    raise AssertionError("neither within 50 ms nor within a fifth more than a program takes that does nothing")


def start(machine, unit: str) -> float:
    """A restart: milliseconds from the making of the process until it said READY."""
    machine.run(f"systemctl restart {unit}")
    shown = machine.output(f"systemctl show -p ExecMainStartTimestampMonotonic -p ActiveEnterTimestampMonotonic {unit}")
    times = {name: int(value) for name, value in (line.split("=") for line in shown.splitlines())}
    return (times["ActiveEnterTimestampMonotonic"] - times["ExecMainStartTimestampMonotonic"]) / 1000
