"""A router under test: the real program, on a free port, with settings of its own.

What is said to it over the wire does not belong here (see client.py and raw.py).
"""
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "GADUGI_ROUTER_"
# What a supervisor of the tests themselves would have set.
SUPERVISION = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "INVOCATION_ID", "LISTEN_PID",
               "LISTEN_FDS", "LISTEN_FDNAMES", "RUNTIME_DIRECTORY", "LOGS_DIRECTORY", "STATE_DIRECTORY"}
# Runs the same tests on a router with that many threads.
THREADS = os.environ.get("GADUGI_TEST_THREADS")
START_PATIENCE = 20.0
STOP_PATIENCE = 30.0
LISTENING = re.compile(r"(127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1\]|\[::\]):(\d+)")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def program() -> Path:
    """The binary under test: what GADUGI_ROUTER_BIN names, else the one built last."""
    named = os.environ.get(PREFIX + "BIN")
    places = [Path(named)] if named else [ROOT / "target" / kind / "gadugi-router" for kind in ("debug", "release")]
    built = [place for place in places if place.exists()]
    if not built:
        pytest.exit(f"there is no router to test at {' or '.join(map(str, places))}: cargo build first", 2)
    return max(built, key=lambda place: place.stat().st_mtime)


class Router:
    """A running router. `settings` become the environment: limits__outbox_events=10 sets limits.outbox_events.

    They outrank its file, `config_file`, so what a test changes there must not be among them. `extra_env` is for
    variables that are no settings. `before` is put before its command: a program that prepares something and then
    becomes it.
    """

    def __init__(self, folder: Path, config: str = "", config_name: str = "config.toml", before: Sequence[str] = (),
                 extra_env: dict[str, str] | None = None, **settings):
        folder.mkdir()
        self.log_file = folder / "stderr"
        self.ports: dict[str, int] = {}
        self.stopped = False
        self.config_file = folder / config_name
        self.config_file.write_text(config)
        # None leaves it to the file.
        self.given_port = settings.pop("port", 0)
        flags = [] if self.given_port is None else ["--port", str(self.given_port)]
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*before, program(), "-c", self.config_file, *flags],
                env=environment(folder, **settings) | (extra_env or {}), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        self._wait_until_it_listens()

    def log(self) -> str:
        return COLOUR.sub("", self.log_file.read_text(errors="replace"))

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return next((self.ports[host] for host in ("127.0.0.1", "localhost") if host in self.ports),
                    next(iter(self.ports.values())))

    @property
    def port_v6(self) -> int:
        """Its port on ::1, the same one unless the log says otherwise."""
        return self.ports.get("[::1]", self.port)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def rss(self) -> int:
        """Memory in use, in MiB; 0 where the system does not say."""
        if not sys.platform.startswith("linux"):
            return 0
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) >> 10

    def stop(self) -> None:
        """SIGTERM: it must end by itself, with 0, and nothing may have panicked."""
        if self.stopped:
            return
        self.stopped = True
        self.process.send_signal(signal.SIGTERM)
        self.ended()

    def kill(self) -> None:
        """SIGKILL, as a crash would be."""
        self.stopped = True
        self.process.kill()
        self.process.wait()

    def ended(self) -> None:
        """Waits for its end and looks at how it was."""
        self.stopped = True
        try:
            code = self.process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the router did not end within {STOP_PATIENCE:.0f} s of SIGTERM") from None
        log = self.log()
        print(f"--- log of router {self.process.pid}, exit code {code}:\n{log[-4000:]}")
        assert code == 0, f"the router ended with {code}"
        assert "panic" not in log.lower(), "something in the router panicked"

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_PATIENCE
        while not self._read_ports():
            ended = self.process.poll()
            if ended is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                self.stopped = True
                why = "is not listening" if ended is None else f"ended with {ended}"
                raise AssertionError(f"the router {why}; its log:\n{self.log()}")
            time.sleep(0.01)

    def _read_ports(self) -> bool:
        """Takes the addresses from the complete log lines that say where it listens.

        Such a line is not there at every log level; a port that was given can be tried instead.
        """
        if self.given_port and can_connect(self.given_port):
            self.ports["127.0.0.1"] = self.given_port
        for line in self.log().splitlines(keepends=True):
            if "listening" in line.lower() and line.endswith("\n"):
                self.ports.update({host: int(port) for host, port in LISTENING.findall(line)})
        return bool(self.ports)


def environment(folder: Path, **settings) -> dict[str, str]:
    """Ours without any setting and without a supervisor, and then these."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(PREFIX) and name not in SUPERVISION}
    clean[PREFIX + "RUNTIME_DIR"] = str(folder)
    if THREADS:
        clean[PREFIX + "THREADS"] = THREADS
    return clean | {PREFIX + name.upper(): written(value) for name, value in settings.items()}


def can_connect(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens at, and that no system takes for an outgoing connection while the router is away."""
    while can_connect(port := random.SystemRandom().randrange(20_000, 32_000)):
        pass
    return port


def written(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
