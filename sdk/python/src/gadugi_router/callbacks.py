"""Calling the user's functions, sync or async, so that what they raise is reported and kills nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable
from typing import Any, Callable

from .acks import Delivery, Nack
from .events import Event
from .results import HandlerError

log = logging.getLogger("gadugi_router")

Function = Callable[..., Any]


def name_of(function: Function) -> str:
    """A function's name, for reports."""
    return getattr(function, "__qualname__", None) or repr(function)


def _is_being_cancelled() -> bool:
    """Whether this task is to end. Before Python 3.11 nobody can know, and it ends."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is None or cancelling() > 0


def _event_of(told: Event | Delivery) -> Event:
    return told.event if isinstance(told, Delivery) else told


class Callbacks:
    """The functions for states, gaps, errors and messages, and the tasks of those that are async."""

    def __init__(self) -> None:
        self.on_error: list[Function] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def fire(self, functions: list[Function], *arguments: Any) -> None:
        """Calls all; the async ones run on by themselves."""
        for function in list(functions):
            try:
                result = function(*arguments)
            except Exception as error:
                self.report(HandlerError(error, name_of(function)))
            else:
                if inspect.isawaitable(result):
                    self.spawn(self._finish(function, result))

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        """A task that is kept until it is done, and cancelled when the client is closed."""
        task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def handle(self, function: Function, event: Event | Delivery) -> Any:
        """Calls a handler of events; None if it raised."""
        try:
            result = function(event)
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError as error:
            if _is_being_cancelled():
                raise
            # It was something that the handler waited for.
            self.report(HandlerError(error, name_of(function), _event_of(event)))
            return None
        except Exception as error:
            self.report(HandlerError(error, name_of(function), _event_of(event)))
            return None

    async def acknowledged(self, function: Function, delivery: Delivery) -> None:
        """Calls a handler with a delivery's event, and says what became of it: done when it returns."""
        try:
            result = function(delivery.event)
            if inspect.isawaitable(result):
                await result
        except Nack as refusal:
            delivery.nack(str(refusal), delay=refusal.delay)
        except asyncio.CancelledError as error:
            delivery.nack("cancelled", delay=0 if _is_being_cancelled() else None)
            if _is_being_cancelled():
                raise
            self.report(HandlerError(error, name_of(function), delivery.event))
        except Exception as error:
            delivery.nack(f"{type(error).__name__}: {error}")
            self.report(HandlerError(error, name_of(function), delivery.event))
        else:
            delivery.ack()

    def report(self, problem: HandlerError) -> None:
        """Tells of an error in a handler; to the log when nobody asked for it."""
        if not self.on_error:
            about = f" ({problem.event.topic}, event {problem.event.id})" if problem.event else ""
            log.error("%s raised%s", problem.where, about, exc_info=problem.error)
        for function in list(self.on_error):
            try:
                result = function(problem)
                if inspect.isawaitable(result):
                    self.spawn(self._log_only(result))
            except Exception:
                log.exception("the handler of errors raised itself")

    async def finished(self, patience: float) -> set[asyncio.Task[Any]]:
        """Waits for what runs, and returns what has not ended in time. The caller's own task is none of them."""
        tasks = {task for task in self._tasks if task is not asyncio.current_task()}
        if not tasks:
            return tasks
        _, late = await asyncio.wait(tasks, timeout=patience)
        return late

    async def settled(self, patience: float) -> None:
        """Gives what runs a last chance, then cancels it."""
        late = await self.finished(patience)
        for task in late:
            task.cancel()
        # A handler that does not let itself be cancelled is left alone.
        await self.finished(patience)

    async def _finish(self, function: Function, result: Awaitable[Any]) -> None:
        try:
            await result
        except Exception as error:
            self.report(HandlerError(error, name_of(function)))

    @staticmethod
    async def _log_only(result: Awaitable[Any]) -> None:
        try:
            await result
        except Exception:
            log.exception("the handler of errors raised itself")
