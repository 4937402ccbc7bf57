"""Where the HTTP side listens and when: from before the router is ready until its end."""
import asyncio
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from client import until
from control import needs_root, open_to_others
from routers import START_PATIENCE, environment, free_port, program
from stalled import numbered, publish_in_order, stalled_subscriber
from test_activation import activate, listening  # noqa: F401
from test_admin_http import HTTP
from web import ask, browse, metrics, port_of

LISTENS = "0A"


def listening_ports(pid: int) -> set[int]:
    """The TCP ports that a process listens on."""
    inodes = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        if found := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
            inodes.add(found[1])
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENS and row[9] in inodes}


def run_to_its_end(folder: Path, *arguments: str, **settings) -> subprocess.CompletedProcess:
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").touch()
    return subprocess.run([program(), "-c", folder / "config.toml", "--port", "0", *arguments], capture_output=True,
                          text=True, env=environment(folder, **settings), timeout=START_PATIENCE)


async def test_it_is_off_unless_it_is_set(start):
    off, on = start(), start(**HTTP)
    assert "health and metrics" not in off.log()
    assert listening_ports(off.process.pid) == {off.port}
    assert listening_ports(on.process.pid) == {on.port, port_of(on)}


async def test_a_port_alone_is_both_loopback_addresses(start):
    router = start(admin__http=free_port())
    port = port_of(router)
    assert f"http://127.0.0.1:{port}" in router.log() and f"http://[::1]:{port}" in router.log()
    assert (await ask(router, "/healthz")).status == 200


async def test_an_address_in_use_is_named_with_what_to_do(start, tmp_path):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        address = f"127.0.0.1:{held.getsockname()[1]}"
        ended = run_to_its_end(tmp_path / "second", admin__http=address)
    assert ended.returncode == 69, ended
    last = ended.stderr.splitlines()[-1]
    assert address in last and "`admin.http`" in last


async def test_an_address_for_other_machines_is_warned_of(tmp_path, start):
    checked = run_to_its_end(tmp_path / "c", "--check-config", admin__http="0.0.0.0:9091")
    assert checked.returncode == 0
    assert "warning: admin.http" in checked.stderr and "without any authentication" in checked.stderr
    assert "warning" not in run_to_its_end(tmp_path / "c", "--check-config", admin__http="9091").stderr
    router = start(admin__http="0.0.0.0:0")
    assert "without any authentication" in router.log()
    assert (await ask(router, "/healthz")).status == 200


async def test_a_wrong_address_is_a_mistake_that_says_what_would_be_right(tmp_path):
    for wrong, right in {"::1": "in brackets", "localhost": "port is missing", "http://x:1": "without"}.items():
        checked = run_to_its_end(tmp_path / "c", "--check-config", admin__http=wrong)
        assert checked.returncode == 78 and right in checked.stderr, checked


async def test_it_is_not_ready_before_what_the_last_run_left_is_taken_in(start, tmp_path):
    """The spool is a pipe here, which has no end until somebody has written one."""
    spool, port = tmp_path / "spool", free_port()
    os.mkfifo(spool)
    folder = tmp_path / "starting"
    folder.mkdir()
    (folder / "config.toml").touch()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program(), "-c", folder / "config.toml", "--port", "0"], stderr=log,
                                   env=environment(folder, admin__http=port, drain__spool=spool))
    try:
        async def answers():
            try:
                return await ask(port, "/readyz")
            except OSError:
                return None
        readyz = await until(answers, "it answers")
        assert (readyz.status, readyz.body) == (503, "starting\n")
        assert (await ask(port, "/healthz")).status == 200
        assert (await metrics(port))['gadugi_router_phase{phase="starting"}'] == 1
        assert (await ask(port, "/status")).json["phase"] == "starting"
        spool.write_bytes(b"")

        async def is_ready():
            return (await ask(port, "/readyz")).status == 200
        await until(is_ready, "it is ready")
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0


async def test_it_is_not_ready_while_it_drains_and_still_lives(start):
    router = start(**HTTP, drain__timeout="60s")
    slow = await stalled_subscriber(router, "t")
    await publish_in_order(router, [numbered("t", 5, number) for number in range(5000)], receipt="dispatched")
    async with await browse(router) as kept:
        assert (await kept.ask("/readyz")).status == 200
        router.process.send_signal(signal.SIGTERM)

        async def winds_down():
            return (await ask(router, "/readyz")).status == 503
        await until(winds_down, "it is not ready any more")
        for answer in (await kept.ask("/readyz"), await ask(router, "/readyz")):
            assert (answer.status, answer.body) == (503, "draining\n")
        assert (await ask(router, "/healthz")).status == 200
        assert (await metrics(router))['gadugi_router_phase{phase="draining"}'] == 1
        assert (await ask(router, "/status")).json["phase"] == "draining"
        router.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(router.ended)
        assert await kept.rest() == ""
    slow.vanish()


@pytest.mark.parametrize("settings", [{}, {"process__landlock": False}, {"process__user": "nobody"}],
                         ids=["landlock", "no landlock", "not root any more"])
async def test_the_process_is_measured_with_few_rights_too(start, tmp_path, settings):
    if "process__user" in settings:
        needs_root()
    open_to_others(tmp_path)
    router = start(**HTTP, **settings)
    found = await metrics(router)
    assert found["process_start_time_seconds"] > 1.7e9
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_resident_memory_bytes"] > 1e6
    assert found["process_virtual_memory_bytes"] > found["process_resident_memory_bytes"]
    assert 5 < found["process_open_fds"] < found["process_max_fds"]
    crowd = [await browse(router) for _ in range(20)]
    more = await metrics(router)
    assert more["process_open_fds"] >= found["process_open_fds"] + 15
    assert more["process_start_time_seconds"] == found["process_start_time_seconds"]
    for web in crowd:
        web.writer.close()


async def test_a_socket_that_is_handed_over_is_used_instead(activate, listening):  # noqa: F811
    for_clients, for_http = listening("IPv4"), listening("IPv4")
    router = activate(for_clients, for_http, names="ws:http", admin__http="127.0.0.1:1")
    assert (await ask(for_http.getsockname()[1], "/readyz")).body == "ready\n"
    await asyncio.to_thread(router.stop)
