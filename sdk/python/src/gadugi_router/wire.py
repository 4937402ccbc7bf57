"""Opening a WebSocket: address, buffers, TLS, and what refuses us on the way."""

from __future__ import annotations

import asyncio
import socket
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

from .errors import AuthenticationError, ConnectionFailed
from .settings import Settings

# Messages that are decoded and not yet looked at. What is here cannot be overtaken, so there are few.
WAITING_FRAMES = 4
CLOSE_TIMEOUT = 2.0


class Connection(ClientConnection):
    """A WebSocket that knows when it last heard anything, be it a part of a long message."""

    heard = 0.0

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self.heard = self.loop.time()
        super().data_received(data)


async def open_connection(settings: Settings) -> Connection:
    """A WebSocket to the router, within `settings.timeout`.

    Raises:
        ConnectionFailed: Nobody is there, or it is no router.
        AuthenticationError: 401 or 403.
    """
    sock = None
    try:
        options: dict[str, Any] = {}
        if settings.ssl is not None:
            options["ssl"] = settings.ssl
        if settings.proxy is None:
            sock = options["sock"] = await asyncio.wait_for(dial(settings), settings.timeout)
        return await connect(  # type: ignore[return-value]
            settings.url,
            additional_headers=dict(settings.headers or {}),
            compression=None,
            proxy=settings.proxy,
            open_timeout=settings.timeout,
            close_timeout=CLOSE_TIMEOUT,
            # The session has its own, which knows when it does not read on purpose.
            ping_interval=None,
            max_size=settings.max_message_size,
            max_queue=WAITING_FRAMES,
            create_connection=Connection,
            **options,
        )
    except InvalidStatus as error:
        if error.response.status_code in (401, 403):
            raise AuthenticationError(f"{settings.url} answers {error.response.status_code}") from error
        raise ConnectionFailed(f"{settings.url} answers {error.response.status_code}") from error
    except (OSError, asyncio.TimeoutError, InvalidHandshake, WebSocketException, EOFError) as error:
        if sock is not None:
            sock.close()
        raise ConnectionFailed(f"no connection to {settings.url}: {error or type(error).__name__}") from error


async def dial(settings: Settings) -> socket.socket:
    """A TCP connection whose receive buffer was set before it began: the kernel offers the peer no more than that."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(settings.url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    addresses = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    errors: list[OSError] = []
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            if settings.receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, settings.receive_buffer)
            await asyncio.wait_for(loop.sock_connect(sock, address), settings.timeout / len(addresses))
        except OSError as error:
            sock.close()
            errors.append(error)
        except asyncio.TimeoutError:
            sock.close()
            errors.append(TimeoutError("timed out"))
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise next(iter(errors), OSError("no address"))


def close_code(error: BaseException | None) -> int | None:
    """The code with which the other side closed, if it said one."""
    received = getattr(error, "rcvd", None)
    return None if received is None else int(received.code)
