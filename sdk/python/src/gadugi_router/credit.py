"""Flow control: what the router may send before something is handled here."""

from __future__ import annotations

import time
from typing import Callable

# A grant is sent for one event too when the last one was sent so long ago (seconds): a slow handler has the most
# urgent event come at once, a fast one has few grants.
SOON = 0.001
# What is granted beyond the window while a reply is awaited, which needs credit like any event.
FOR_A_REPLY = 32
BYTES_FOR_A_REPLY = 1024 * 1024


class Credit:
    """Counts, in events and in bytes, what the router may still send and what is here and not handled.

    Both together are the window. `hello` says how much of it is left; what becomes free is granted when half of the
    window is owed or after a while. So the router always has credit while nothing waits here, and no timer is needed.
    `send` sends a grant, and says whether it could.
    """

    def __init__(self, window_bytes: int, send: Callable[[int, int], bool]) -> None:
        self._send = send
        self._window, self._window_bytes = 1, window_bytes
        # What the router may still send. Of no meaning while this session has no flow control.
        self._left = self._left_bytes = 0
        self._held = self._held_bytes = 0
        # What the last `hello` granted, and how many of them are not answered.
        self._said: dict[str, int] = {}
        self._hellos = 0
        self._granted_at = 0.0
        # Requests whose reply is still to be read.
        self.replies_awaited = 0
        self.is_used = False

    def resize(self, window: int) -> bool:
        """Another window from now on. False: more is outstanding than fits into it, and `hello` has to say so."""
        self._window = window
        self._grant_if_due()
        return not self.is_used or self._left + self._held <= window

    def room(self, again: bool) -> dict[str, int]:
        """What `hello` grants: all that is free. Until its answer is there, nothing is added."""
        self.is_used = False
        self._hellos = self._hellos + 1 if again else 1
        events, size = self._window - self._held, self._window_bytes - self._held_bytes
        self._said = {"events": max(0, events), "bytes": max(0, size)}
        return self._said

    def begin(self, has_credit: bool) -> None:
        """The answer to `hello`: what comes from here on is counted against what that granted."""
        self._hellos -= 1
        if self._hellos:
            return
        self.is_used = has_credit
        self._left, self._left_bytes = self._said["events"], self._said["bytes"]
        self._grant_if_due()
        self._grant_for_replies()

    def came(self, size: int) -> None:
        """An `event` message of that size."""
        self._held += 1
        self._held_bytes += size
        self._left -= 1
        self._left_bytes -= size
        if self.replies_awaited:
            self._grant_for_replies()

    def done(self, size: int) -> None:
        """An event is handled, or nobody wants it."""
        self._held -= 1
        self._held_bytes -= size
        self._grant_if_due()

    def expect_reply(self, by: int) -> None:
        """A request begins to wait (1), or has ended (-1)."""
        self.replies_awaited += by
        self._grant_for_replies()

    def _grant_if_due(self) -> None:
        if not self.is_used:
            return
        owed = self._window - self._left - self._held
        owed_bytes = self._window_bytes - self._left_bytes - self._held_bytes
        much = 2 * owed >= self._window or 2 * owed_bytes >= self._window_bytes
        if much or (owed > 0 and time.monotonic() - self._granted_at > SOON):
            self._grant(max(0, owed), max(0, owed_bytes))

    def _grant_for_replies(self) -> None:
        """The reply may be behind events that have no credit, while those that are here wait for its handler."""
        if self.replies_awaited and self.is_used and (self._left <= 0 or self._left_bytes <= 0):
            self._grant(max(0, FOR_A_REPLY - self._left), max(0, BYTES_FOR_A_REPLY - self._left_bytes))

    def _grant(self, events: int, size: int) -> None:
        if self._send(events, size):
            self._left += events
            self._left_bytes += size
            self._granted_at = time.monotonic()
