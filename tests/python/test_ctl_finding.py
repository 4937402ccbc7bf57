"""Where the commands that publish and subscribe find the router, and what they say of somebody else there."""
import asyncio
import socket

from client import connect, until
from control import control, ctl, folder_of, run
from routers import environment, free_port
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
