"""RFC 6455, what is not allowed: the connection is failed with the right code, and nobody else notices."""
import struct

import pytest

from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, raw_client, text_frame
from witness import witness

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009


async def failed(router, data: bytes) -> int:
    """Sends this beside a witness; the router must end the connection. Returns its close code, 1006 for none."""
    async with witness(router), await raw_client(router) as peer:
        await peer.send(data)
        return await peer.close_code()


@pytest.mark.parametrize("data", [
    text_frame({"type": "ping"}, masked=False),
    frame(PING, b"x", masked=False),
    frame(CLOSE, b"\x03\xe8", masked=False),
], ids=["text", "ping", "close"])
async def test_a_frame_without_a_mask_is_refused(router, data):
    assert await failed(router, data) == PROTOCOL_ERROR


@pytest.mark.parametrize("rsv", [1, 2, 4, 7])
async def test_reserved_bits_are_refused(router, rsv):
    assert await failed(router, text_frame({"type": "ping"}, rsv=rsv)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes_are_refused(router, opcode):
    assert await failed(router, frame(opcode, b"x")) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_control_frames_in_fragments_are_refused(router, opcode):
    assert await failed(router, frame(opcode, b"\x03\xe8", fin=False)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_control_frames_over_125_bytes_are_refused(router, opcode):
    assert await failed(router, frame(opcode, b"\x03\xe8" + b"x" * 124)) == PROTOCOL_ERROR


@pytest.mark.parametrize("fin", [True, False])
async def test_a_continuation_of_nothing_is_refused(router, fin):
    assert await failed(router, frame(CONTINUATION, b"x", fin=fin)) == PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_new_message_inside_a_fragmented_one_is_refused(router, opcode):
    data = frame(TEXT, b'{"type":', fin=False) + frame(opcode, b'"ping"}')
    assert await failed(router, data) == PROTOCOL_ERROR


NOT_TEXT = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"abc\x80", b"\xe2\x82", b'{"type":"\xfe"}']


@pytest.mark.parametrize("payload", NOT_TEXT)
async def test_text_that_is_not_utf8_is_refused(router, payload):
    assert await failed(router, frame(TEXT, payload)) == NOT_UTF8


@pytest.mark.parametrize("payload", NOT_TEXT)
async def test_fragments_that_are_not_utf8_together_are_refused(router, payload):
    data = frame(TEXT, payload[:1], fin=False) + frame(CONTINUATION, payload[1:])
    assert await failed(router, data) == NOT_UTF8


@pytest.mark.parametrize("payload", [
    b"\x03", struct.pack(">H", 0), struct.pack(">H", 999), struct.pack(">H", 1004), struct.pack(">H", 1005),
    struct.pack(">H", 1006), struct.pack(">H", 1015), struct.pack(">H", 1016), struct.pack(">H", 2999),
    struct.pack(">H", 65535),
], ids=lambda payload: payload.hex())
async def test_a_close_with_a_code_that_may_not_be_sent_ends_the_connection(router, payload):
    assert await failed(router, frame(CLOSE, payload)) == PROTOCOL_ERROR


async def test_a_close_with_a_reason_that_is_not_utf8_ends_the_connection(router):
    assert await failed(router, frame(CLOSE, b"\x03\xe8\xff")) in (PROTOCOL_ERROR, NOT_UTF8)


async def test_what_came_before_a_violation_is_still_answered(router):
    async with await raw_client(router) as peer:
        await peer.send(text_frame({"type": "ping", "echo": "before"}) + frame(3, b"x") + text_frame({"type": "ping"}))
        assert (await peer.message())["echo"] == "before"
        opcode, payload = await peer.frame()
        assert opcode == CLOSE and int.from_bytes(payload[:2], "big") == PROTOCOL_ERROR


async def test_a_frame_that_announces_too_much_is_refused_before_it_comes(router):
    assert await failed(router, frame(TEXT, b"x", length=10_000_001)) == TOO_BIG
    assert await failed(router, frame(TEXT, b"x", length=1 << 62)) == TOO_BIG
    assert router.rss() < 100


async def test_a_length_with_its_highest_bit_set_is_refused(router):
    assert await failed(router, frame(TEXT, b"x", length=1 << 63)) in (PROTOCOL_ERROR, TOO_BIG)


async def test_fragments_count_together_for_the_limit(start):
    router = start(limits__max_message_size=10_000)
    data = frame(TEXT, b" " * 4000, fin=False) + frame(CONTINUATION, b" " * 4000, fin=False)
    assert await failed(router, data + frame(CONTINUATION, b" " * 4000)) == TOO_BIG


async def test_fragments_up_to_the_limit_are_taken(start):
    router = start(limits__max_message_size=10_000)
    message = b'{"type":"ping"}'
    async with await raw_client(router) as peer:
        await peer.send(frame(TEXT, b" " * 9000, fin=False) + frame(CONTINUATION, b" " * (1000 - len(message)), fin=False)
                        + frame(CONTINUATION, message))
        assert (await peer.message())["type"] == "pong"


async def test_endless_fragments_do_not_fill_memory(router):
    async with witness(router), await raw_client(router) as peer:
        try:
            await peer.send(frame(TEXT, b" " * 100_000, fin=False))
            for _ in range(2000):
                await peer.send(frame(CONTINUATION, b" " * 100_000, fin=False))
        except ConnectionError:
            pass
        assert await peer.close_code() in (TOO_BIG, 1006)
    assert router.rss() < 150


async def test_endless_empty_fragments_hurt_nobody(router):
    async with witness(router), await raw_client(router) as peer:
        await peer.send(frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 100_000)
        await peer.send(frame(CONTINUATION, b'{"type":"ping"}'))
        assert (await peer.message())["type"] == "pong"
    assert router.rss() < 100
