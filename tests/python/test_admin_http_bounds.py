"""What the HTTP side bears: broken, long, slow and many requests, none of which may disturb anybody else."""
import asyncio
import select
import socket

import pytest

from client import PATIENCE, until
from test_admin_http import HTTP
from web import ask, browse, metrics, port_of, request
from witness import witness

# Longer than any bound of the router.
LONG = 90.0
CONNECTIONS = 32


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, b"nonsense\r\n\r\n", b"GET\r\n\r\n",
    b"\x00" * 1000 + b"\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon here\r\n\r\n", b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n", b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
], ids=["tls", "words", "GET alone", "zeros", "ssh", "http2", "no colon", "not ascii", "two lengths", "coding", "star"])
async def test_garbage_is_answered_with_an_error_or_with_nothing(start, data):
    router = start(**HTTP)
    async with witness(router), await browse(router) as web:
        await web.send(data)
        web.writer.write_eof()
        text = await web.rest()
        assert text == "" or text.startswith("HTTP/1.1 4"), text
    assert (await ask(router, "/healthz")).status == 200


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000, b"GET /" + b"x" * 1_000_000,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000, request("/", **{f"x{n}": "y" for n in range(65)}),
    request("/", x="y" * 9_000), request("/" + "x" * 9_000),
], ids=["one header", "path", "many headers", "a few too many", "8 KiB in a header", "8 KiB in a path"])
async def test_overlong_heads_are_cut_off(start, data):
    router = start(**HTTP)
    async with witness(router), await browse(router) as web:
        try:
            await web.send(data)
        except ConnectionError:
            pass
        text = await web.rest()
        assert text == "" or text.startswith(("HTTP/1.1 431", "HTTP/1.1 414", "HTTP/1.1 400")), text
    assert router.rss() < 100
    assert (await ask(router, "/", x="y" * 7_000)).status == 200


async def drip(web, data: bytes) -> None:
    for byte in data:
        try:
            await web.send(bytes([byte]))
        except ConnectionError:
            return
        await asyncio.sleep(0.3)


async def test_a_head_that_comes_a_byte_at_a_time_is_given_up_and_others_are_answered(start):
    router = start(**HTTP)
    async with witness(router), await browse(router) as slow, await browse(router) as silent:
        dripping = asyncio.create_task(drip(slow, request("/healthz", x="y" * 1_000)))
        while not slow.reader.at_eof() or not silent.reader.at_eof():
            assert (await ask(router, "/healthz")).status == 200
            await asyncio.gather(*[end(web) for web in (slow, silent)])
        await dripping


async def end(web) -> None:
    """Looks for a moment whether the router has closed it; it answers nothing."""
    try:
        assert await asyncio.wait_for(web.reader.read(1), 0.2) == b""
    except asyncio.TimeoutError:
        pass
    except ConnectionError:
        web.reader.feed_eof()


async def test_an_idle_connection_is_closed(start):
    async with await browse(start(**HTTP)) as web:
        assert (await web.ask("/healthz")).status == 200
        assert await web.rest(LONG) == ""


async def test_who_does_not_take_the_answers_is_given_up(start):
    """It asks for more than the kernel keeps for it, and reads nothing."""
    router = start(**HTTP)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port_of(router)))
    async with witness(router):
        sock.setblocking(False)
        # Each is answered with tens of thousands of bytes.
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(sock, request("/metrics") * 250), PATIENCE)
        poll = select.poll()
        poll.register(sock, select.POLLRDHUP)
        await until(lambda: poll.poll(0), "the router gives it up", LONG)
        assert (await ask(router, "/healthz")).status == 200
    sock.close()


async def test_one_more_takes_the_place_of_the_oldest(start):
    router = start(**HTTP)
    async with witness(router):
        crowd = [await browse(router) for _ in range(10 * CONNECTIONS)]
        assert (await ask(router, "/healthz")).status == 200
        assert (await crowd[-1].ask("/healthz")).status == 200
        assert await crowd[0].rest() == ""
        found = await metrics(router)
        assert found["process_open_fds"] < 100, "those that gave way are closed"
        for web in crowd:
            web.writer.close()


async def test_a_crowd_that_asks_without_a_pause_leaves_the_others_their_time(start):
    router = start(**HTTP)

    enough = asyncio.Event()

    async def hammer(web):
        while not enough.is_set():
            await web.ask("/metrics")

    async with witness(router) as rounds:
        crowd = [await browse(router) for _ in range(CONNECTIONS - 2)]
        tasks = [asyncio.create_task(hammer(web)) for web in crowd]
        before = rounds.count
        await until(lambda: rounds.count > before + 50, "events flow as before")
        enough.set()
        await asyncio.gather(*tasks)
        for web in crowd:
            web.writer.close()
