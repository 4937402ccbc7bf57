"""What the user has subscribed to: ids that stay the same, whatever the router calls it this time."""

from __future__ import annotations

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from .acks import ACK_TIMEOUT, HEARTBEATS, Ack, Delivery
from .errors import UnsupportedByRouter
from .events import Event
from .levels import Levels
from .reached import Reached

# Events that came before the answer to their subscription: an old router may do so.
EARLY_EVENTS = 1000


class Subscription:
    """One subscription, across connections.

    `handler` is called with each event, in priority order, by at most `concurrency` at a time. `at_once` is called by
    the reader itself instead, for what must not wait behind handlers.
    """

    def __init__(
        self,
        spec: dict[str, Any],
        handler: Callable[[Event], Any] | None = None,
        *,
        concurrency: int = 1,
        dedupe: int = 0,
        seen: OrderedDict[str, None] | None = None,
        at_once: Callable[[Event], None] | None = None,
        ack: Ack = False,
        heartbeat: bool = True,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.spec = spec
        self.handler = handler
        self.at_once = at_once
        # How events are acknowledged, and how often (seconds) the router hears that one is being worked on.
        self.ack = ack
        timeout = spec.get("ack_timeout_ms", ACK_TIMEOUT * 1000) / 1000
        self.heartbeat = timeout / HEARTBEATS if heartbeat else None
        # How far a replay has come, and whether what comes is still one, whose order is that of storing.
        self.reached = Reached()
        self.is_replaying = False
        self.concurrency = concurrency
        self.waiting: Levels[tuple[Event | Delivery, int]] = Levels()
        self.running = 0
        # A stream's: whom to wake when an event has come, or when there will be none.
        self.readers: list[asyncio.Future[None]] = []
        self.is_stream = False
        self.is_closed = False
        # What the router calls it in this session.
        self.router_id: str | None = None
        # Ids of the last events; subscriptions of one handler share them.
        self.seen: OrderedDict[str, None] = OrderedDict() if seen is None else seen
        self._dedupe = dedupe

    def is_new(self, event_id: str) -> bool:
        """Whether this event was not here before: one whose answer was lost is published twice."""
        if self._dedupe < 1:
            return True
        if event_id in self.seen:
            return False
        self.seen[event_id] = None
        if len(self.seen) > self._dedupe:
            self.seen.popitem(last=False)
        return True

    def check_features(self, has: Callable[[str], bool]) -> None:
        """Raises UnsupportedByRouter if this router would do something else than what is asked for."""
        needs = {
            "groups": "group" in self.spec,
            "targets": "targets" in self.spec,
            "ack": "ack" in self.spec,
            "backlog": "backlog_interval_ms" in self.spec,
            "durable": "durable" in self.spec,
            "replay": "from" in self.spec,
            "dead_letters": any(pattern.startswith("$dead.") for pattern in self.spec["topics"]),
            "several_levels": any(pattern.split(".")[-1] == "**" for pattern in self.spec["topics"]),
        }
        for feature, wanted in needs.items():
            if wanted and not has(feature):
                raise UnsupportedByRouter(f"this router has no `{feature}`, which {self.spec} needs")

    def wish(self) -> dict[str, Any]:
        """The protocol's `subscription` object as it is now: a replay goes on where it was."""
        self.is_replaying = self._is_replayed
        following = self.reached.next(min(self.spec["priorities"], default=1))
        if self._is_replayed and following is not None:
            return {**self.spec, "from": {"sequence": following}}
        return self.spec

    def replays_anew(self, event: Event, sequence: int | None) -> bool:
        """Whether a replay that goes on begins with what has been here: this is such an event."""
        if sequence is None or not self._is_replayed:
            return False
        return not self.reached.is_new(int(event.priority), sequence, self.is_replaying)

    @property
    def _is_replayed(self) -> bool:
        return "from" in self.spec and "durable" not in self.spec

    def wake_readers(self) -> None:
        """For a stream: look again."""
        readers, self.readers = self.readers, []
        for reader in readers:
            if not reader.done():
                reader.set_result(None)


class Subscriptions:
    """All subscriptions, and who is meant by a delivery."""

    def __init__(self) -> None:
        self.all: dict[str, Subscription] = {}
        self._by_router_id: dict[Any, Subscription] = {}
        self._early: list[tuple[Mapping[str, Any], int]] = []

    def share_work(self) -> bool:
        """Whether any of them is a member of a group."""
        return any("group" in subscription.spec or "durable" in subscription.spec for subscription in self.all.values())

    def seen_by(self, handler: Callable[[Event], Any] | None) -> OrderedDict[str, None] | None:
        """What a handler has seen that is registered already. Not of groups: each of them has the right to a call."""
        for each in self.all.values():
            if handler is not None and each.handler == handler and "group" not in each.spec:
                return each.seen
        return None

    def at_work(self) -> int:
        """How many calls of handlers may run at a time, all together."""
        return sum(each.concurrency for each in self.all.values() if each.handler is not None)

    def new_session(self) -> list[tuple[Mapping[str, Any], int]]:
        """The router's names are void. Returns deliveries that came too early for it to have given one."""
        self._by_router_id.clear()
        early, self._early = self._early, []
        for subscription in self.all.values():
            subscription.router_id = None
        return early

    def named(self, subscription: Subscription, reply: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], int]]:
        """The router has named it. Returns deliveries that came before that."""
        subscription.router_id = str(reply.get("subscription_id"))
        self._by_router_id[subscription.router_id] = subscription
        if "sub" in reply:
            self._by_router_id[reply["sub"]] = subscription
        early, self._early = self._early, []
        return early

    def of(self, message: Mapping[str, Any]) -> Subscription | None:
        """Whose delivery or notice this is."""
        name = message.get("sub")
        return self._by_router_id.get(message.get("subscription_id") if name is None else name)

    def keep_early(self, message: Mapping[str, Any], size: int) -> bool:
        """A delivery for a subscription that is not named yet, if there is one. False: it is nobody's."""
        expected = any(each.router_id is None for each in self.all.values())
        if expected and len(self._early) < EARLY_EVENTS:
            self._early.append((message, size))
            return True
        return False

    def remove(self, subscription: Subscription) -> None:
        """Forgets it, and what waits for it."""
        self.all.pop(subscription.id, None)
        for name in [name for name, found in self._by_router_id.items() if found is subscription]:
            del self._by_router_id[name]
        subscription.is_closed = True
        subscription.wake_readers()


def specification(
    topics: Iterable[str] | None,
    types: Iterable[Any] | None = None,
    priorities: Iterable[int] | None = None,
    sources: Iterable[str] | None = None,
    group: str | None = None,
    targets: Iterable[str] | None = None,
) -> dict[str, Any]:
    """The protocol's `subscription` object."""
    for name, value in (("topics", topics), ("sources", sources), ("targets", targets)):
        if isinstance(value, str):
            raise TypeError(f"{name} is a list of strings, not a string: [{value!r}]")
    spec: dict[str, Any] = {
        "topics": list(topics or ["*"]),
        "types": [getattr(each, "value", each) for each in types or ()],
        "priorities": [int(each) for each in priorities or ()],
        "sources": list(sources or ()),
    }
    if group is not None:
        spec["group"] = group
    if targets is not None:
        spec["targets"] = list(targets)
    return spec
