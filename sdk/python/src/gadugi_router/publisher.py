"""Publishing: from the call through the buffer and the wire to the answer.

Nothing here waits for the network. A session asks for the next message when it can send one, and hands over the
answers; when it ends, what was not answered goes back into the buffer and is sent again with the same ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, Callable

from .buffer import Outgoing, PublishBuffer
from .codec import batch_message, publish_message
from .errors import BufferFull, GadugiError, InvalidEvent, RouterError, UnsupportedByRouter
from .results import PublishResult
from .settings import Settings

log = logging.getLogger("gadugi_router")

# A batch costs the router and this client less than as many messages; these keep it from delaying what comes after it.
BATCH_EVENTS = 64
BATCH_BYTES = 64 * 1024

DRAINING = "draining"
NO_RESULT = {"error": "the router's answer does not mention this event", "code": "no_result"}
ABOUT_THE_EVENT = (None, "invalid_event", "invalid_json", "invalid_message", "too_large")


class Publisher:
    """Owns the buffer and what is in flight."""

    def __init__(self, settings: Settings, wake: Callable[[], None], failed: Callable[[PublishResult], None]) -> None:
        self._settings = settings
        self._wake = wake
        self._failed = failed
        self._buffer = PublishBuffer(settings.buffer_size, settings.buffer_bytes)
        # By request id, or by event id where the router knows no request ids.
        self._in_flight: dict[str, list[Outgoing]] = {}
        self._flying = 0
        self._line: deque[tuple[asyncio.Future[None], Outgoing]] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._numbers = 0
        self._hold = False
        self._batching = True
        self._closed = False
        self.accepted = 0

    # The user's side.

    @property
    def waiting(self) -> int:
        """How many have not been sent."""
        return len(self._buffer)

    @property
    def in_flight(self) -> int:
        """How many were sent and not answered."""
        return self._flying

    def add(self, entry: Outgoing) -> None:
        """Takes an event at once. When there is no room, the oldest of the lowest priority goes (overflow="evict").

        Raises:
            BufferFull: No room, and overflow="wait".
        """
        if self._must_wait(entry):
            raise BufferFull(f"{len(self._buffer)} events wait already, the bound is {self._settings.buffer_size}")
        self._put(entry)

    async def add_when_room(self, entry: Outgoing) -> None:
        """As `add`; with overflow="wait" it waits for room, first come, first served."""
        if not self._must_wait(entry):
            self._put(entry)
            return
        place = asyncio.get_running_loop().create_future(), entry
        self._line.append(place)
        try:
            await place[0]
        except asyncio.CancelledError:
            if place in self._line:
                self._line.remove(place)
                self._admit()
            raise

    def withdraw(self, entry: Outgoing) -> bool:
        """Nobody wants it any more. False: it was sent already."""
        removed = self._buffer.remove(entry)
        self._admit()
        return removed

    async def flushed(self) -> None:
        """Waits until nothing waits and nothing is in flight."""
        while len(self._buffer) or self._flying:
            idle = asyncio.get_running_loop().create_future()
            self._idle.append(idle)
            await idle

    def open(self) -> None:
        """From here on events may wait for a connection (again)."""
        self._closed = False

    # The session's side.

    def begin(self) -> None:
        """A session is ready to publish."""
        self._hold = False

    def hold(self) -> None:
        """The router drains: what it would refuse waits for the next one."""
        self._hold = True

    def next_message(self, has: Callable[[str], bool]) -> bytes | None:
        """The next message to send, None while there is none. `has` says which features the router has."""
        if self._hold or self._flying >= self._settings.max_in_flight:
            return None
        entry = self._next_entry(has)
        if entry is None:
            return None
        if not has("request_id"):
            self._fly(entry.event_id, [entry])
            return publish_message(None, entry.data, None, None)
        self._numbers += 1
        request_id = f"p{self._numbers}"
        entries = [entry]
        if self._batching and entry.deadline is None and has("batch"):
            self._gather(entries)
        self._fly(request_id, entries)
        if len(entries) > 1:
            return batch_message(request_id, [each.data for each in entries], entry.receipt, entry.mandatory)
        return publish_message(request_id, entry.data, entry.remaining_ms(), entry.receipt, entry.mandatory)

    def answered(self, message: dict[str, Any], has_ids: bool) -> bool:
        """Takes an answer, if it is one to a publish."""
        kind = message["type"]
        if has_ids:
            key = message.get("request_id")
        elif kind == "published":
            key = message.get("event_id")
        else:
            # An old router's error does not say which event it means; it answers in order.
            refused = kind == "error" and str(message.get("error", "")).startswith("Failed to publish event:")
            key = next(iter(self._in_flight), None) if refused else None
        entries = self._in_flight.pop(key, None) if key is not None else None
        if entries is None:
            return False
        self._flying -= len(entries)
        results = list(message.get("results", ())) if kind == "published_batch" else [message] * len(entries)
        results += [NO_RESULT] * (len(entries) - len(results))
        retry = [entry for entry, result in zip(entries, results) if not self._settle(entry, result)]
        self._send_again(retry)
        return True

    def session_ended(self, too_large: bool) -> None:
        """Puts back what was not answered.

        `too_large`: the router ended the connection because of a message's size (1009). Sending the same again would
        end the next one too: batches are given up, and if it was no batch, the largest event fails.
        """
        batches = list(self._in_flight.values())
        entries = [entry for batch in batches for entry in batch]
        self._in_flight.clear()
        self._flying = 0
        if too_large and entries:
            if any(len(batch) > 1 for batch in batches):
                self._batching = False
            else:
                largest = max(entries, key=lambda entry: len(entry.data))
                entries.remove(largest)
                self._fail(largest, InvalidEvent(f"{len(largest.data)} bytes are too many for the router", "too_large"))
        self._send_again(entries)

    def close(self, error: GadugiError | None) -> None:
        """There will be no session any more: everything that waits gets its answer now."""
        self._closed = True
        entries = [entry for batch in self._in_flight.values() for entry in batch] + self._buffer.take_all()
        self._in_flight.clear()
        self._flying = 0
        for entry in entries:
            if error is None:
                self._drop(entry, "closed")
            else:
                self._fail(entry, error)
        self._progress()

    # Inside.

    def _must_wait(self, entry: Outgoing) -> bool:
        if self._closed or self._settings.overflow != "wait":
            return False
        return bool(self._line) or not self._buffer.has_room(entry)

    def _put(self, entry: Outgoing) -> None:
        if self._closed:
            self._drop(entry, "closed")
            return
        self._buffer.add(entry)
        while self._buffer.is_over() and (victim := self._buffer.evict()) is not None:
            self._drop(victim, "buffer_full")
        self._wake()

    def _next_entry(self, has: Callable[[str], bool]) -> Outgoing | None:
        while (entry := self._buffer.pop()) is not None:
            self._admit()
            if entry.remaining_ms() == 0:
                self._drop(entry, "expired")
            elif entry.deadline is not None and not has("expiry"):
                self._fail(entry, UnsupportedByRouter("this router does not know `ttl`"))
            elif entry.receipt is not None and not has("receipt"):
                self._fail(entry, UnsupportedByRouter("this router does not know `receipt`"))
            elif entry.mandatory and not has("mandatory"):
                self._fail(entry, UnsupportedByRouter("this router does not know `mandatory`"))
            else:
                return entry
        return None

    def _gather(self, entries: list[Outgoing]) -> None:
        """Adds what can go with the first one."""
        first, size = entries[0], len(entries[0].data)
        room = min(BATCH_EVENTS, self._settings.max_in_flight - self._flying)
        while len(entries) < room and (entry := self._buffer.peek()) is not None:
            size += len(entry.data)
            others = (entry.receipt, entry.mandatory) != (first.receipt, first.mandatory)
            if entry.deadline is not None or others or size > BATCH_BYTES:
                break
            self._buffer.pop()
            entries.append(entry)
        self._admit()

    def _fly(self, key: str, entries: list[Outgoing]) -> None:
        for entry in entries:
            entry.attempts += 1
        # Two events of one id, to an old router: the answers are equal, so each may have either.
        self._in_flight.setdefault(key, []).extend(entries)
        self._flying += len(entries)

    def _send_again(self, entries: list[Outgoing]) -> None:
        # Whoever has given up does not want it sent a second time.
        self._buffer.put_back(entry for entry in entries if not entry.future.cancelled())
        self._progress()

    def _settle(self, entry: Outgoing, answer: dict[str, Any]) -> bool:
        """Tells whoever waits. False: it has to be sent again."""
        if "error" in answer:
            code = answer.get("code")
            kind = InvalidEvent if code in ABOUT_THE_EVENT else RouterError
            self._fail(entry, kind(str(answer["error"]), code))
            return True
        if answer.get("reason") == DRAINING:
            self.hold()
            return False
        result = PublishResult.make(entry.event_id, answer, entry.attempts)
        if result.accepted:
            self.accepted += 1
        elif not entry.watched:
            self._failed(result)
        if not entry.future.done():
            entry.future.set_result(result)
        return True

    def _drop(self, entry: Outgoing, reason: str) -> None:
        self._settle(entry, {"status": "dropped", "reason": reason})

    def _fail(self, entry: Outgoing, error: GadugiError) -> None:
        if not entry.watched:
            code = getattr(error, "code", None) or str(error)
            self._failed(PublishResult.make(entry.event_id, {"status": "rejected", "reason": code}, entry.attempts))
        if not entry.future.done():
            entry.future.set_exception(error)
            # It was told; nobody has to look at it a second time.
            entry.future.exception()

    def _admit(self) -> None:
        """There may be room: it is for those in the line, in their order."""
        while self._line and (self._closed or self._buffer.has_room(self._line[0][1])):
            turn, entry = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                self._put(entry)

    def _progress(self) -> None:
        self._admit()
        self._wake()
        if not len(self._buffer) and not self._flying:
            for idle in self._idle:
                if not idle.done():
                    idle.set_result(None)
            self._idle.clear()
