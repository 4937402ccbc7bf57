"""The rpm's files and scriptlets, by a real rpm and a real systemd; the machine around them is a Debian, so nothing is said of dependencies."""
from machine import CONFIG, CONTROL, UNIT


def test_an_account_that_was_there_gets_its_group(machine):
    machine.run("useradd --system --no-user-group --gid nogroup gadugi-router")
    machine.run("rpm -i --nodeps /run/1.rpm; systemctl start gadugi-router")
    assert machine.property("ActiveState") == "active" and machine.output("getent group gadugi-router")


def test_its_life(machine):
    machine.run("rpm -i --nodeps /run/1.rpm")
    assert machine.output(f"systemctl is-enabled {UNIT}") == "enabled", "as the preset says"
    assert machine.property("ActiveState") == "inactive", "nothing is started by an rpm"
    assert machine.output("rpm -V --nodeps gadugi-router") == ""
    machine.run("systemctl start gadugi-router")
    pid = machine.property("MainPID")
    assert machine.output(f"{CONTROL} status").startswith("Event Router Status: RUNNING")

    machine.run(f"{CONTROL} configure --config {CONFIG} --set max_clients=77 --reload")
    machine.run("rpm -U --nodeps /run/2.rpm")
    assert machine.output("rpm -q gadugi-router") == "gadugi-router-0.1.0-2.x86_64"
    assert machine.property("MainPID") not in (pid, "0") and machine.property("ActiveState") == "active"
    assert "max_clients = 77" in machine.output(f"cat {CONFIG}")
    changed = machine.run("rpm -V --nodeps gadugi-router", check=False).stdout
    assert changed.splitlines() and all(line.endswith(CONFIG) for line in changed.splitlines())

    machine.run("rpm -e gadugi-router")
    assert machine.output("pgrep -c gadugi-router || true") == "0"
    assert machine.output(f"ls {CONFIG}.rpmsave /usr/bin/gadugi-router 2>/dev/null || true") == f"{CONFIG}.rpmsave"
    assert machine.output(f"systemctl is-enabled {UNIT} 2>/dev/null || true") in ("", "not-found")
