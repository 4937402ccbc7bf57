"""Everything that can be chosen about a client, checked once."""

from __future__ import annotations

import ssl as tls
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Callable, Literal, Union
from urllib.parse import urlsplit

Token = Union[str, Callable[[], Union[str, Awaitable[str]]], None]
Overflow = Literal["evict", "wait"]

COUNTS = (
    "buffer_size",
    "buffer_bytes",
    "max_in_flight",
    "max_local_events",
    "max_local_bytes",
    "handler_concurrency",
    "max_message_size",
)

# How long the router may take to greet; the protocol says 5 s.
WELCOME_TIMEOUT = 5.0


@dataclass(frozen=True)
class Settings:
    """The arguments of EventRouterClient, which says what each is for."""

    url: str
    auto_reconnect: bool
    reconnect_interval: float
    max_reconnect_interval: float
    reconnect_decay: float
    max_reconnect_attempts: int | None
    heartbeat_interval: float
    heartbeat_timeout: float
    timeout: float
    token: Token
    ssl: tls.SSLContext | None
    headers: Mapping[str, str] | None
    proxy: str | None
    name: str
    source: str | None
    buffer_size: int
    buffer_bytes: int
    overflow: Overflow
    max_in_flight: int
    prefetch: int | None
    max_local_events: int
    max_local_bytes: int
    handler_concurrency: int
    receive_buffer: int
    max_message_size: int
    dedupe: int

    def __post_init__(self) -> None:
        """Raises ValueError, naming the argument."""
        scheme = check_url(self.url)
        if self.ssl is not None and scheme != "wss":
            raise ValueError("ssl needs a wss:// url")
        if self.overflow not in ("evict", "wait"):
            raise ValueError(f'overflow is "evict" or "wait", not {self.overflow!r}')
        for name in ("reconnect_interval", "max_reconnect_interval", "timeout", "heartbeat_timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0, not {getattr(self, name)!r}")
        if self.reconnect_decay < 1:
            raise ValueError(f"reconnect_decay must be 1 or more, not {self.reconnect_decay!r}")
        for name in COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)!r}")
        if self.prefetch is not None and not 1 <= self.prefetch <= self.max_local_events:
            raise ValueError("prefetch must be from 1 to max_local_events")


def check_url(url: str) -> str:
    """Its scheme. Raises ValueError: what is wrong now would be wrong at each attempt."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss"):
        raise ValueError(f"url must begin with ws:// or wss://, not {url!r}")
    if not parts.hostname:
        raise ValueError(f"url must name a host, as ws://localhost:9090 does, not {url!r}")
    try:
        known = parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"the port in url must be a number from 1 to 65535, not as in {url!r}")
    return parts.scheme
