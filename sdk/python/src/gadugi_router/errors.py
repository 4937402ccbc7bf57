"""What can go wrong, as exceptions. All of them are a `GadugiError`."""

from __future__ import annotations


class GadugiError(Exception):
    """Anything that this package raises by itself."""


class ConnectionFailed(GadugiError):
    """The router cannot be reached, or did not greet. The client tries again by itself."""


class MaxClientsReached(ConnectionFailed):
    """The router takes no more clients at the moment (`max_clients`). The client tries again by itself."""


class AuthenticationError(GadugiError):
    """The router does not accept the token. With a fixed token the client gives up: it would be refused again."""


class NotConnected(GadugiError):
    """This needs a connection now and there is none: never opened, closed by `disconnect`, or being re-established."""


class RouterError(GadugiError):
    """The router answered with an error.

    Attributes:
        code: Stable and for programs: `invalid_event`, `not_found`, … None from a router that sends none.
    """

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class InvalidEvent(RouterError):
    """The event cannot be published: it is not JSON, too large, or the router refused it."""


class InvalidSubscription(RouterError):
    """The router refused the subscription."""


class UnsupportedByRouter(GadugiError):
    """This router does not have what was asked for. Doing without would mean something else, so nothing was done."""


class BufferFull(GadugiError):
    """`publish_nowait` with overflow="wait", and no room: use `await publish`, which waits."""


class PublishTimeout(GadugiError):
    """No answer in time.

    Attributes:
        event_id: Which event.
        sent: False: it never left, and will not. True: it may have arrived; publish it again with the same `event_id`
            and subscribers with this package see it once.
    """

    def __init__(self, event_id: str, sent: bool) -> None:
        super().__init__(
            f"no answer in time for event {event_id}; " + ("it may have arrived" if sent else "it was not sent")
        )
        self.event_id = event_id
        self.sent = sent


class RequestTimeout(GadugiError):
    """Nobody replied in time."""


class NoResponders(RequestTimeout):
    """Nobody subscribes to the request's topic (routers with receipts say so at once)."""


class RequestFailed(GadugiError):
    """The responder's handler raised; the text is its error's."""
