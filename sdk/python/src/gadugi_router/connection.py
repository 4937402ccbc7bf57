"""The state machine of the connection: attempts, sessions, and what comes between them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Callable

from .backoff import Backoff
from .errors import ConnectionFailed, GadugiError, NotConnected
from .publisher import Publisher
from .results import ConnectionState, StateChange
from .session import Owner, Session, is_refusal
from .settings import Settings
from .wire import close_code

log = logging.getLogger("gadugi_router")

GOING_AWAY = 1001
TOO_LARGE = 1009
# Seconds after which a cancelled task that still runs is cancelled again.
CANCELLATION_LOST = 0.5


class Link:
    """Keeps one session open, as long as it is wanted."""

    def __init__(
        self,
        settings: Settings,
        owner: Owner,
        publisher: Publisher,
        restore: Callable[[Session], Awaitable[None]],
        changed: Callable[[StateChange], None],
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._publisher = publisher
        self._restore = restore
        self._changed = changed
        self._backoff = self._new_backoff()
        self._task: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._comes_back_after: float | None = None
        self._is_draining = self._is_stopping = False
        self.state = ConnectionState.DISCONNECTED
        self.session: Session | None = None
        self.last_error: BaseException | None = None
        # In sessions that have ended.
        self._sent = self._received = 0

    @property
    def messages_sent(self) -> int:
        """In all sessions, without what they began with."""
        return self._sent + (self.session.sent if self.session else 0)

    @property
    def messages_received(self) -> int:
        """In all sessions, without what they began with."""
        return self._received + (self.session.received if self.session else 0)

    @property
    def attempts(self) -> int:
        """Failed or lost in a row."""
        return self._backoff.attempts

    async def connect(self) -> None:
        """Begins, if it has not, and waits for the outcome of an attempt.

        Raises:
            AuthenticationError: The token was refused.
        """
        if self._task is None or self._task.done():
            self._backoff = self._new_backoff()
            self._is_stopping = False
            self._set(ConnectionState.CONNECTING)
            self._task = asyncio.ensure_future(self._run())
        if self.state in (ConnectionState.CONNECTING, ConnectionState.RECONNECTING):
            await self.next_change()
        if self.state is ConnectionState.CLOSED and self.last_error is not None and is_refusal(self.last_error):
            raise self.last_error

    async def next_change(self) -> None:
        """Waits until an attempt has succeeded or failed, or the state has changed otherwise."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def draining(self, reconnect_after_ms: object) -> None:
        """The router winds down: it takes no more events, and says when to come back."""
        if isinstance(reconnect_after_ms, (int, float)):
            self._comes_back_after = max(0.0, reconnect_after_ms / 1000)
        self._is_draining = True
        self._publisher.hold()
        if self.state is ConnectionState.CONNECTED:
            self._set(ConnectionState.DRAINING)

    async def stop(self) -> None:
        """Ends the session and tries no more."""
        task, session = self._task, self.session
        self._task, self._is_stopping = None, True
        if session is not None:
            await session.close()
        while task is not None and task is not asyncio.current_task() and not task.done():
            # Again and again: `wait_for` of older Pythons loses a cancellation that meets the end of what it waits for.
            task.cancel()
            await asyncio.wait([task], timeout=CANCELLATION_LOST)
        self._set(ConnectionState.CLOSED)

    async def _run(self) -> None:
        try:
            await self._keep_open()
        except asyncio.CancelledError:
            if not self._is_stopping:
                # The event loop ends, as at the end of `asyncio.run`. In another one everything begins anew.
                self._publisher.close(None)
                self._set(ConnectionState.DISCONNECTED)
            raise

    async def _keep_open(self) -> None:
        while True:
            error = await self._attempt()
            if self._is_stopping:
                return
            self.last_error = error
            delay = self._delay(error)
            if delay is None:
                self._give_up(error)
                return
            log.info("%s; next attempt in %.2f s", error, delay)
            self._set(ConnectionState.RECONNECTING, error)
            await asyncio.sleep(delay)

    async def _attempt(self) -> BaseException:
        """Connects and serves the connection until it ends. Returns why it did, or did not come to be."""
        self._comes_back_after, self._is_draining = None, False
        try:
            session = await Session.open(self._settings, self._owner, self._publisher)
        except GadugiError as error:
            return error
        except Exception as error:
            # It may be right the next time.
            log.exception("the attempt to connect failed in an unforeseen way")
            return error
        self.session = session
        serving = asyncio.ensure_future(session.run())
        since: float | None = None
        try:
            failure = await self._restored(session, serving)
            if failure is not None:
                return failure
            since = asyncio.get_running_loop().time()
            if self._is_draining:
                self._set(ConnectionState.DRAINING)
            else:
                session.begin_publishing()
                self._set(ConnectionState.CONNECTED)
            return await serving
        finally:
            self.session = None
            self._sent += session.sent
            self._received += session.received
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            ended = None if serving.cancelled() else serving.result()
            self._publisher.session_ended(close_code(ended) == TOO_LARGE)
            if since is not None:
                self._backoff.connection_held(asyncio.get_running_loop().time() - since)

    async def _restored(self, session: Session, serving: asyncio.Future[BaseException]) -> BaseException | None:
        """Makes the subscriptions anew. Returns what went wrong."""
        restoring = asyncio.ensure_future(self._restore(session))
        both: set[asyncio.Future[Any]] = {restoring, serving}
        await asyncio.wait(both, timeout=self._settings.timeout, return_when=asyncio.FIRST_COMPLETED)
        restored = restoring.done() and not restoring.cancelled()
        failure = restoring.exception() if restored else None
        if restored and failure is None and not serving.done():
            return None
        restoring.cancel()
        await asyncio.gather(restoring, return_exceptions=True)
        if serving.done() or isinstance(failure, NotConnected):
            # Why the connection ended says more than that it did.
            return await serving
        return failure or ConnectionFailed("the router did not answer to the subscriptions in time")

    def _delay(self, error: BaseException) -> float | None:
        """Seconds until the next attempt; None if there is none."""
        settings = self._settings
        if not settings.auto_reconnect or (is_refusal(error) and not callable(settings.token)):
            return None
        if settings.max_reconnect_attempts is not None and self._backoff.attempts >= settings.max_reconnect_attempts:
            return None
        if close_code(error) == GOING_AWAY:
            # An orderly end: nothing is wrong that would need patience.
            self._backoff = self._new_backoff()
        delay = self._backoff.next_delay()
        return delay if self._comes_back_after is None else self._comes_back_after

    def _give_up(self, error: BaseException) -> None:
        if self._settings.auto_reconnect:
            log.error("no further attempt to connect: %s", error)
            self._publisher.close(error if isinstance(error, GadugiError) else None)
            self._set(ConnectionState.CLOSED, error)
        else:
            self._set(ConnectionState.DISCONNECTED, error)

    def _set(self, state: ConnectionState, reason: BaseException | None = None) -> None:
        old, self.state = self.state, state
        waiters, self._waiters = self._waiters, []
        if state is ConnectionState.CONNECTING:
            self._waiters = waiters
        else:
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if old is not state:
            log.debug("%s -> %s", old.value, state.value)
            self._changed(StateChange(old, state, reason))

    def _new_backoff(self) -> Backoff:
        settings = self._settings
        return Backoff(settings.reconnect_interval, settings.max_reconnect_interval, settings.reconnect_decay)
