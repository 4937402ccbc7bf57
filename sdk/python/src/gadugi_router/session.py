"""One connection, from greeting to end. It reads, writes and watches; what it all means is decided elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections import deque
from collections.abc import Awaitable
from typing import Any, Callable, Protocol

from websockets.exceptions import ConnectionClosed

from .asks import Answer, Asks
from .codec import to_bytes
from .errors import AuthenticationError, ConnectionFailed, MaxClientsReached, NotConnected, RouterError
from .publisher import Publisher
from .settings import WELCOME_TIMEOUT, Settings
from .version import __version__
from .wire import Connection, open_connection

# Codes of errors after which the same token need not be shown again.
REFUSED = ("unauthorized", "forbidden")


class Owner(Protocol):
    """Whom a session tells what comes."""

    def event_came(self, message: dict[str, Any], size: int) -> None:
        """An `event`, and the size of its message."""

    def message_came(self, message: dict[str, Any]) -> None:
        """Anything else."""

    def unreadable(self, data: bytes, error: Exception) -> None:
        """A message that is none of the protocol's."""

    def may_read(self) -> Awaitable[Any] | None:
        """None to go on reading, else something to wait for before that."""

    def nudge(self) -> None:
        """Whether it may read has to be looked at again: an answer is awaited now."""

    def room(self, again: bool) -> dict[str, int]:
        """What `hello` says that the router may send, if it has flow control. `again`: another one in this session."""


