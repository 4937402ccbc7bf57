"""The package in a Debian with a real systemd: install, use, upgrade, remove, purge."""
import json

from box import TESTS
from machine import CONFIG, CONTROL, UNIT


def test_installed_it_runs_and_is_enabled_and_the_first_three_lines_work(machine):
    machine.install()
    assert machine.output(f"systemctl is-enabled {UNIT}") == "enabled"
    assert machine.output(f"systemctl is-active {UNIT}") == "active"
    machine.run("systemctl start gadugi-router")
    assert "listening on ws://127.0.0.1:9090" in machine.output("journalctl -u gadugi-router --no-pager")
    assert machine.output(f"{CONTROL} status").startswith("Event Router Status: RUNNING")
    assert machine.output(f"ps -o user= -p {machine.property('MainPID')}") in ("gadugi-router", "gadugi-+")


def test_apt_installs_upgrades_and_purges_it(machine):
    for command in ("install /run/1.deb", "install /run/2.deb"):
        machine.run(f"apt-get -y --no-install-recommends {command}")
        assert machine.property("ActiveState") == "active"
    machine.run("apt-get -y purge gadugi-router")
    assert machine.output("dpkg-query -W -f '${Status}' gadugi-router 2>/dev/null || true") in ("", "unknown ok not-installed")


def test_the_first_steps_of_the_readme_work_as_they_stand(machine):
    machine.install()
    text = (TESTS.parent / "README.md").read_text().split("First steps:", 1)[1].split("```sh\n", 1)[1].split("```", 1)[0]
    lines = [line.split(" #")[0].removeprefix("sudo ") for line in text.splitlines()]
    assert len(lines) == 5
    # What is in the background says when it has subscribed, and then has what the next line publishes.
    machine.box.write("/run/steps", "\n".join(lines).replace(" &", " --count 1 >/run/seen 2>/run/said &\nuntil grep -q . /run/said; do sleep 0.1; done"))
    shown = machine.output("set -e; export SYSTEMD_PAGER=cat; . /run/steps; wait; cat /run/seen")
    assert "active (running)" in shown and "Event Router Status: RUNNING" in shown and "max_clients = 1000 → 5000" in shown
    last = shown.splitlines()[-1].replace(" ", "")
    assert "task.created" in last and '{"id":1}' in last, shown


def test_anybody_may_publish_and_subscribe_and_nobody_but_root_kicks(machine):
    machine.install()
    anybody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
    machine.run(f"{anybody} {CONTROL} subscribe t --count 1 --json >/tmp/seen 2>/dev/null &")
    machine.run(f"for i in $(seq 100); do {CONTROL} subscriptions --json | grep -q subscription && break; sleep 0.1; done")
    machine.run(f"{anybody} {CONTROL} publish t hello")
    client = machine.run(f"for i in $(seq 100); do test -s /tmp/seen && break; sleep 0.1; done; cat /tmp/seen").stdout
    assert json.loads(client)["payload"] == "hello"
    done = machine.run(f"{anybody} {CONTROL} kick 00000000-0000-0000-0000-000000000000", check=False)
    assert done.returncode == 77, done


def test_the_same_again_changes_nothing(machine):
    machine.install()
    pid = machine.property("MainPID")
    machine.run("systemctl stop gadugi-router; systemctl disable -q gadugi-router")
    machine.install()
    assert machine.output(f"systemctl is-enabled {UNIT} || true") == "disabled"
    assert machine.property("ActiveState") == "inactive" and pid != "0"


def test_installed_again_after_a_removal_it_runs_as_at_first(machine):
    machine.install()
    machine.run("dpkg --remove gadugi-router")
    machine.install()
    assert machine.property("ActiveState") == "active" and machine.output(f"systemctl is-enabled {UNIT}") == "enabled"
    machine.run("systemctl stop gadugi-router")
    machine.install(2)
    assert machine.property("ActiveState") == "inactive", "an upgrade starts nothing that was stopped"
    assert "install" not in machine.output("ls /run | grep gadugi || true")


def test_an_upgrade_mends_what_had_failed(machine):
    machine.install()
    machine.run("systemctl kill -s KILL gadugi-router; systemctl stop gadugi-router;"
                "cp /bin/false /usr/bin/gadugi-router; systemctl start gadugi-router", check=False)
    machine.run(f"for i in $(seq 300); do [ \"$(systemctl show -p ActiveState --value {UNIT})\" = failed ] && break; sleep 0.1; done")
    assert machine.property("ActiveState") == "failed"
    machine.install(2)
    assert machine.property("ActiveState") == "active"


def test_an_account_that_was_there_gets_its_group(machine):
    machine.run("useradd --system --no-user-group --gid nogroup gadugi-router")
    machine.install()
    assert machine.property("ActiveState") == "active"
    assert machine.output("getent group gadugi-router")


