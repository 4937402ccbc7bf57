"""gadugi-routerctl subscribe and monitor: when they end, and when they go on."""
import asyncio
import fcntl
import json
import signal
import struct
import subprocess
import termios

import pytest

from client import until
from control import PATIENCE, control, ctl, folder_of
from routers import Router, environment, free_port
from stalled import numbered, publish_in_order
from watching import Watcher, publish, watching


async def test_it_ends_after_so_many_events(router):
    async with await watching(router, "monitor", "--count", "3") as watcher:
        await publish(router, *({"topic": "t", "payload": number} for number in range(5)))
        assert await watcher.ended() == 0
        assert [line[-2:] for line in watcher.process.stdout.read().splitlines()] == [" 0", " 1", " 2"]


async def test_it_ends_after_some_time(router):
    outcome = await control(router, "monitor", "--timeout", "200ms")
    assert outcome.code == 0 and outcome.out == ""
    outcome = await control(router, "monitor", "--timeout", "200ms", "--count", "1")
    assert outcome.code == 69 and outcome.err.splitlines()[-1].endswith("0 of 1 events came within 0.2 s")
    outcome = await control(router, "monitor", "--timeout", "200ms", "--count", "1", "--json")
    assert json.loads(outcome.err.splitlines()[-1])["error"]["code"] == "timed_out"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_on_a_signal(router, number):
    async with await watching(router, "monitor") as watcher:
        watcher.process.send_signal(number)
        assert await watcher.ended() == 0
        assert watcher.process.stdout.read() == "" and watcher.process.stderr.read() == ""


async def test_it_ends_on_a_signal_also_when_nobody_takes_its_lines(router):
    async with await watching(router, "monitor", "--json") as watcher:
        await publish_in_order(router, [numbered("t", 5, number) for number in range(2000)])

        def the_pipe_is_full():
            waiting = fcntl.ioctl(watcher.process.stdout, termios.FIONREAD, b"\0" * 4)
            return struct.unpack("i", waiting)[0] > 0.8 * fcntl.fcntl(watcher.process.stdout, fcntl.F_GETPIPE_SZ)
        await until(the_pipe_is_full, "it waits for its reader")
        watcher.process.send_signal(signal.SIGTERM)
        assert await watcher.ended() == 0


async def test_it_ends_when_nobody_reads_any_more(router):
    command = f"{ctl()} monitor | head -n 1"
    process = subprocess.Popen(["bash", "-c", f"set -o pipefail; {command}"], env=environment(folder_of(router)),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    notice = await asyncio.to_thread(process.stderr.readline)
    assert "watching" in notice
    # One event only: that the reader has gone is seen without another one.
    await publish(router, {"topic": "t"})
    out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert process.returncode == 0 and err == "" and out.count("\n") == 1


async def test_a_restart_of_the_router_is_survived(start, tmp_path):
    port = free_port()
    router = start(port=port)
    async with await watching(router, "monitor", folder=tmp_path, env={"GADUGI_ROUTER_URL": f"ws://127.0.0.1:{port}"}) as watcher:
        await publish(router, {"topic": "one"})
        assert "  one  " in await watcher.line()
        await asyncio.to_thread(router.stop)
        assert "winds down" in await watcher.notice()
        lost = await watcher.notice()
        assert f"connection to ws://127.0.0.1:{port} lost" in lost and "1001" in lost and lost.endswith("; reconnecting")
        router = start(port=port)
        again = await watcher.notice()
        assert f"connected again to ws://127.0.0.1:{port} after " in again and "not shown" in again
        await publish(router, {"topic": "two"})
        assert "  two  " in await watcher.line()

        router.kill()
        assert "reconnecting" in await watcher.notice()
        router = start(port=port)
        assert "connected again" in await watcher.notice()
        await publish(router, {"topic": "three"})
        assert "  three  " in await watcher.line()


async def test_a_router_that_comes_back_elsewhere_is_found_by_its_admin_socket(router):
    folder = folder_of(router)
    async with await watching(router, "monitor", "--json") as watcher:
        await asyncio.to_thread(router.stop)
        codes = [json.loads(await watcher.notice())["notice"]["code"] for _ in range(2)]
        assert codes == ["draining", "lost"]
        second = await again_in(folder)
        try:
            notice = json.loads(await watcher.notice())["notice"]
            assert notice["code"] == "connected" and f":{second.port} " in notice["message"]
            await publish(second, {"topic": "t"})
            assert json.loads(await watcher.line())["topic"] == "t"
        finally:
            await asyncio.to_thread(second.stop)


async def again_in(folder) -> Router:
    """Another router with the same run-time directory, on another port."""
    return await asyncio.to_thread(
        Router, folder / "again", extra_env={"GADUGI_ROUTER_RUNTIME_DIR": str(folder)})


async def test_it_waits_for_a_router_if_asked(start, tmp_path):
    port = free_port()
    async with Watcher(None, "monitor", "--wait", "--url", f"ws://127.0.0.1:{port}", folder=tmp_path) as watcher:
        assert "waiting for it" in await watcher.notice()
        router = start(port=port)
        assert "watching * at" in await watcher.notice()
        await publish(router, {"topic": "t"})
        assert "  t  " in await watcher.line()
    async with Watcher(None, "monitor", "--wait", "--socket", tmp_path / "none" / "admin.sock", folder=tmp_path) as watcher:
        assert "waiting for it" in await watcher.notice()


async def test_who_is_disconnected_by_an_operator_does_not_come_back(router):
    async with await watching(router, "monitor") as watcher:
        clients = (await control(router, "clients", "--json")).json["clients"]
        assert [client["software"] for client in clients] == ["gadugi-routerctl/0.1.0"]
        assert (await control(router, "kick", clients[0]["id"])).code == 0
        assert await watcher.ended() == 69
        assert "closed by the operator" in await watcher.notice()
