"""Socket activation: the router serves what listens already, and clients that knock meanwhile wait."""
import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import websockets

from client import PATIENCE, Client, connect, until
from routers import STOP_PATIENCE, environment, program

HANDOVER = Path(__file__).with_name("handover.py")
FAMILIES = ["IPv4", "IPv6", "Unix"]


class Activated:
    """A router that was handed these sockets. They stay open here, as they do in systemd."""

    def __init__(self, folder: Path, sockets: list[socket.socket], names: str, *arguments: str, **settings):
        folder.mkdir(exist_ok=True)
        (folder / "config.toml").touch()
        self.log_file = folder / "stderr"
        numbers = [sock.fileno() for sock in sockets]
        extra = {name: settings.pop(name) for name in ("LISTEN_PID",) if name in settings}
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, HANDOVER, names, ",".join(map(str, numbers)), program(),
                 "-c", folder / "config.toml", *arguments],
                env=environment(folder, **settings) | extra, pass_fds=numbers,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def ended(self) -> int:
        """Waits for its end by itself, and returns its exit code."""
        return self.process.wait(STOP_PATIENCE)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.ended()
        assert code == 0 and "panic" not in self.log(), self.log()


@pytest.fixture
def activate(tmp_path):
    """Starts routers with sockets, and ends those that still run."""
    routers: list[Activated] = []

    def start(*sockets, names="", arguments=(), **settings) -> Activated:
        routers.append(Activated(tmp_path / "router", list(sockets), names, *arguments, **settings))
        return routers[-1]

    yield start
    for router in routers:
        if router.process.poll() is None:
            router.process.kill()
            router.process.wait()


@pytest.fixture
def listening(tmp_path):
    """Makes sockets that listen, as a socket unit would."""
    with contextlib.ExitStack() as open_sockets:
        def listen(family: str) -> socket.socket:
            family, address = {
                "IPv4": (socket.AF_INET, ("127.0.0.1", 0)),
                "IPv6": (socket.AF_INET6, ("::1", 0)),
                "Unix": (socket.AF_UNIX, str(tmp_path / "ws.sock")),
            }[family]
            sock = open_sockets.enter_context(socket.socket(family))
            sock.bind(address)
            sock.listen(100)
            return sock
        yield listen


async def connect_to(sock: socket.socket) -> Client:
    """A welcomed client of the router behind this socket."""
    if sock.family != socket.AF_UNIX:
        host, port = sock.getsockname()[:2]
        return await connect(f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}")
    client = Client(await websockets.unix_connect(sock.getsockname(), "ws://localhost/", open_timeout=PATIENCE))
    client.welcome = await client.expect("welcome")
    return client


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_socket_of_each_family_is_served_under_each_name(activate, listening, family):
    sock = listening(family)
    for name in ("ws", "", "gadugi-router.socket"):
        router = activate(sock, names=name)
        async with await connect_to(sock) as client:
            await client.subscribe("t")
            await client.publish({"topic": "t", "payload": {"text": "x" * 300_000}})
            assert len((await client.event())["payload"]["text"]) == 300_000
        await asyncio.to_thread(router.stop)


@pytest.mark.parametrize("threads", [1, 2])
async def test_several_sockets_are_one_router(activate, listening, threads):
    sockets = [listening(family) for family in FAMILIES]
    router = activate(*sockets, names="ws:ws:ws", threads=threads)
    clients = [await connect_to(sock) for sock in sockets for _ in range(2)]
    for client in clients:
        await client.subscribe("t")
    await clients[0].publish({"topic": "t"})
    for client in clients:
        assert (await client.event())["topic"] == "t"
        await client.socket.close()
    await asyncio.to_thread(router.stop)


async def test_host_and_port_are_not_used_and_the_log_says_so(activate, listening):
    sock = listening("IPv4")
    router = activate(sock, names="ws", arguments=("--port", "1"))
    async with await connect_to(sock) as client:
        await client.ping()
    await until(lambda: "host and port are not used" in router.log(), "the log says so")
    await asyncio.to_thread(router.stop)


async def test_who_knocks_while_the_router_restarts_waits_and_is_served(activate, listening):
    sock = listening("IPv4")
    first = activate(sock, names="ws")
    async with await connect_to(sock) as client:
        await client.ping()
    await asyncio.to_thread(first.stop)
    knocking = [asyncio.create_task(connect_to(sock)) for _ in range(20)]
    await asyncio.sleep(0.2)
    assert not any(task.done() for task in knocking)
    second = activate(sock, names="ws")
    for client in await asyncio.gather(*knocking):
        await client.ping()
        await client.socket.close()
    await asyncio.to_thread(second.stop)


async def test_a_socket_for_the_administration_is_served(activate, listening):
    admin, ws = listening("Unix"), listening("IPv4")
    router = activate(admin, ws, names="admin:ws")
    async with await connect_to(ws) as client:
        await client.ping()
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(10)
        control.connect(admin.getsockname())
        control.sendall(b'{"protocol":1,"version":"0"}\n')
        assert json.loads(control.makefile().readline())["protocol"] == 1
    await asyncio.to_thread(router.stop)


async def test_sockets_for_another_process_are_not_touched(activate, listening):
    sock = listening("IPv4")
    router = activate(sock, names="ws", arguments=("--port", "0"), LISTEN_PID="1")
    await until(lambda: "listening on" in router.log(), "an address of its own")
    assert str(sock.getsockname()[1]) not in router.log()
    await asyncio.to_thread(router.stop)


def refused(router: Activated, *words: str) -> None:
    assert router.ended() == 69
    log = router.log()
    assert log.count("\n") == 1 and all(word in log for word in words), log


def test_sockets_of_the_wrong_kind_are_refused_with_what_would_be_right(activate):
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as silent:
        refused(activate(datagrams, names="ws"), "descriptor 3", "Datagram", "ListenStream=")
        refused(activate(silent, names="ws"), "descriptor 3", "does not listen")


def test_a_name_that_is_unknown_is_refused_with_those_that_are_known(activate, listening):
    one, other = listening("IPv4"), listening("IPv6")
    refused(activate(one, other, names="ws:metrics"), "descriptor 4", '"metrics"', "ws, admin or http")


def test_a_list_of_names_that_does_not_fit_is_refused(activate, listening):
    refused(activate(listening("IPv4"), names="ws:ws"), "LISTEN_FDNAMES")


def test_a_daemon_takes_no_sockets(activate, listening):
    router = activate(listening("IPv4"), names="ws", arguments=("--daemon",))
    assert router.ended() == 64
    assert "LISTEN_FDS" in router.log() and "without --daemon" in router.log()
