"""A supervisor that does not read: it holds up neither events nor a reload nor the end."""
import asyncio
import signal
import socket
import time

import pytest

from client import connect
from reloading import Log

FILLER = b"X_FILLER=1"


@pytest.fixture
def stuck(tmp_path_factory):
    """A notify socket whose queue is full from the beginning. The kernel counts messages there, not bytes."""
    path = tmp_path_factory.mktemp("s") / "notify"
    assert len(str(path)) < 108, path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
        full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        full.bind(str(path))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            filler.connect(str(path))
            while True:
                try:
                    filler.send(FILLER)
                except BlockingIOError:
                    break
        yield full, path


async def test_a_supervisor_that_does_not_read_holds_nothing_up(start, stuck):
    full, path = stuck
    # More beats than the router keeps for the supervisor while it waits.
    router = start(config="max_clients = 5\n", extra_env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "10000"})
    async with await connect(router) as subscriber, await connect(router) as publisher:
        await subscriber.subscribe("t")
        began = time.monotonic()
        number = 0
        while time.monotonic() - began < 1:
            await publisher.publish({"topic": "t", "payload": {"n": number}}, receipt="dispatched")
            assert (await subscriber.event())["payload"] == {"n": number}
            number += 1
        log = Log(router)
        router.config_file.write_text("max_clients = 6\n")
        router.process.send_signal(signal.SIGHUP)
        await log.says_changed("max_clients", 5, 6)
        for last in range(100):
            await publisher.publish({"topic": "t", "payload": {"n": last}}, receipt="dispatched")
            assert (await subscriber.event())["payload"] == {"n": last}
    began = time.monotonic()
    await asyncio.to_thread(router.stop)
    took = time.monotonic() - began
    assert "did not read all" in router.log(), "it was never stuck"
    assert took < 5, f"the end took {took:.1f} s"
    full.setblocking(False)
    assert full.recv(4096) == FILLER
