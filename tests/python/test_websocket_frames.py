"""RFC 6455, what is allowed: fragments, pings between them, any cut into segments, the closing handshake."""
import asyncio
import json

import pytest

from client import connect
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, raw_client, text_frame

PING_MESSAGE = json.dumps({"type": "ping", "echo": "é日本😀"}, ensure_ascii=False).encode()


async def test_a_message_in_two_fragments_is_one_message(router):
    async with await raw_client(router) as peer:
        await peer.send(frame(TEXT, PING_MESSAGE[:10], fin=False) + frame(CONTINUATION, PING_MESSAGE[10:]))
        assert (await peer.message())["echo"] == "é日本😀"


async def test_a_message_may_have_a_fragment_for_each_byte(router):
    """Also where that cuts a character in two."""
    async with await raw_client(router) as peer:
        await peer.send(frame(TEXT, b"", fin=False))
        for byte in PING_MESSAGE:
            await peer.send(frame(CONTINUATION, bytes([byte]), fin=False))
        await peer.send(frame(CONTINUATION, b"", fin=True))
        assert (await peer.message())["echo"] == "é日本😀"


async def test_a_ping_between_fragments_is_answered_at_once(router):
    async with await raw_client(router) as peer:
        await peer.send(frame(TEXT, PING_MESSAGE[:5], fin=False))
        await peer.send(frame(PING, b"in between"))
        assert await peer.frame() == (PONG, b"in between")
        await peer.send(frame(CONTINUATION, PING_MESSAGE[5:8], fin=False) + frame(PONG, b"unasked"))
        await peer.send(frame(CONTINUATION, PING_MESSAGE[8:]))
        assert (await peer.message())["echo"] == "é日本😀"


async def test_a_frame_may_come_a_byte_at_a_time(router):
    async with await raw_client(router) as peer:
        for byte in text_frame({"type": "ping", "echo": 1}):
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.001)
        assert (await peer.message())["echo"] == 1


async def test_many_frames_may_come_in_one_segment(router):
    async with await raw_client(router) as peer:
        await peer.send(b"".join(text_frame({"type": "ping", "echo": number}) for number in range(1000)))
        assert [(await peer.message())["echo"] for _ in range(1000)] == list(range(1000))


async def test_frames_cut_at_every_place_are_put_together(router):
    async with await raw_client(router) as peer:
        stream = b"".join(text_frame({"type": "ping", "echo": "x" * size}) for size in (1, 100, 126, 300))
        for cut in range(1, len(stream), 7):
            await peer.send(stream[:cut])
            await asyncio.sleep(0)
            await peer.send(stream[cut:])
            assert [len((await peer.message())["echo"]) for _ in range(4)] == [1, 100, 126, 300]


@pytest.mark.parametrize("size", [0, 1, 90, 125, 126, 127, 65_500, 65_535, 65_536, 65_537, 1_000_000])
async def test_every_form_of_length_works_both_ways(router, size):
    async with await raw_client(router) as peer:
        echo = "x" * size
        await peer.say({"type": "ping", "echo": echo})
        assert (await peer.message())["echo"] == echo


@pytest.mark.parametrize("payload", [b"", b"x", b"\xff\x00", b"x" * 125])
async def test_a_pong_carries_what_the_ping_did(router, payload):
    async with await raw_client(router) as peer:
        await peer.send(frame(PING, payload))
        assert await peer.frame() == (PONG, payload)


async def test_a_pong_that_nobody_asked_for_is_passed_over(router):
    async with await raw_client(router) as peer:
        await peer.send(frame(PONG, b"here I am"))
        assert (await peer.ask({"type": "ping"}))["type"] == "pong"


async def test_binary_fragments_get_one_error_and_the_connection_stays(router):
    async with await raw_client(router) as peer:
        await peer.send(frame(BINARY, b"\xff", fin=False) + frame(CONTINUATION, b"\xfe"))
        assert (await peer.message())["code"] == "binary_not_supported"
        assert (await peer.ask({"type": "ping"}))["type"] == "pong"


@pytest.mark.parametrize("payload", [b"\x03\xe8", b"\x03\xe8bye", b"\x03\xe9going", b"\x0b\xb8mine", b"\x13\x87"])
async def test_a_close_is_answered_with_the_same_code_and_the_connection_ends(router, payload):
    async with await raw_client(router) as peer:
        await peer.send(frame(CLOSE, payload))
        opcode, answer = await peer.frame()
        assert opcode == CLOSE and answer[:2] == payload[:2]
        assert await peer.frame() is None, "the server ends the TCP connection"


async def test_a_close_without_a_code_is_answered(router):
    async with await raw_client(router) as peer:
        await peer.send(frame(CLOSE))
        opcode, _ = await peer.frame()
        assert opcode == CLOSE
        assert await peer.frame() is None


async def test_nothing_after_a_close_is_looked_at(router):
    async with await raw_client(router) as peer, await connect(router) as other:
        await other.subscribe("t")
        await peer.send(frame(CLOSE, b"\x03\xe8") + text_frame({"type": "publish", "event": {"topic": "t"}}))
        assert await peer.close_code() == 1000
        assert await other.drain() == []


async def test_what_was_published_just_before_a_close_counts(router):
    async with await raw_client(router) as peer, await connect(router) as other:
        await other.subscribe("t")
        publish = b"".join(text_frame({"type": "publish", "event": {"topic": "t"}}) for _ in range(100))
        await peer.send(publish + frame(CLOSE, b"\x03\xe8"))
        for _ in range(100):
            await other.expect("event")


async def test_half_closing_the_connection_ends_it(router):
    async with await raw_client(router) as peer:
        peer.sock.shutdown(1)
        assert await peer.frame() is None or await peer.close_frame() is None