def test_removed_it_keeps_settings_and_purged_it_leaves_nothing(machine):
    machine.run("dpkg --purge gadugi-router", check=False)
    files = machine.files()
    machine.install()
    machine.run("echo 'port = 9191' >/etc/gadugi-router/two.toml; systemctl enable -q --now gadugi-router@two;"
                "systemctl enable -q gadugi-router.socket gadugi-router-http.socket")
    assert machine.property("ActiveState", "gadugi-router@two.service") == "active"
    machine.run("dpkg --remove gadugi-router")
    assert machine.output("pgrep -c gadugi-router || true") == "0"
    assert machine.output(f"ls {CONFIG} /etc/gadugi-router/two.toml").count("\n") == 1
    assert not machine.run("test -e /usr/bin/gadugi-router", check=False).returncode == 0
    machine.run("dpkg --purge gadugi-router")
    assert machine.files() - files == set()


def test_purge_follows_no_link_out(machine):
    machine.run("mkdir -p /srv/elsewhere && echo precious >/srv/elsewhere/file")
    machine.install()
    machine.run("systemctl stop gadugi-router; rm -rf /var/log/gadugi-router; ln -s /srv/elsewhere /var/log/gadugi-router;"
                "ln -s /srv/elsewhere /var/lib/gadugi-router/link")
    machine.run("dpkg --purge gadugi-router")
    assert machine.output("cat /srv/elsewhere/file") == "precious"
    assert machine.output("ls -d /var/log/gadugi-router /var/lib/gadugi-router 2>/dev/null || true") == ""


def test_a_policy_that_forbids_starting_is_kept(machine):
    machine.run("printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d")
    machine.install()
    assert machine.property("ActiveState") == "inactive"
    assert machine.output(f"systemctl is-enabled {UNIT}") == "enabled"


def test_without_systemd_it_installs_and_goes(machine):
    """As while the image of a container is built: /run/systemd/system is not there."""
    hidden = "unshare --mount sh -c 'mount --bind /srv /run/systemd && {}'"
    for command in ("dpkg -i /run/1.deb", "dpkg -i /run/2.deb", "dpkg --remove gadugi-router", "dpkg --purge gadugi-router"):
        machine.run(hidden.format(command))
    assert machine.output("ls /usr/bin/gadugi-router* 2>/dev/null || true") == ""


def test_manual_pages_and_completions_are_where_they_are_looked_for(machine):
    machine.install()
    listed = machine.output("dpkg -L gadugi-router").splitlines()
    for name in ("man/man8/gadugi-router.8.gz", "man/man1/gadugi-routerctl.1.gz", "zsh/vendor-completions/_gadugi-routerctl",
                 "bash-completion/completions/gadugi-routerctl", "fish/vendor_completions.d/gadugi-routerctl.fish",
                 "doc/gadugi-router/copyright", "doc/gadugi-router/systemd/examples/socket-activated.conf"):
        assert f"/usr/share/{name}" in listed
    assert machine.output("dpkg --verify gadugi-router") == ""
    assert "MIT" in machine.output("head -n 3 /usr/share/doc/gadugi-router/copyright")


def test_lintian_has_nothing_against_it(machine):
    # alien-tag: a later lintian does not have every tag any more that is overridden for an older one.
    command = "lintian --allow-root --fail-on error,warning --display-info --tag-display-limit 0 --suppress-tags alien-tag"
    done = machine.run(f"{command} /run/1.deb", check=False)
    told = [line for line in done.stdout.splitlines() if line[:2] in ("E:", "W:", "I:")]
    assert done.returncode == 0 and told == [], "\n".join(told) + done.stderr


def test_its_log_file_is_rotated_and_written_on(machine):
    machine.install()
    machine.run(f"{CONTROL} configure --config {CONFIG} --set log.target=file; systemctl restart gadugi-router")
    log = "/var/log/gadugi-router/router.log"
    machine.run(f"for i in $(seq 100); do grep -q listening {log} && break; sleep 0.1; done")
    machine.run("logrotate --force /etc/logrotate.d/gadugi-router")
    machine.run("systemctl reload gadugi-router")
    machine.run(f"for i in $(seq 100); do test -s {log} && break; sleep 0.1; done; test -s {log}")
    assert "listening" in machine.output(f"cat {log}.1") and "listening" not in machine.output(f"cat {log}")
    assert machine.output(f"stat -c %U {log} {log}.1") == "gadugi-router\ngadugi-router"


def test_apparmor_understands_the_profile(machine):
    machine.install()
    profile = "/usr/share/doc/gadugi-router/apparmor"
    check = "apparmor_parser --skip-kernel-load --skip-cache"
    machine.run(f"{check} {profile}")
    done = machine.run(f"sed 's/network inet stream/network inet steam/' {profile} >/run/bad && {check} /run/bad", check=False)
    assert done.returncode != 0, "a mistake would be found"
