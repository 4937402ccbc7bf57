"""A journal under test: what journald would be, at journald's own path, in a mount namespace that only the router sees.

The router's way to it cannot be given another path, so the namespace has a folder of the test's at that place. It needs
root, or a kernel that lets others have namespaces; without, the router does not start and the test fails.
"""
import os
import re
import socket
import struct
import threading
from pathlib import Path

from routers import ROOT

IN_ANOTHER_NAMESPACE = """
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal
mount --bind "$JOURNAL" /run/systemd/journal
"""
CONNECT_STDERR = "export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2)\n"
PRIORITIES = {"ERROR": "3", "WARN": "4", "INFO": "6", "DEBUG": "7"}


def message_ids() -> dict[str, str]:
    """The names and ids that the documentation lists."""
    page = (ROOT / "docs" / "log.md").read_text()
    return dict(re.findall(r"^\| `gadugi\.(\w+)` \| `([0-9a-f]{32})` \|", page, re.MULTILINE))


class Journal:
    """Listens from the beginning, and keeps the records that come until it is told to `stall`."""

    def __init__(self, folder: Path):
        folder.mkdir()
        self.folder = folder
        self.records: list[dict[str, str]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "socket"))
        self.socket.settimeout(0.05)
        self.reading = True
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def before(self, stderr_is_connected: bool = False) -> list[str]:
        """What to put before a command that is to find this journal."""
        alone = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
        script = "set -e\n" + IN_ANOTHER_NAMESPACE + CONNECT_STDERR * stderr_is_connected + 'exec "$@"'
        return ["env", f"JOURNAL={self.folder}", *alone, "sh", "-c", script, "sh"]

    def stall(self) -> None:
        """Reads no more; the kernel keeps a few records, and then whoever sends waits."""
        self.reading = False
        self.thread.join()

    def left(self) -> int:
        """How many records the kernel kept meanwhile, and what the sender puts in as soon as there is room."""
        count = 0
        try:
            while self.socket.recv(1 << 20):
                count += 1
        except TimeoutError:
            return count

    def close(self) -> None:
        self.stall()
        self.socket.close()

    def with_message(self, text: str) -> list[dict[str, str]]:
        return [record for record in self.records if text in record["MESSAGE"]]

    def _read(self) -> None:
        while self.reading:
            try:
                datagram = self.socket.recv(1 << 20)
            except TimeoutError:
                continue
            if datagram:  # An empty one only asks whether anybody is there.
                self.records.append(parsed(datagram))


def parsed(datagram: bytes) -> dict[str, str]:
    """A record of the journal's native protocol."""
    fields: dict[str, str] = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", datagram[:8])
            value, end, datagram = datagram[8:8 + size], datagram[8 + size:9 + size], datagram[9 + size:]
            assert end == b"\n", name
        assert name.decode() not in fields, f"twice: {name}"
        fields[name.decode()] = value.decode()
    return fields
