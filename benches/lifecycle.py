"""How long the router takes to be ready, and to end when nothing is left to do.

    cargo build --release && python3 benches/lifecycle.py [ROUNDS]

Ready: from the start of the process to READY=1 on its notify socket. End: from SIGTERM to the end of the process.
Needs nothing but Python; prints the median and the range, in milliseconds.
"""
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[1] / "target" / "release" / "gadugi-router"
HANDSHAKE = (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n")


class Router:
    """A router that is ready, with its files in a folder."""

    def __init__(self, folder: Path, **environment: str):
        self.notify = folder / "notify"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(self.notify))
        environment |= {"NOTIFY_SOCKET": str(self.notify), "GADUGI_ROUTER_RUNTIME_DIR": str(folder / "run")}
        began = time.monotonic()
        self.process = subprocess.Popen([PROGRAM, "--host", "127.0.0.1", "--port", str(self.port)], env=environment,
                                        stderr=subprocess.DEVNULL)
        while b"READY=1" not in self.manager.recv(4096):
            pass
        self.ready = (time.monotonic() - began) * 1000

    def resident(self) -> int:
        """KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def has_ended(self) -> None:
        code = self.process.wait(60)
        self.manager.close()
        self.notify.unlink()
        assert code == 0, f"it ended with {code}"


def one_life(folder: Path, clients: int) -> tuple[float, float, int]:
    """Milliseconds to ready and to the end, and resident KiB in between."""
    router = Router(folder)
    connected = [connect(router.port) for _ in range(clients)]
    resident = router.resident()
    began = time.monotonic()
    router.process.send_signal(signal.SIGTERM)
    for peer in connected:
        say_goodbye(peer)
    router.has_ended()
    return router.ready, (time.monotonic() - began) * 1000, resident


def connect(port: int) -> socket.socket:
    """A client that has been welcomed."""
    peer = socket.create_connection(("127.0.0.1", port))
    peer.sendall(HANDSHAKE)
    heard = b""
    while b"welcome" not in heard:
        heard += peer.recv(4096)
    return peer


def say_goodbye(peer: socket.socket) -> None:
    """Reads to the end, and closes as well."""
    while peer.recv(4096):
        pass
    peer.close()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for clients in (0, 2, 100):
        with tempfile.TemporaryDirectory() as folder:
            lives = [one_life(Path(folder), clients) for _ in range(rounds)]
        for name, times in zip(("ready", "end", "KiB"), zip(*lives)):
            print(f"{clients:3} clients: {name:5} {statistics.median(times):8.1f} "
                  f"({min(times):.1f} to {max(times):.1f})")


if __name__ == "__main__":
    os.chdir("/")
    main()
