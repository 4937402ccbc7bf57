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


def one_life(folder: Path, clients: int) -> tuple[float, float, int]:
    """Milliseconds to ready and to the end, and resident KiB in between."""
    notify = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        manager.bind(str(notify))
        environment = {"NOTIFY_SOCKET": str(notify), "GADUGI_ROUTER_RUNTIME_DIR": str(folder / "run")}
        began = time.monotonic()
        router = subprocess.Popen([PROGRAM, "--host", "127.0.0.1", "--port", str(port)], env=environment,
                                  stderr=subprocess.DEVNULL)
        while b"READY=1" not in manager.recv(4096):
            pass
        ready = time.monotonic() - began
        connected = [connect(port) for _ in range(clients)]
        status = Path(f"/proc/{router.pid}/status").read_text()
        resident = int(status.split("VmRSS:")[1].split()[0])
        began = time.monotonic()
        router.send_signal(signal.SIGTERM)
        for peer in connected:
            say_goodbye(peer)
        code = router.wait(60)
        end = time.monotonic() - began
    notify.unlink()
    assert code == 0, f"it ended with {code}"
    return ready * 1000, end * 1000, resident


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
