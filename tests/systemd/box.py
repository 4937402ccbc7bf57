"""The box: a Debian with a real systemd, in which a unit is what it is for an operator. See tests/systemd-box."""
import fcntl
import os
import subprocess
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
SCRIPT = TESTS / "systemd-box" / "systemd-box"


class Box:
    """A booted box in `folder`, built if it is not there; nobody else's until `close`."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.lock = (folder.parent / f"{folder.name}.lock").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self._script("create")
        # One that a killed run has left running has its units still.
        self._script("stop")
        self._script("boot")

    def close(self) -> None:
        self._script("stop")
        self.lock.close()

    def _script(self, command: str, *arguments) -> None:
        subprocess.run([SCRIPT, command, self.folder, *arguments], check=True, timeout=600, stdin=subprocess.DEVNULL)

    def run(self, *command: str, check: bool = True, text: str | None = None) -> subprocess.CompletedProcess:
        """Runs a command inside; `text` is its standard input."""
        done = subprocess.run([SCRIPT, "exec", self.folder, *command], input=text, capture_output=True, text=True,
                              timeout=120, env=os.environ)
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def near(self, *command, **options) -> subprocess.Popen:
        """Starts a command outside, in the box's network."""
        return subprocess.Popen([SCRIPT, "near", self.folder, *command], text=True, **options)

    def output(self, *command: str) -> str:
        return self.run(*command).stdout.strip()

    def write(self, path: str, text: str) -> None:
        self.run("install", "-D", "-m", "644", "/dev/stdin", path, text=text)

    def copy(self, source: Path, path: str) -> None:
        self._script("copy", source, path)
