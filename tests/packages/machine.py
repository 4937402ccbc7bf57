"""The machine on which the package is installed: what an administrator types there."""
import json
import subprocess

from box import Box

UNIT = "gadugi-router.service"
CONFIG = "/etc/gadugi-router/config.toml"
CONTROL = "gadugi-routerctl"
# Of the package, of the units, and of those who use them.
OURS = ("/etc /usr /var /run /opt /srv -xdev -not -path '/run/*.deb' -not -path '/run/*.rpm' -not -path '/run/user/*' -not -path '/run/systemd/*' -not -path '/run/udev/*' "
        "-not -path '/var/lib/dpkg/*' -not -path '/var/cache/*' -not -path '/var/log/*.log' -not -path '/run/log/*' -not -path '/var/lib/systemd/*' "
        "-not -name '*-' -not -path '/etc/.pwd.lock' -not -path '/var/log/apt/*' -not -path '/var/lib/apt/*'")


class Machine:
    def __init__(self, box: Box):
        self.box = box

    def forget(self) -> None:
        """Purged, whatever a test has left."""
        self.box.run("systemctl", "stop", "gadugi-router.socket", check=False)
        self.run("dpkg --purge gadugi-router; rpm -e --nodeps gadugi-router; rm -rf /etc/gadugi-router /var/lib/gadugi-router;"
                 "rm -rf /etc/systemd/system/gadugi-router*; rm -f /usr/sbin/policy-rc.d;"
                 "getent passwd gadugi-router && userdel gadugi-router; systemctl daemon-reload; systemctl reset-failed;"
                 "rm -rf /srv/elsewhere /tmp/seen", check=False)

    def run(self, command: str, check: bool = True) -> subprocess.CompletedProcess:
        """A line of shell, as root."""
        return self.box.run("sh", "-c", command, check=check)

    def output(self, command: str) -> str:
        return self.run(command).stdout.strip()

    def install(self, release: int = 1) -> str:
        """What apt or dpkg said."""
        done = self.run(f"dpkg -i /run/{release}.deb")
        return done.stdout + done.stderr

    def property(self, name: str, unit: str = UNIT) -> str:
        return self.output(f"systemctl show -p {name} --value {unit}")

    def status(self) -> dict:
        return json.loads(self.output(f"{CONTROL} status --json"))

    def files(self) -> set[str]:
        """All files where the package, or a service, may have left some."""
        return set(self.output(f"find {OURS}").splitlines())

    def journal(self) -> str:
        return self.run("journalctl -q -o cat -u 'gadugi-router*'", check=False).stdout
