"""launchd/install and uninstall from end to end, in the box, with stand-ins for what only a Mac has: launchctl, dscl, and its owners.

What they do to files alone is tested in tests/python/test_launchd.py.
"""
import base64
import io
import os
import tarfile
from pathlib import Path

import pytest

from box import TESTS

PLACE = "/run/mac"
JOB = "/Library/LaunchDaemons/org.gadugi.router.plist"
STANDINS = {
    # A folder for each record, a file for each of its attributes.
    "dscl": '''
db=/run/mac/db$3; verb=$2; shift 3
case $verb in
-list) for one in "$db"/*; do if [ -d "$one" ]; then echo "${one##*/} $(cat "$one/$1")"; fi; done ;;
-read) [ -d "$db" ] || exit 56; if [ $# -gt 0 ]; then echo "$1: $(cat "$db/$1")"; fi ;;
-create) mkdir -p "$db"; if [ $# -gt 0 ]; then echo "$2" >"$db/$1"; fi ;;
-delete) rm -r "$db" ;;
esac''',
    # A job is there from bootstrap to bootout; the first time it is not yet taken, as after a bootout that goes on.
    "launchctl": '''
echo "$*" >>/run/mac/told
case $1 in
print) [ -e /run/mac/loaded ] ;;
bootout) rm /run/mac/loaded; touch /run/mac/busy ;;
bootstrap) if [ -e /run/mac/busy ]; then rm /run/mac/busy; exit 5; fi; touch /run/mac/loaded ;;
esac''',
    "chown": 'echo "$*" >>/run/mac/owned',
}


@pytest.fixture
def mac(machine):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for folder in ("launchd", "man"):
            tar.add(TESTS.parent / folder, folder)
        for program in ("gadugi-router", "gadugi-routerctl"):
            tar.add(Path(os.environ["GADUGI_PACKAGED"]) / program, f"target/release/{program}")
        for name, text in STANDINS.items():
            script = tarfile.TarInfo(f"bin/{name}")
            body = f"#!/bin/sh\nset -eu\n{text}\n".encode()
            script.mode, script.size = 0o755, len(body)
            tar.addfile(script, io.BytesIO(body))
    machine.run(f"rm -rf {PLACE}; mkdir -p {PLACE}/db/Users/other {PLACE}/db/Groups; echo 300 >{PLACE}/db/Users/other/UniqueID")
    machine.box.run("sh", "-c", f"base64 -d | tar -x -C {PLACE}", text=base64.b64encode(packed.getvalue()).decode())
    yield machine
    machine.run(f"rm -rf {PLACE} /Library")


def run(mac, script: str) -> str:
    """What launchd was told by it."""
    mac.run(f"rm -f {PLACE}/told; cd / && PATH={PLACE}/bin:$PATH {PLACE}/launchd/{script}")
    return mac.output(f"cat {PLACE}/told")


def test_install_upgrade_uninstall(mac):
    files = mac.files()
    job = "system/org.gadugi.router"
    start = f"enable {job}\nbootstrap system {JOB}"
    assert run(mac, "install") == f"print {job}\n{start}"
    assert mac.output("gadugi-router --version && gadugi-routerctl --version").count("gadugi-router") == 2
    account = mac.output(f"cd {PLACE}/db && grep -r . Users/_gadugirouter Groups/_gadugirouter")
    assert "Users/_gadugirouter/UniqueID:302" in account and "Users/_gadugirouter/PrimaryGroupID:301" in account, "300 was another's"
    assert "Users/_gadugirouter/UserShell:/usr/bin/false" in account
    owned = mac.output(f"cat {PLACE}/owned").splitlines()
    assert f"root:wheel {JOB}" in owned and "_gadugirouter:_gadugirouter /usr/local/var/gadugi-router" in owned

    assert run(mac, "install") == f"print {job}\nbootout {job}\n{start}\nbootstrap system {JOB}", "an upgrade, tried until it is taken"
    assert mac.output(f"cd {PLACE}/db && grep -r . Users/_gadugirouter Groups/_gadugirouter") == account

    assert run(mac, "uninstall --purge") == f"print {job}\nbootout {job}"
    left = {path for path in mac.files() - files if not path.startswith(PLACE)}
    folders = [path for path in left if mac.run(f"test -d {path}", check=False).returncode == 0]
    assert left == set(folders), "no file"
    assert mac.output(f"ls {PLACE}/db/Users {PLACE}/db/Groups {JOB} 2>/dev/null || true").count("_gadugirouter") == 0
    mac.run("rm -rf /usr/local/share/man/man[1578] /usr/local/var /etc/newsyslog.d")
    assert run(mac, "uninstall --purge") == f"print {job}"
