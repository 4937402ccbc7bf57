"""Where the commands that publish and subscribe find the router, and what they say of somebody else there."""
import asyncio
import signal
import socket

from client import connect, until
from control import control, ctl, folder_of, run
from routers import environment, free_port
from stalled import fill_until_refused, stalled_subscriber
from test_activation import Activated


async def test_where_there_is_no_router(tmp_path):
    nowhere = f"ws://127.0.0.1:{free_port()}"
    for words in (["publish", "t"], ["subscribe", "t"], ["monitor"], ["bench"]):
        outcome = run([ctl(), *words, "--url", nowhere], environment(tmp_path))
        assert outcome.code == 3 and outcome.out == "" and outcome.err.count("\n") == 1
        assert f"nobody answers at {nowhere}" in outcome.err and "start it with" in outcome.err
        outcome = run([ctl(), *words, "--url", nowhere, "--json"], environment(tmp_path))
        assert outcome.code == 3 and outcome.error["code"] == "not_running"
    outcome = run([ctl(), "publish", "t", "--socket", tmp_path / "none.sock"], environment(tmp_path))
    assert outcome.code == 3 and "none.sock" in outcome.err
    outcome = run([ctl(), "publish", "t", "--url", f"unix:{tmp_path}/none.sock"], environment(tmp_path))
    assert outcome.code == 3 and "none.sock" in outcome.err


async def test_where_the_router_is_found(router, start, tmp_path):
    other = start()
    async with await connect(router) as client, await connect(other) as elsewhere:
        for peer in (client, elsewhere):
            await peer.subscribe("t")
        here, nowhere = environment(folder_of(router)), environment(tmp_path)
        for command, env, found in [
            (["publish", "t"], here, client),
            (["publish", "t"], here | {"GADUGI_ROUTER_URL": other.url}, elsewhere),
            (["publish", "t", "--socket", folder_of(router) / "admin.sock"], here | {"GADUGI_ROUTER_URL": other.url}, client),
            (["publish", "t"], nowhere | {"GADUGI_ROUTER_URL": other.url}, elsewhere),
            (["--url", other.url, "publish", "t"], here, elsewhere),
            (["publish", "t", "--url", f"ws://[::1]:{other.port_v6}"], here, elsewhere),
            (["publish", "t", "--url", f"localhost:{other.port}"], here, elsewhere),
            (["publish", "t", "--socket", folder_of(other) / "admin.sock"], here, elsewhere),
        ]:
            outcome = await asyncio.to_thread(run, [ctl(), *command], env)
            assert outcome.code == 0, (command, outcome.err)
            assert (await found.event())["id"] in outcome.out
    outcome = run([ctl(), "publish", "t"], nowhere | {"GADUGI_ROUTER_URL": "http://x"})
    assert outcome.code == 64 and "GADUGI_ROUTER_URL" in outcome.err
    # The variable is for clients; the router has nothing to say about it.
    outcome = run([ctl().with_name("gadugi-router"), "--check-config", "-c", router.config_file],
                  here | {"GADUGI_ROUTER_URL": other.url})
    assert outcome.code == 0 and "GADUGI_ROUTER_URL" not in outcome.out + outcome.err


async def test_no_other_router_will_do_when_one_was_named(start, tmp_path):
    """One at the standard place is somebody else's then."""
    start(port=9090)
    for words in (["publish", "t"], ["subscribe", "t"], ["monitor"], ["bench"]):
        for env in (environment(tmp_path), environment(tmp_path, admin__socket=tmp_path / "s")):
            outcome = await asyncio.to_thread(run, [ctl(), *words], env)
            assert outcome.code == 3 and outcome.out == "" and str(tmp_path) in outcome.err, outcome


async def test_a_router_that_does_not_answer_is_not_said_not_to_run(router):
    router.process.send_signal(signal.SIGSTOP)
    try:
        outcome = await control(router, "publish", "t", "--json")
    finally:
        router.process.send_signal(signal.SIGCONT)
    assert outcome.code == 4 and outcome.error["code"] == "no_answer"


async def test_a_router_that_winds_down_is_said_to(start):
    router = start(limits__outbox_events=50, drain__timeout="60s")
    slow = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    draining = asyncio.create_task(control(router, "drain"))
    await until(lambda: phase_is(router, "draining"), "it winds down")
    for words in (["publish", "t"], ["publish", "t", "--url", f"ws://localhost:{router.port}"], ["bench"], ["monitor"]):
        outcome = await control(router, *words, "--json")
        assert outcome.code == 69 and outcome.error["code"] == "draining", outcome
        assert "takes nobody in any more" in outcome.error["message"]
    slow.vanish()
    assert (await draining).code == 0
    await asyncio.to_thread(router.ended)


async def phase_is(router, phase: str) -> bool:
    return (await control(router, "status", "--json")).json["phase"] == phase


async def test_a_router_that_is_full(start):
    router = start(max_clients=1)
    async with await connect(router):
        for words in (["publish", "t"], ["monitor"], ["bench"]):
            outcome = await control(router, *words)
            assert outcome.code == 69 and outcome.out == "" and "Maximum clients (1)" in outcome.err
            assert "max_clients" in outcome.err
            assert (await control(router, *words, "--json")).error["code"] == "max_clients_reached"


async def test_who_is_no_router(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
        asked = asyncio.create_task(asyncio.to_thread(run, [ctl(), "publish", "t", "--url", url], environment(tmp_path)))
        peer, _ = await asyncio.to_thread(server.accept)
        await asyncio.to_thread(peer.recv, 1000)
        peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        outcome = await asked
        peer.close()
    assert outcome.code == 76 and "404" in outcome.err and "--url" in outcome.err


async def test_a_router_on_a_unix_socket(tmp_path):
    path = tmp_path / "ws.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        router = Activated(tmp_path / "router", [listening], "")
        try:
            await until((tmp_path / "router" / "admin.sock").exists, "it runs")
            for words in ([], ["--url", f"unix:{path}"], ["--url", f"ws+unix:{path}"]):
                command = [ctl(), "bench", "--events", "20", "--json", *words]
                outcome = await asyncio.to_thread(run, command, environment(tmp_path / "router"))
                assert outcome.code == 0, outcome.err
                assert outcome.json["router"] == f"unix:{path}" and outcome.json["delivered"] == 20
        finally:
            router.stop()
