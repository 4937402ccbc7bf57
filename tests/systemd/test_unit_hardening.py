"""What the unit may not do, and that the router does its whole work without it."""
import re

import pytest

from client import connect, until
from service import CONTROL, SHIPPED, UNIT, UNITS, units
from stalled import numbered, publish_in_order, stalled_subscriber

# Of ten, in tenths: systemd-analyze's own measure. The best of our kind that is shipped has 1.1 (Redis in Debian 12).
PLAIN, SOCKET_ACTIVATED = 10, 3


@pytest.fixture
def people(box):
    """alice, who is in the router's group, and bob, who is not."""
    box.run("useradd", "--groups", "gadugi-router", "alice")
    box.run("useradd", "bob")
    yield
    box.run("sh", "-c", "userdel alice; userdel bob")


def as_user(service, name: str, *words: str):
    return service.box.run("setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", CONTROL, *words, check=False)


def exposure(service, unit: str) -> int:
    told = service.box.output("systemd-analyze", "security", "--no-pager", unit)
    whole, tenth = re.search(r"Overall exposure level for .*: (\d+)\.(\d)", told).groups()
    print(f"{unit}: {whole}.{tenth}")
    return 10 * int(whole) + int(tenth)


def test_exposure_is_what_is_promised(service):
    assert exposure(service, UNIT) <= PLAIN
    assert exposure(service, "gadugi-router@one.service") <= PLAIN
    service.example("socket-activated")
    assert exposure(service, UNIT) <= SOCKET_ACTIVATED


def test_systemd_finds_nothing_wrong_with_the_units(service):
    for drop_in in (SHIPPED / "examples").iterdir():
        # systemd 252 does not know that type.
        if drop_in.stem != "notify-reload":
            service.example(drop_in.stem)
    names = [f"{UNITS}/{file.name}" for file in units()]
    done = service.box.run("systemd-analyze", "verify", "--man=no", *names, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_instance_differs_from_the_unit_in_names_only():
    """The template is the unit with these changes; so whoever changes one is told of the other."""
    text = (SHIPPED / UNIT).read_text()
    changes = [("Description=Gadugi event router", "Description=Gadugi event router %i"), ("config.toml", "%i.toml"),
               *((f"{kind}Directory=gadugi-router", f"{kind}Directory=gadugi-router-%i")
                 for kind in ("Runtime", "State", "Logs"))]
    for old, new in changes:
        text = text.replace(old, new)
    instance = (SHIPPED / "gadugi-router@.service").read_text()
    assert instance[instance.index("[Unit]"):].splitlines() == text[text.index("[Unit]"):].splitlines()


def test_every_directive_that_systemd_rates_is_set_or_explained(service):
    """What is not set has a comment that says why."""
    shown = service.box.output("systemd-analyze", "security", "--no-pager", UNIT)
    bad = {re.match(r"✗ (\w+)=", line)[1] for line in shown.splitlines() if line.startswith("✗")}
    text = (SHIPPED / UNIT).read_text()
    missing = {name for name in bad if not re.search(rf"^(#.*\b)?{name}=", text, re.MULTILINE)}
    assert bad and not missing - {"DeviceAllow"}, "DeviceAllow is what ProtectClock= makes of it: the clock, read-only"


def test_the_process_has_no_rights_that_it_does_not_need(service):
    service.ctl("start")
    status = service.box.output("cat", f"/proc/{service.pid()}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    uid = service.box.output("id", "-u", "gadugi-router")
    assert set(fields["Uid"].split()) == {uid} and fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert service.says("Landlock") and not service.says("(?i)could not|not permitted|denied")
    limits = service.box.output("prlimit", f"--pid={service.pid()}", "--nofile", "-o", "SOFT,HARD", "--noheadings").split()
    assert limits[0] == limits[1], "it raises its limit on open files itself"


async def test_what_is_left_at_the_end_comes_back_from_the_spool(service):
    service.configure('[drain]\ntimeout = "200ms"\nspool = "/var/lib/gadugi-router/spool"\n')
    service.ctl("start")
    slow = await stalled_subscriber(service, "t")
    await publish_in_order(service, [numbered("t", 3, number) for number in range(5000)], receipt="dispatched")
    service.ctl("stop")
    assert service.property("Result") == "success"
    slow.vanish()
    owner, mode = service.box.output("stat", "-c", "%U %a", "/var/lib/gadugi-router/spool").split()
    assert owner == "gadugi-router" and int(mode, 8) & 0o7 == 0
    service.ctl("start")
    async with await connect(service) as client:
        await client.subscribe("t")
        assert 0 <= (await client.event())["payload"]["n"] < 5000


async def test_a_log_file_is_written_where_the_unit_lets_it(service):
    service.configure('[log]\ntarget = "file"\n')
    service.ctl("start")

    def listening():
        return "listening" in service.box.output("cat", "/var/log/gadugi-router/router.log")
    await until(listening, "the log is in its file")


async def test_members_of_the_group_may_look_and_nobody_else(service, people):
    service.ctl("start")
    async with await connect(service) as client:
        client_id = client.welcome["client_id"]
        done = as_user(service, "alice", "status")
        assert done.returncode == 0 and "Connected Clients: 1" in done.stdout, done
        done = as_user(service, "alice", "kick", client_id)
        assert done.returncode == 77 and not done.stdout, done
        done = as_user(service, "bob", "status")
        assert done.returncode == 77 and not done.stdout, done
        done = as_user(service, "bob", "kick", client_id)
        assert done.returncode == 77 and not done.stdout, done
        await client.subscribe("from.bob")
        done = as_user(service, "bob", "--url", service.url, "publish", "from.bob", "hello")
        assert done.returncode == 0, done
        assert (await client.event())["payload"] == "hello"


async def test_other_admins_have_no_effect_behind_a_wall_and_the_journal_says_so(service, people):
    """Otherwise `nobody` would be whoever the kernel does not show: everybody who may look."""
    service.configure('[admin]\nadmins = ["bob", "nobody", "@nogroup"]\n')
    service.ctl("start")
    await until(lambda: service.says("3 of 3 admin.admins have no effect.*other-admins.conf"), "the warning")
    async with await connect(service) as client:
        done = as_user(service, "alice", "kick", client.welcome["client_id"])
        assert done.returncode == 77, done


async def test_other_admins_need_the_drop_in_for_them(service, people):
    service.example("other-admins", "SupplementaryGroups=bob\nSystemCallFilter=@chown\n")
    service.configure('[admin]\nadmins = ["bob"]\nsocket_group = "bob"\n')
    service.ctl("start")
    assert service.box.output("stat", "-c", "%U:%G %a", "/run/gadugi-router/admin.sock") == "gadugi-router:bob 660"
    assert not service.says("have no effect")
    async with await connect(service) as client:
        done = as_user(service, "bob", "kick", client.welcome["client_id"])
        assert done.returncode == 0, done
        await client.closed()
