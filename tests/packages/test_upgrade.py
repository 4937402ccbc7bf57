"""A new release over one that serves: it drains, and whoever was connected comes back by itself and misses nothing."""
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from box import TESTS
from client import until
from machine import CONFIG, CONTROL, UNIT

URL = "ws://127.0.0.1:9090"


@pytest.fixture
def program(machine):
    """A program with the Python SDK, publishing and slowly reading; what it says when it has ended."""
    machine.install()
    machine.run(f"{CONTROL} configure --config {CONFIG} --set drain.timeout=2s --set limits.outbox_events=20000 --reload")
    started = machine.box.near(sys.executable, Path(__file__).with_name("slow_client.py"), URL, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(TESTS.parent / "sdk/python/src")})
    try:
        assert started.stdout.readline() == "published\n"
        yield started
    finally:
        started.kill()
        started.wait()


async def test_it_drains_and_nothing_that_was_accepted_is_lost_or_comes_twice(machine, program):
    before = machine.property("MainPID")
    machine.install(2)
    assert machine.property("MainPID") not in (before, "0") and machine.property("NRestarts") == "0"
    assert machine.output("dpkg-query -W -f '${Version}' gadugi-router").endswith("-2")
    assert "events are left for 1 subscribers" in machine.journal(), "it was slow enough to matter"
    assert "events of the last run taken in" in machine.journal()
    await until(lambda: machine.status()["health"]["active_subscriptions"] == 1, "it is back")
    done = json.loads(program.communicate(timeout=100)[0])
    print({name: len(done[name]) for name in ("accepted", "unheard", "came")}, done["published"], done["states"])
    times = Counter(done["came"])
    assert done["states"]["connected"] == 2, "away once, and back by itself"
    assert len(done["accepted"]) + len(done["unheard"]) == done["published"], "it kept what it could not publish meanwhile"
    assert all(number >= 6000 for number in done["unheard"]), "what was published before the upgrade had its subscriber"
    assert not set(done["accepted"]) - times.keys(), "lost"
    assert max(times.values()) == 1, "twice"


def test_an_edited_file_is_kept_when_the_new_release_has_another(machine):
    machine.install()
    machine.run("rm -rf /run/other && dpkg-deb -R /run/2.deb /run/other && echo '# new' >>/run/other/etc/gadugi-router/config.toml")
    machine.run("cd /run/other && find etc usr -type f -exec md5sum {} + >DEBIAN/md5sums && dpkg-deb -b /run/other /run/other.deb")
    machine.run(f"{CONTROL} configure --config {CONFIG} --set max_clients=77 --reload")
    machine.run("dpkg --force-confdef --force-confold -i /run/other.deb")
    assert "max_clients = 77" in machine.output(f"cat {CONFIG}")
    assert machine.output(f"tail -n 1 {CONFIG}.dpkg-dist") == "# new", "the new one lies beside it"
    machine.run("dpkg --purge gadugi-router; rm -rf /run/other /run/other.deb")
    assert machine.output("ls -d /etc/gadugi-router 2>/dev/null || true") == ""


def test_what_an_administrator_stopped_disabled_or_masked_stays_so(machine):
    machine.install()
    machine.run("systemctl disable -q --now gadugi-router")
    machine.install(2)
    assert machine.output(f"systemctl is-enabled {UNIT} || true") == "disabled"
    assert machine.property("ActiveState") == "inactive"
    machine.run("systemctl mask -q gadugi-router")
    machine.install(2)
    assert machine.output(f"systemctl is-enabled {UNIT} || true") == "masked"
    machine.run("systemctl unmask -q gadugi-router")


def test_instances_are_restarted_if_they_run_and_not_otherwise(machine):
    machine.install()
    machine.run("for name in two three; do cp /dev/null /etc/gadugi-router/$name.toml; done; echo 'port = 9191' >/etc/gadugi-router/two.toml;"
                "systemctl start gadugi-router@two")
    before = machine.property("MainPID", "gadugi-router@two.service")
    machine.install(2)
    assert machine.property("MainPID", "gadugi-router@two.service") not in (before, "0")
    assert machine.property("ActiveState", "gadugi-router@three.service") == "inactive"


def test_a_policy_that_forbids_restarts_is_kept(machine):
    machine.install()
    before = machine.property("MainPID")
    machine.run("printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d")
    machine.install(2)
    assert machine.property("MainPID") == before, "the old one serves on, until it is restarted by hand"