class Session:
    """A connection that has been greeted."""

    def __init__(self, socket: Connection, settings: Settings, owner: Owner, publisher: Publisher) -> None:
        self._socket = socket
        self._settings = settings
        self._owner = owner
        self._publisher = publisher
        self._asks = Asks()
        self._posted: deque[bytes] = deque()
        self._work = asyncio.Event()
        self._publishing = False
        self._is_paused = False
        self._has_ended = False
        self._hello: dict[str, Any] = {}
        self.client_id = ""
        self.features: frozenset[str] = frozenset()
        self.speaks_hello = False
        self.sent = self.received = 0

    @classmethod
    async def open(cls, settings: Settings, owner: Owner, publisher: Publisher) -> Session:
        """Connects, is greeted, says hello.

        Raises:
            ConnectionFailed, AuthenticationError
        """
        token = await current_token(settings)
        socket = await open_connection(settings)
        session = cls(socket, settings, owner, publisher)
        try:
            await session._greet(token)
        except ConnectionClosed as error:
            raise ConnectionFailed(f"{settings.url} closed the connection: {error}") from error
        except asyncio.TimeoutError as error:
            raise ConnectionFailed(f"{settings.url} did not greet within {WELCOME_TIMEOUT:.0f} s") from error
        except BaseException:
            socket.transport.abort()
            raise
        return session

    def has(self, feature: str) -> bool:
        """Whether the router's hello named this feature."""
        return feature in self.features

    @property
    def awaits_answers(self) -> bool:
        """Whether somebody waits for an answer that is still to be read."""
        return bool(self._asks) or self._publisher.in_flight > 0

    def ask(self, message: dict[str, Any], then: Callable[[dict[str, Any]], None] | None = None) -> Answer:
        """Sends a question, before all events that wait, and returns what will hold the answer.

        `then` gets the answer before anything behind it is looked at, unless it is an error.
        """
        if self._socket.close_code is not None:
            raise NotConnected("the connection has just ended")
        answer = self._asks.add(message, self.has("request_id"), then)
        self._posted.append(to_bytes(message))
        self._work.set()
        return answer

    @property
    def is_open(self) -> bool:
        """Whether the other side can still hear."""
        return self._socket.close_code is None and not self._has_ended

    def say(self, message: dict[str, Any]) -> bool:
        """Sends what has no answer, before all events that wait. False: the connection has ended."""
        if not self.is_open:
            return False
        self._posted.append(to_bytes(message))
        self._work.set()
        return True

    def grant(self, events: int, size: int) -> bool:
        """Lets the router send so much more. False: the connection has ended."""
        if self._socket.close_code is not None:
            return False
        self._posted.append(b'{"type":"credit","events":%d,"bytes":%d}' % (events, size))
        self._work.set()
        return True

    def greet_again(self, then: Callable[[dict[str, Any]], None]) -> None:
        """Says `hello` once more, with what there is room for now."""
        with contextlib.suppress(NotConnected):
            answer = self.ask({**self._hello, "credit": self._owner.room(True)}, then)
            answer.add_done_callback(self._greeted_again)

    def _greeted_again(self, answer: Answer) -> None:
        if answer.exception() is not None:
            # It does not know how much it may send. The next connection begins anew.
            self._socket.transport.abort()

    def wake(self) -> None:
        """There is something to send."""
        self._work.set()

    def begin_publishing(self) -> None:
        """Everything is restored; what has waited may go out."""
        self._publishing = True
        self._publisher.begin()
        self._work.set()

    async def run(self) -> BaseException:
        """Serves the connection until it ends, and returns why."""
        parts = [asyncio.ensure_future(part) for part in (self._read(), self._write(), self._watch())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._socket.transport.abort()
            raise
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            self._asks.close()
            self._has_ended = True
        error = next(iter(done)).exception()
        self._socket.transport.abort()
        return error or ConnectionFailed("the connection ended")

    async def close(self) -> None:
        """Says goodbye."""
        await self._socket.close()

    async def _greet(self, token: str | None) -> None:
        welcome = await self._next(WELCOME_TIMEOUT)
        if welcome.get("error") == "max_clients_reached":
            raise MaxClientsReached(str(welcome.get("message", "the router takes no more clients")))
        if welcome.get("type") != "welcome":
            raise ConnectionFailed(f"{self._settings.url} is no event router: it greets with {welcome!r:.100}")
        self.client_id = str(welcome.get("client_id", ""))
        self._owner.message_came(welcome)
        name = self._settings.name or f"gadugi-router-python/{__version__}"
        self._hello = {"type": "hello", "protocol": 2, "client": name, "lean": True}
        if token is not None:
            self._hello["token"] = token
        await self._socket.send(to_bytes({**self._hello, "credit": self._owner.room(False)}), text=True)
        try:
            reply = await self._next(WELCOME_TIMEOUT)
        except asyncio.TimeoutError:
            # It does not even know that it does not know the word.
            return
        if reply.get("type") == "hello":
            self.speaks_hello = True
            self.features = frozenset(str(name) for name in reply.get("features", ()))
        elif reply.get("code") in REFUSED:
            raise AuthenticationError(str(reply.get("error")))
        # Any other error is that of a router of the first protocol: it does not know `hello`.

    async def _next(self, patience: float) -> dict[str, Any]:
        message = json.loads(await asyncio.wait_for(self._socket.recv(decode=False), patience))
        return message if isinstance(message, dict) else {}

    async def _read(self) -> None:
        receive, take = self._socket.recv, self._take
        while True:
            take(await receive(decode=False))
            while (wait := self._owner.may_read()) is not None:
                self._is_paused = True
                try:
                    await wait
                finally:
                    self._is_paused = False
                    self._socket.heard = self._socket.loop.time()

    def _take(self, data: bytes) -> None:
        # Decoded here: credit counts the bytes.
        try:
            message = json.loads(data.decode())
            kind = message["type"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._owner.unreadable(data, error)
            return
        self.received += 1
        if kind == "event":
            self._owner.event_came(message, len(data))
            return
        has_ids = self.has("request_id")
        if not self._publisher.answered(message, has_ids):
            self._asks.answered(message, has_ids)
        self._owner.message_came(message)

    async def _write(self) -> None:
        while True:
            if self._posted:
                data: bytes | None = self._posted.popleft()
            else:
                data = self._publisher.next_message(self.has) if self._publishing else None
            if data is None:
                self._work.clear()
                await self._work.wait()
            else:
                self._owner.nudge()
                await self._socket.send(data, text=True)
                self.sent += 1

    async def _watch(self) -> None:
        """Asks for a sign of life at each interval, and ends when none comes in time.

        A router that hears nothing gives a client up, so the question is sent also while this side does not read,
        because its handlers are busy; then the answer is not waited for, since it is behind what is not read.
        """
        interval, patience = self._settings.heartbeat_interval, self._settings.heartbeat_timeout
        if interval <= 0:
            await asyncio.get_running_loop().create_future()
        while True:
            await asyncio.sleep(interval)
            asked = self._socket.loop.time()
            ping = asyncio.ensure_future(self._socket.ping())
            await asyncio.sleep(patience)
            ping.cancel()
            if not self._is_paused and self._socket.heard < asked:
                raise ConnectionFailed(f"no sign of life for {interval + patience:.1f} s")


async def current_token(settings: Settings) -> str | None:
    """The token of this attempt, asked for anew when it is a function.

    Raises:
        ConnectionFailed: The function gave none. It may the next time.
    """
    token = settings.token
    if not callable(token):
        return token
    try:
        found = token()
        return await asyncio.wait_for(found, settings.timeout) if inspect.isawaitable(found) else found
    except asyncio.TimeoutError as error:
        raise ConnectionFailed(f"the function for the token gave none within {settings.timeout:g} s") from error
    except Exception as error:
        raise ConnectionFailed(f"the function for the token raised {error!r}") from error


def is_refusal(error: BaseException) -> bool:
    """Whether an error says that the token was not accepted."""
    return isinstance(error, AuthenticationError) or (isinstance(error, RouterError) and error.code in REFUSED)
