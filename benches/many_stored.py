"""What a router with very many stored events costs beside one with few: its start, its memory, and a publisher's wait.

    cargo build --release --bin gadugi-router
    target/tests/python/bin/python benches/many_stored.py [EVENTS]

The second line wants the packages of the Python tests: `tests/run python` puts them there.
Start: from the making of the process to READY=1 on its notify socket, nine times; memory: resident after the start, the median
of them. A publisher's wait: one event of 256 bytes of payload, until it is confirmed, 1,500 times one after the other. The two
routers take turns, three times. The disk is that of TMPDIR; ten million events need 5 GB.
"""
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from lifecycle import PROGRAM, Router
from websockets.sync.client import ClientConnection, connect

EVENT = {"topic": "bench.stored", "payload": {"text": "x" * 256}}
BATCH, UNDER_WAY = 1_000, 4
ROUNDS, STARTS, PUBLISHES = 3, 3, 1_500


@contextmanager
def running(folder: Path) -> Iterator[Router]:
    """One life of a router with its store in this folder."""
    router = Router(folder, GADUGI_ROUTER_STORE__KIND="sqlite", GADUGI_ROUTER_STORE__PATH=str(folder / "events.db"),
                    GADUGI_ROUTER_STORE__RULE='[{ topics = ["bench.**"] }]')
    try:
        yield router
    finally:
        router.process.terminate()
    router.has_ended()


@contextmanager
def client(router: Router) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{router.port}", max_size=None, compression=None) as peer:
        peer.recv()
        peer.send('{"type":"hello","protocol":2}')
        peer.recv()
        yield peer


def fill(folder: Path, events: int) -> None:
    batch = json.dumps({"type": "publish_batch", "events": [EVENT] * BATCH})
    with running(folder) as router, client(router) as peer:
        for _ in range(events // (BATCH * UNDER_WAY)):
            for _ in range(UNDER_WAY):
                peer.send(batch)
            for _ in range(UNDER_WAY):
                answer = json.loads(peer.recv())
                assert all("sequence" in result for result in answer["results"]), answer["results"][0]


def waits(router: Router) -> list[float]:
    """Milliseconds until each event was confirmed."""
    took, event = [], json.dumps({"type": "publish", "event": EVENT})
    with client(router) as peer:
        for _ in range(PUBLISHES):
            began = perf_counter()
            peer.send(event)
            answer = peer.recv()
            took.append((perf_counter() - began) * 1000)
            assert '"sequence"' in answer, answer
    return took


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as few, tempfile.TemporaryDirectory() as many:
        fill(Path(many), events)
        size = sum(file.stat().st_size for file in Path(many).iterdir() if file.name.startswith("events.db")) / 2**30
        print(f"{events} events, {size:.2f} GiB, filled by version {version()}\n")
        starts, memory, waited = ({few: [], many: []} for _ in range(3))
        for _ in range(ROUNDS):
            for folder in (few, many):
                for at in range(STARTS):
                    with running(Path(folder)) as router:
                        starts[folder].append(router.ready)
                        memory[folder].append(router.resident() / 1024)
                        if at == STARTS - 1:
                            waited[folder] += waits(router)
        print(f"| | few | {events:,} |\n| --- | --: | --: |")
        for name, figure in (
                ("start to READY, ms", lambda folder: f"{statistics.median(starts[folder]):.1f}"),
                ("resident memory after the start, MiB", lambda folder: f"{statistics.median(memory[folder]):.1f}"),
                ("one event, confirmed: median, ms", lambda folder: f"{statistics.median(waited[folder]):.2f}"),
                ("99th of a hundred, ms", lambda folder: f"{statistics.quantiles(waited[folder], n=100)[98]:.2f}")):
            print(f"| {name} | {figure(few)} | {figure(many)} |")


def version() -> str:
    return subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
