"""A program in a pseudo-terminal, and what a terminal shows of it."""
import termios
import time

import pexpect
import pyte

from routers import environment

PATIENCE = 60.0
ALTERNATE_ON, ALTERNATE_OFF = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """A terminal with a program in it; `size` is columns and lines."""

    def __init__(self, command, folder, size=(120, 40), **variables):
        columns, lines = size
        env = environment(folder) | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | variables
        if "NO_COLOR" not in variables:
            env.pop("NO_COLOR", None)
        self.screen = pyte.Screen(columns, lines)
        self.stream = pyte.ByteStream(self.screen)
        # All that came, for what no screen keeps.
        self.bytes = b""
        command = [str(word) for word in command]
        # It waits for a line first, so that the terminal's modes can be looked at before the program has changed them.
        self.child = pexpect.spawn("/bin/sh", ["-c", 'read go && exec "$@"', "sh", *command], env=env,
                                   dimensions=(lines, columns), timeout=PATIENCE)
        self.child.delaybeforesend = None
        self.modes = self.modes_now()
        self.child.send(b"\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    def modes_now(self):
        return termios.tcgetattr(self.child.child_fd)

    def press(self, keys: str) -> None:
        self.child.send(keys)

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        self.child.setwinsize(lines, columns)

    def read(self, patience: float = 0.05) -> bool:
        """Takes in what comes; False at the program's end."""
        try:
            some = self.child.read_nonblocking(65_536, patience)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.bytes += some
        self.stream.feed(some)
        return True

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def until(self, condition, what: str):
        """Reads until a condition on the screen's text holds, and returns its first true value."""
        deadline = time.monotonic() + PATIENCE
        while not (value := condition(self.text)):
            assert self.read(), f"it has ended: {self.text}"
            assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} s: {what}; the screen:\n{self.text}"
        return value

    def shows(self, words: str) -> None:
        self.until(lambda text: words in text, f"{words!r} is shown")

    def ends(self) -> int:
        """Reads up to the program's end; its exit code, or the signal that ended it, below zero."""
        deadline = time.monotonic() + PATIENCE
        while self.read():
            assert time.monotonic() < deadline, f"it does not end; the screen:\n{self.text}"
        self.child.wait()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus

    def colours(self) -> set[str]:
        """The colours of what is on the screen."""
        rows = self.screen.buffer.values()
        return {colour for row in rows for cell in row.values() for colour in (cell.fg, cell.bg)} - {"default"}
