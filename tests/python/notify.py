"""A supervisor's end of the notification protocol (sd_notify): it records what a service says, in order.

`NotifySocket()` is a Unix datagram socket at a path. Its `env` tells a service about it, and about a watchdog if
there is to be one. A thread reads it, so that a test may wait for messages or look at them later.
"""
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0
MARKER = b"X_MARKER="


class Message:
    """One datagram: its lines as fields, and when it came."""

    def __init__(self, text: str):
        self.text = text
        self.at = time.monotonic()
        self.lines = text.removesuffix("\n").split("\n")
        self.fields = dict(line.split("=", 1) for line in self.lines if "=" in line)

    def __contains__(self, name: str) -> bool:
        """`"READY" in message`, or with its value: `"READY=1" in message`."""
        return name in self.lines if "=" in name else name in self.fields

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def __repr__(self) -> str:
        return f"<{' | '.join(self.lines)}>"


class NotifySocket:
    """Listens until `close`. `on_message` is called for each message as it comes, in the thread that reads."""

    def __init__(self, watchdog_usec: int | None = None, watchdog_pid: int | None = None,
                 on_message: Callable[[Message], None] = lambda message: None):
        # Not in a test's own folder, whose path may be longer than the 107 bytes that an address has room for.
        self.folder = Path(tempfile.mkdtemp(prefix="notify-"))
        self.path = self.folder / "socket"
        self.env = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_usec is not None:
            self.env["WATCHDOG_USEC"] = str(watchdog_usec)
        if watchdog_pid is not None:
            self.env["WATCHDOG_PID"] = str(watchdog_pid)
        self.on_message = on_message
        self.messages: list[Message] = []
        self.markers = 0
        self.changed = threading.Condition()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self._say(MARKER + b"end")
        self.thread.join()
        self.socket.close()
        shutil.rmtree(self.folder)

    def _say(self, data: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(data, str(self.path))

    def _read(self) -> None:
        while (data := self.socket.recv(1 << 16)) != MARKER + b"end":
            if data.startswith(MARKER):
                with self.changed:
                    self.markers += 1
                    self.changed.notify_all()
                continue
            message = Message(data.decode())
            self.on_message(message)
            with self.changed:
                self.messages.append(message)
                self.changed.notify_all()

    def so_far(self) -> list[Message]:
        """All messages that were sent before this call."""
        with self.changed:
            wanted = self.markers + 1
        self._say(MARKER)
        with self.changed:
            assert self.changed.wait_for(lambda: self.markers >= wanted, PATIENCE)
            return list(self.messages)

    def having(self, name: str) -> list[Message]:
        return [message for message in self.so_far() if name in message]

    def position(self) -> int:
        """Where the next message will be, for `wait_for`."""
        return len(self.so_far())

    def wait_for(self, *names: str, after: int = 0, patience: float = PATIENCE) -> Message:
        """The first message that has all of these, from the position `after` on."""
        def found():
            return next((message for message in self.messages[after:] if all(name in message for name in names)), None)
        with self.changed:
            message = self.changed.wait_for(found, patience)
            assert message, f"not within {patience:.0f} s: {names}; there were {self.messages[after:]}"
            return message
