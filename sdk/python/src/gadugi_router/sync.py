"""For scripts without an event loop: the same client, whose methods wait."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, Callable, TypeVar

from .client import EventRouterClient
from .errors import ConnectionFailed, NotConnected
from .events import Event
from .results import ConnectionState, PublishResult
from .streams import EventStream

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class SyncEventRouterClient:
    """A client for programs without asyncio. It runs the real one in a thread of its own.

    The methods are those of EventRouterClient and wait. Handlers, and the functions for states, gaps and errors, are
    ordinary functions that are called in threads, so they may call this client's methods. Arguments as there.
    """

    def __init__(self, url: str = "ws://localhost:9090", **arguments: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._threads = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="gadugi-handler")
        self._thread = threading.Thread(target=self._loop.run_forever, name="gadugi-router", daemon=True)
        self._thread.start()
        try:
            self._client = self._call(self._make(url, arguments))
        except BaseException:
            self._end_threads()
            raise

    def connect(self) -> None:
        """Connects.

        Raises:
            ConnectionFailed: The router cannot be reached. It goes on trying in the background.
            AuthenticationError: It refuses the token.
        """
        if not self._call(self._client.connect()):
            reason = self._client.last_error
            raise ConnectionFailed(str(reason or "not connected")) from reason

    def disconnect(self, timeout: float = 5.0) -> None:
        """As EventRouterClient.disconnect, and ends the threads: this object is of no use afterwards."""
        if self._loop.is_closed():
            return
        self._call(self._client.disconnect(timeout))
        self._end_threads()

    def _end_threads(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._threads.shutdown(wait=False)

    def wait_until_connected(self, timeout: float = 10.0) -> bool:
        """As EventRouterClient.wait_until_connected."""
        return self._call(self._client.wait_until_connected(timeout))

    @property
    def is_connected(self) -> bool:
        """Whether events come and go."""
        return self._client.is_connected

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._client.state

    @property
    def last_error(self) -> BaseException | None:
        """Why the last connection ended, or did not come to be."""
        return self._client.last_error

    @property
    def stats(self) -> dict[str, int]:
        """As EventRouterClient.stats."""
        return self._client.stats

    @property
    def subscriptions(self) -> dict[str, dict[str, Any]]:
        """As EventRouterClient.subscriptions."""
        return self._client.subscriptions

    def supports(self, feature: str) -> bool:
        """As EventRouterClient.supports."""
        return self._client.supports(feature)

    def publish(self, topic: str, payload: Any = None, **arguments: Any) -> PublishResult:
        """As EventRouterClient.publish."""
        return self._call(self._client.publish(topic, payload, **arguments))

    def publish_event(self, event: Event, **arguments: Any) -> PublishResult:
        """As EventRouterClient.publish_event."""
        return self._call(self._client.publish_event(event, **arguments))

    def publish_batch(self, events: Sequence[Event], **arguments: Any) -> list[PublishResult]:
        """As EventRouterClient.publish_batch."""
        return self._call(self._client.publish_batch(events, **arguments))

    def subscribe(self, topics: Sequence[str] | None = None, **arguments: Any) -> str:
        """As EventRouterClient.subscribe; `callback` is an ordinary function, called in a thread."""
        callback = arguments.pop("callback", None)
        if callback is not None:
            arguments["callback"] = self._in_thread(callback)
        return self._call(self._client.subscribe(topics, **arguments))

    def unsubscribe(self, subscription_id: str) -> bool:
        """As EventRouterClient.unsubscribe."""
        return self._call(self._client.unsubscribe(subscription_id))

    def on(self, *topics: str, **arguments: Any) -> Callable[[Callable[[Event], Any]], Callable[[Event], Any]]:
        """As EventRouterClient.on; the handler is an ordinary function, called in a thread."""

        def register(function: Callable[[Event], Any]) -> Callable[[Event], Any]:
            self._call(self._do(lambda: self._client.on(*topics, **arguments)(self._in_thread(function))))
            return function

        return register

    def events(self, *topics: str, timeout: float | None = None, **arguments: Any) -> Iterator[Event]:
        """Events to iterate over, subscribed at once. Ends when none has come for `timeout` seconds."""
        stream = self._call(self._do(lambda: self._client.events(*topics, **arguments)))
        return self._iterate(stream, timeout)

    def request(self, topic: str, payload: Any = None, timeout: float = 10.0, **arguments: Any) -> Event:
        """As EventRouterClient.request."""
        return self._call(self._client.request(topic, payload, timeout, **arguments))

    def respond(self, *topics: str, **arguments: Any) -> Callable[[Callable[[Event], Any]], Callable[[Event], Any]]:
        """As EventRouterClient.respond; the function is an ordinary one, called in a thread."""

        def register(function: Callable[[Event], Any]) -> Callable[[Event], Any]:
            self._call(self._do(lambda: self._client.respond(*topics, **arguments)(self._in_thread(function))))
            return function

        return register

    def on_state_change(self, function: F) -> F:
        """As EventRouterClient.on_state_change."""
        self._client.on_state_change(self._in_thread(function))
        return function

    def on_gap(self, function: F) -> F:
        """As EventRouterClient.on_gap."""
        self._client.on_gap(self._in_thread(function))
        return function

    def on_error(self, function: F) -> F:
        """As EventRouterClient.on_error."""
        self._client.on_error(self._in_thread(function))
        return function

    def ping(self) -> bool:
        """As EventRouterClient.ping."""
        return self._call(self._client.ping())

    def get_health(self) -> dict[str, Any] | None:
        """As EventRouterClient.get_health."""
        return self._call(self._client.get_health())

    def __enter__(self) -> SyncEventRouterClient:
        try:
            self.connect()
        except BaseException:
            # Python leaves a `with` that it has not entered without a word.
            self.disconnect()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    def _iterate(self, stream: EventStream[Event], timeout: float | None) -> Iterator[Event]:
        try:
            while True:
                event = self._call(_next_of(stream, timeout))
                if event is None:
                    return
                yield event
        finally:
            if not self._loop.is_closed():
                self._call(stream.aclose())

    def _in_thread(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def handler(told: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, told)

        handler.__qualname__ = getattr(function, "__qualname__", "handler")
        return handler

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("this would wait for itself: it was called from the client's own thread")
        if self._loop.is_closed():
            work.close()
            raise NotConnected("this client was disconnected for good; make another one")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @staticmethod
    async def _make(url: str, arguments: dict[str, Any]) -> EventRouterClient:
        return EventRouterClient(url, **arguments)

    @staticmethod
    async def _do(work: Callable[[], T]) -> T:
        return work()


async def _next_of(stream: EventStream[Event], timeout: float | None) -> Event | None:
    try:
        return await asyncio.wait_for(stream.__anext__(), timeout)
    except (asyncio.TimeoutError, StopAsyncIteration):
        return None
