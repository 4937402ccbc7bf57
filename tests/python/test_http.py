"""Plain HTTP on the port, and handshakes that are none."""
import asyncio

import pytest

from client import PATIENCE
from raw import dial, text_frame, upgrade
from witness import witness


async def answer(router, request: bytes, host="127.0.0.1") -> tuple[int, dict[str, str], str]:
    """Status, headers (names in lower case) and body of the response to this request."""
    async with await dial(router, host=host) as peer:
        await peer.send(request)
        head = await peer.http_head()
        status, *lines = head.split("\r\n")
        assert status.startswith("HTTP/1.1 "), status
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(peer.buffer) < int(headers.get("content-length", 0)):
            assert await peer.more(), "the body is shorter than announced"
        body = peer.buffer.decode()
        return int(status.split()[1]), headers, body


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


@pytest.mark.parametrize("path", ["/", "/index.html", "/ws?x=y"])
async def test_a_browser_is_told_what_this_is(router, path):
    status, headers, body = await answer(router, get(path, "User-Agent: Mozilla/5.0", "Accept: text/html"))
    assert status == 426
    assert "websocket" in headers["upgrade"].lower()
    assert "websocket" in body.lower() and len(body) > 30
    assert headers["content-type"].startswith("text/")


async def test_healthz_says_that_all_is_well(router):
    status, headers, body = await answer(router, get("/healthz"))
    assert status == 200 and body and "content-length" in headers


async def test_healthz_does_not_count_as_a_client(start):
    router = start(max_clients=1)
    async with witness(router):
        for _ in range(5):
            status, _, _ = await answer(router, get("/healthz"))
            assert status == 200


async def test_healthz_answers_an_old_fashioned_request_too(router):
    async with await dial(router) as peer:
        await peer.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert " 200 " in (await peer.http_head()).split("\r\n")[0] + " "


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
async def test_other_methods_are_refused(router, method):
    status, _, _ = await answer(router, f"{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    assert 400 <= status < 500 or status == 501


@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, b"nonsense\r\n\r\n", b"GET\r\n\r\n",
    b"\x00" * 1000 + b"\r\n\r\n", b"\r\n" * 2000, b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", b"GET / HTTP/1.1\r\n\xff\xfe: x\r\n\r\n",
], ids=["tls", "words", "GET alone", "zeros", "empty lines", "ssh", "http2", "no colon", "not ascii"])
async def test_garbage_is_answered_with_an_error_or_with_nothing(start, data):
    router = start(limits__handshake_timeout="2s")
    async with witness(router), await dial(router) as peer:
        await peer.send(data)
        text = await peer.http_rest()
        assert text == "" or text.startswith("HTTP/1.1 4"), text


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000, b"GET /" + b"x" * 1_000_000,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000,
], ids=["one header", "path", "many headers"])
async def test_overlong_headers_are_cut_off(start, data):
    router = start(limits__handshake_timeout="5s")
    async with witness(router), await dial(router) as peer:
        try:
            await peer.send(data)
            text = await peer.http_rest()
        except ConnectionError:
            text = ""
        assert text == "" or text.startswith("HTTP/1.1 4"), text
    assert router.rss() < 100


@pytest.mark.parametrize("headers", [
    {"sec_websocket_key": None}, {"sec_websocket_key": "too short"}, {"sec_websocket_version": None},
    {"sec_websocket_version": "8"}, {"upgrade": None}, {"upgrade": "h2c"}, {"connection": None},
    {"connection": "keep-alive"},
], ids=str)
async def test_half_an_upgrade_is_refused(router, headers):
    status, _, _ = await answer(router, upgrade(**headers))
    assert 400 <= status < 500


async def test_the_version_that_is_spoken_is_named(router):
    _, headers, _ = await answer(router, upgrade(sec_websocket_version="8"))
    assert headers.get("sec-websocket-version") == "13"


@pytest.mark.parametrize("headers", [
    {"connection": "keep-alive, Upgrade"}, {"connection": "upgrade"}, {"upgrade": "WebSocket"},
    {"sec_websocket_protocol": "chat, other"}, {"sec_websocket_extensions": "permessage-deflate; client_max_window_bits"},
], ids=str)
async def test_headers_as_browsers_and_proxies_write_them_are_understood(router, headers):
    async with await dial(router) as peer:
        await peer.send(upgrade(**headers))
        head = (await peer.http_head()).lower()
        assert head.startswith("http/1.1 101") and "sec-websocket-extensions" not in head
        assert (await peer.message())["type"] == "welcome"


async def test_frames_may_come_right_behind_the_handshake(router):
    """A client that does not wait for its welcome is served all the same."""
    async with await dial(router) as peer:
        await peer.send(upgrade() + text_frame({"type": "ping", "echo": "early"}))
        assert (await peer.http_head()).startswith("HTTP/1.1 101")
        assert (await peer.message())["type"] == "welcome"
        assert (await peer.message(patience=10))["echo"] == "early", "also if nothing more comes to wake the router"


@pytest.mark.parametrize("beginning", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n", upgrade()[:-2]],
                         ids=["nothing", "a word", "a line", "all but the end"])
async def test_a_handshake_that_is_never_finished_is_ended(start, beginning):
    router = start(limits__handshake_timeout="1s")
    async with witness(router), await dial(router) as peer:
        await peer.send(beginning)
        text = await peer.http_rest()
        assert text == "" or text.startswith("HTTP/1.1 408"), text


async def test_a_handshake_that_drips_is_ended_too(start):
    router = start(limits__handshake_timeout="1s")
    async with witness(router), await dial(router) as peer:
        ending = asyncio.create_task(peer.http_rest())
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not ending.done():
            assert asyncio.get_running_loop().time() < deadline, "a byte now and then must not keep it open"
            try:
                await peer.send(b"G")
            except ConnectionError:
                break
            await asyncio.sleep(0.2)
        await ending


async def test_those_who_finished_their_handshake_stay_beyond_its_time_out(start):
    router = start(limits__handshake_timeout="1s")
    async with await dial(router) as peer:
        await peer.shake_hands()
        await asyncio.sleep(2)
        assert (await peer.ask({"type": "ping"}))["type"] == "pong"
