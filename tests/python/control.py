"""gadugi-routerctl, run against a router under test."""
import asyncio
import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from routers import environment, program

PATIENCE = 60.0
# What no two runs have in common.
CHANGING = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"localhost:\d+"), "localhost:PORT"),
    (re.compile(r"\[::1\]:\d+"), "[::1]:PORT"),
    (re.compile(r"PID: \d+"), "PID: N"),
    (re.compile(r"\d+\.\d seconds"), "T seconds"),
    (re.compile(r"(?<= )\d+s(?= )"), "AGE"),
]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self) -> dict:
        """The error that was told in JSON; nothing may be on stdout then."""
        assert self.out == ""
        return json.loads(self.err)["error"]

    @property
    def redacted(self) -> str:
        text = self.out
        for pattern, name in CHANGING:
            text = pattern.sub(name, text)
        return re.sub(r"[ ]{2,}(?=\S)", "  ", text) if "  ID" in text or text.startswith("ID") else text


def ctl() -> Path:
    return program().with_name("gadugi-routerctl")


def folder_of(router) -> Path:
    return router.config_file.parent


def socket_of(router) -> Path:
    return folder_of(router) / "admin.sock"


async def control(router, *words, **extra) -> Outcome:
    """Runs a command, which finds the router as it would anywhere: by its run-time directory."""
    return await asyncio.to_thread(run, [ctl(), *words], environment(folder_of(router)), **extra)


def run(command, env, before=()) -> Outcome:
    done = subprocess.run([*before, *map(str, command)], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE)
    assert "panicked" not in done.stderr, done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def is_root() -> bool:
    return os.getuid() == 0


def needs_root() -> None:
    """Only root can become somebody else. Without it the test says that it did not run, which tests/run takes for a
    failure."""
    if not is_root():
        pytest.skip("only root can become another user")


def open_to_others(tmp_path: Path, mode: int = 0o711) -> None:
    """pytest's directories are root's alone, and what cannot be reached cannot be read, run or removed."""
    for folder in [tmp_path, *tmp_path.parents[:2]]:
        folder.chmod(mode)


def for_others(tmp_path: Path, what: Path | None = None, mode: int = 0o711) -> Path:
    """A copy of the control program, or of another one, that every user can run."""
    open_to_others(tmp_path, mode)
    public = tmp_path / "program"
    public.write_bytes((what or ctl()).read_bytes())
    public.chmod(0o755)
    return public


class Talk:
    """The admin socket itself, line by line."""

    def __init__(self, router, greet: dict | None = None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(socket_of(router)))
        self.lines = self.socket.makefile("rb")
        if greet is not None:
            self.say(greet)
            self.greeting = self.hear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, message) -> None:
        text = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        self.socket.sendall(text)

    def hear(self):
        """The next message; None at the end."""
        line = self.lines.readline()
        return json.loads(line) if line else None

    def ask(self, message):
        self.say(message)
        return self.hear()
