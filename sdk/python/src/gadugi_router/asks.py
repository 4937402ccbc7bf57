"""Questions to the router that are no publishes, and which answer belongs to which."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable, NamedTuple

from .errors import NotConnected, RouterError

Answer = asyncio.Future[dict[str, Any]]

ANSWER_TO = {
    "pong": "ping",
    "health": "get_health",
    "subscribed": "subscribe",
    "unsubscribed": "unsubscribe",
    "hello": "hello",
}
# How an old router's errors begin, which say nothing else about what they answer.
ERRORS = (
    ("Failed to subscribe:", "subscribe"),
    ("Subscription not ", "unsubscribe"),
)


class Asked(NamedTuple):
    """A question, who waits for its answer, and what has to happen before anything else is read."""

    kind: str
    answer: Answer
    then: Callable[[dict[str, Any]], None] | None


class Asks:
    """What was asked in one session and not answered.

    A router with request ids answers to them. An old one answers the questions of one kind in their order.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, Asked] = {}
        self._in_order: deque[Asked] = deque()
        self._numbers = 0

    def __bool__(self) -> bool:
        return bool(self._by_id or self._in_order)

    def add(
        self, message: dict[str, Any], has_ids: bool, then: Callable[[dict[str, Any]], None] | None = None
    ) -> Answer:
        """Notes a question, and numbers it where that helps. `then` gets the answer, unless it is an error."""
        asked = Asked(message["type"], asyncio.get_running_loop().create_future(), then)
        if has_ids:
            self._numbers += 1
            message["request_id"] = request_id = f"a{self._numbers}"
            self._by_id[request_id] = asked
        else:
            self._in_order.append(asked)
        return asked.answer

    def answered(self, message: dict[str, Any], has_ids: bool) -> bool:
        """Takes an answer, if it is one to a question here."""
        asked = self._by_id.pop(message.get("request_id", ""), None) if has_ids else self._next(message)
        if asked is None:
            return False
        failed = message["type"] == "error"
        if asked.then is not None and not failed:
            asked.then(message)
        if asked.answer.done():
            return True
        if failed:
            asked.answer.set_exception(RouterError(str(message.get("error")), message.get("code")))
            # It was told; nobody has to look at it a second time.
            asked.answer.exception()
        else:
            asked.answer.set_result(message)
        return True

    def close(self) -> None:
        """The session is over: nobody will answer."""
        open_ones: list[Asked] = [*self._by_id.values(), *self._in_order]
        self._by_id.clear()
        self._in_order.clear()
        for _, answer, _ in open_ones:
            if not answer.done():
                answer.set_exception(NotConnected("the connection ended before the answer came"))
                answer.exception()

    def _next(self, message: dict[str, Any]) -> Asked | None:
        kind = ANSWER_TO.get(message["type"])
        if message["type"] == "error":
            text = str(message.get("error", ""))
            kind = next((kind for beginning, kind in ERRORS if text.startswith(beginning)), None)
            if kind is None and text.startswith("Unknown message type:"):
                kind = "hello"
        for position, asked in enumerate(self._in_order):
            if asked.kind == kind:
                del self._in_order[position]
                return asked
        return None
