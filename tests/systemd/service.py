"""The unit under test: what an operator does with systemctl and sees in the journal.

The units are those that are installed (systemd/), as they are. Everything of a test is in /run, which is empty at the next boot, but
the program, its configuration, its state and its user.
"""
import json
import re
from pathlib import Path

from box import TESTS, Box
from routers import can_connect, free_port

UNIT = "gadugi-router.service"
SOCKET = "gadugi-router.socket"
HTTP_SOCKET = "gadugi-router-http.socket"
UNITS = "/run/systemd/system"
SHIPPED = TESTS.parent / "systemd"
CONFIG = "/etc/gadugi-router/config.toml"
PROGRAM = "/usr/bin/gadugi-router"
CONTROL = "/usr/bin/gadugi-routerctl"
# What a router under the units makes, and tests.
LEFT = "/etc/gadugi-router /run/gadugi-router* /var/lib/gadugi-router* /var/lib/private/gadugi-router* /var/log/gadugi-router*"


def units() -> list[Path]:
    return [file for file in sorted(SHIPPED.iterdir()) if file.suffix in (".service", ".socket")]


class Service:
    """The unit, installed with a port of its own, not started. Clients take it for a Router."""

    def __init__(self, box: Box):
        self.box = box
        self.port = self.port_v6 = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        for file in units():
            box.copy(file, f"{UNITS}/{file.name}")
        self.drop_in(SOCKET, "Socket", f"ListenStream=\nListenStream=127.0.0.1:{self.port}\n")
        self.configure()
        self.box.run("systemctl", "daemon-reload")
        # What other tests have left in the journal is before this.
        self.cursor = self.box.output("journalctl", "-n", "1", "--show-cursor", "-q").rsplit("-- cursor: ", 1)[1]

    def remove(self) -> None:
        """Leaves nothing of the test in the box."""
        self.box.run("systemctl", "stop", SOCKET, HTTP_SOCKET, "gadugi-router@*.service", check=False)
        self.box.run("systemctl", "kill", "-s", "KILL", UNIT, check=False)
        self.box.run("systemctl", "stop", UNIT, check=False)
        self.box.run("sh", "-c", f"rm -rf {UNITS}/gadugi-router* {LEFT}")
        self.box.run("systemctl", "daemon-reload")
        self.box.run("systemctl", "reset-failed", check=False)

    def configure(self, text: str = "") -> None:
        """Writes its file: this, and its port."""
        self.box.write(CONFIG, f"port = {self.port}\n{text}")

    def drop_in(self, unit: str, section: str, text: str) -> None:
        self.box.write(f"{UNITS}/{unit}.d/test.conf", f"[{section}]\n{text}")
        self.box.run("systemctl", "daemon-reload")

    def example(self, name: str, more: str = "") -> None:
        """Installs one of the drop-ins that are shipped as examples."""
        text = (SHIPPED / "examples" / f"{name}.conf").read_text()
        self.box.write(f"{UNITS}/{UNIT}.d/{name}.conf", text + more)
        self.box.run("systemctl", "daemon-reload")

    def ctl(self, *command: str, check: bool = True):
        """systemctl COMMAND UNIT, or another unit if the command names one."""
        units = [] if any(part.startswith("gadugi-router.") for part in command) else [UNIT]
        done = self.box.run("systemctl", *command, *units, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}\n{self.texts()}"
        return done

    def show(self, *names: str, unit: str = UNIT) -> dict[str, str]:
        shown = self.box.output("systemctl", "show", "-p", ",".join(names), unit)
        return dict(line.split("=", 1) for line in shown.splitlines())

    def property(self, name: str) -> str:
        return self.show(name)[name]

    def pid(self) -> int:
        return int(self.property("MainPID"))

    def connects(self) -> bool:
        return can_connect(self.port)

    def records(self) -> list[dict]:
        """The journal of the unit since the test began: what the router wrote and what systemd wrote of it."""
        text = self.box.output("journalctl", "-u", UNIT, "-o", "json", "--all", f"--after-cursor={self.cursor}")
        return [json.loads(line) for line in text.splitlines()]

    def own_records(self) -> list[dict]:
        """The router's own."""
        return [record for record in self.records() if record.get("_COMM", "").startswith("gadugi-router")]

    def texts(self) -> str:
        return "\n".join(str(record.get("MESSAGE")) for record in self.records())

    def says(self, pattern: str) -> bool:
        return re.search(pattern, self.texts()) is not None
