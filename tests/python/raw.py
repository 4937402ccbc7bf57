"""A WebSocket peer made by hand on a bare socket, for what no library would send: broken frames, a byte at
a time, no reading at all, no answer to pings.

It reads from the kernel only when a test asks it to, so what it does not read stays in the router.
"""
import asyncio
import base64
import json
import os
import socket
import struct

from client import PATIENCE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, fin=True, rsv=0, masked=True, length: int | None = None) -> bytes:
    """A client's frame. `length` lies about the payload's length."""
    size = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([mask_bit | 127]) + struct.pack(">Q", size)
    return head + masked_with(os.urandom(4), payload) if masked else head + payload


def masked_with(key: bytes, payload: bytes) -> bytes:
    long_key = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(long_key, "big")
    return key + mixed.to_bytes(len(payload), "big")


def text_frame(message, **options) -> bytes:
    text = message if isinstance(message, str) else json.dumps(message)
    return frame(TEXT, text.encode(), **options)


def upgrade(path: str = "/", **headers: str) -> bytes:
    """The request that asks for a WebSocket; headers as sec_websocket_version="8", None leaves one out."""
    wanted = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-Websocket-Version": "13",
              "Sec-Websocket-Key": base64.b64encode(os.urandom(16)).decode(),
              **{name.replace("_", "-").title(): value for name, value in headers.items()}}
    lines = [f"{name}: {value}" for name, value in wanted.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


async def dial(router, *, receive_buffer: int | None = None, host="127.0.0.1") -> "RawPeer":
    """A TCP connection, with nothing said yet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    port = router.port_v6 if ":" in host else router.port
    await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (host, port)), PATIENCE)
    return RawPeer(sock)


async def raw_client(router, *, receive_buffer: int | None = None, hello: dict | None = None) -> "RawPeer":
    """A peer that has been welcomed, and has said hello if it is to."""
    peer = await dial(router, receive_buffer=receive_buffer)
    await peer.shake_hands()
    if hello is not None:
        assert (await peer.ask({"type": "hello", "protocol": 2, **hello}))["type"] == "hello"
    return peer


class RawPeer:
    """One bare connection."""

    def __init__(self, sock: socket.socket):
        self.sock = sock
        self.buffer = bytearray()
        self.answers_pings = True
        self.welcome: dict = {}

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.sock.close()

    def vanish(self) -> None:
        """Ends with a reset, as when a process is killed with data unread."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    async def shake_hands(self) -> None:
        await self.send(upgrade())
        head = await self.http_head()
        assert head.startswith("HTTP/1.1 101"), head
        self.welcome = await self.message()
        assert self.welcome["type"] == "welcome", self.welcome

    async def send(self, data: bytes, patience: float = PATIENCE) -> None:
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.sock, data), patience)

    async def say(self, message, **options) -> None:
        await self.send(text_frame(message, **options))

    async def ask(self, message) -> dict:
        """Sends, and returns the reply. For when no events are on their way."""
        await self.say(message)
        return await self.message()

    async def subscribe(self, *topics: str, **filters) -> str:
        reply = await self.ask({"type": "subscribe", "subscription": {"topics": list(topics), **filters}})
        assert reply["type"] == "subscribed", reply
        return reply["subscription_id"]

    async def more(self, patience: float = PATIENCE) -> bool:
        """Reads once from the kernel; False at the end of the stream (a reset counts as an end)."""
        try:
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.sock, 1 << 16), patience)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self.buffer += data
        return bool(data)

    async def http_head(self) -> str:
        """The response's status line and headers; what is after them stays in the buffer."""
        while b"\r\n\r\n" not in self.buffer:
            assert await self.more(), f"closed before the end of a response: {bytes(self.buffer)!r}"
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        return head.decode()

    async def http_rest(self, patience: float = PATIENCE) -> str:
        """Everything until the router closes the connection."""
        while await self.more(patience):
            pass
        return self.buffer.decode(errors="replace")

    async def frame(self, patience: float = PATIENCE) -> tuple[int, bytes] | None:
        """The next frame, as opcode and payload; None at the end. The router's are whole and not masked."""
        while (found := self._parsed()) is None:
            if not await self.more(patience):
                return None
        return found

    def _parsed(self) -> tuple[int, bytes] | None:
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        assert buffer[0] & 0x80 and not buffer[0] & 0x70, "the router sends whole frames without reserved bits"
        assert not buffer[1] & 0x80, "a server does not mask"
        start, size = 2, buffer[1]
        if size == 126:
            start, size = 4, int.from_bytes(buffer[2:4], "big")
        elif size == 127:
            start, size = 10, int.from_bytes(buffer[2:10], "big")
        if len(buffer) < start or len(buffer) < start + size:
            return None
        opcode, payload = buffer[0] & 0x0F, bytes(buffer[start:start + size])
        del buffer[:start + size]
        return opcode, payload

    async def next_text(self, patience: float = PATIENCE) -> str | None:
        """The next text message; None when the router closes or the stream ends. Answers pings if it may."""
        while (found := await self.frame(patience)) is not None:
            opcode, payload = found
            if opcode == TEXT:
                return payload.decode()
            if opcode == PING and self.answers_pings:
                await self.send(frame(PONG, payload))
            elif opcode == CLOSE:
                self.buffer[:0] = b"\x88" + bytes([len(payload)]) + payload
                return None
        return None

    async def message(self, patience: float = PATIENCE) -> dict:
        text = await self.next_text(patience)
        assert text is not None, f"the connection ended: {await self.close_frame()}"
        return json.loads(text)

    async def close_frame(self) -> tuple[int | None, str] | None:
        """Passes over what comes before the router's close frame: its code and reason; None if there is none."""
        while (found := await self.frame()) is not None:
            opcode, payload = found
            if opcode == CLOSE:
                code = int.from_bytes(payload[:2], "big") if payload else None
                return code, payload[2:].decode()
        return None

    async def close_code(self) -> int | None:
        """The code of the router's close frame, 1006 if the connection ended without one."""
        found = await self.close_frame()
        return found[0] if found else 1006
