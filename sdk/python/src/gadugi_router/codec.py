"""Events to and from the bytes on the wire."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from .errors import InvalidEvent
from .events import Event, EventMetadata, EventType, Priority, now, time_text

# json.dumps with these arguments would build an encoder for each call.
_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode

_METADATA = ("correlation_id", "causation_id", "user_id", "session_id", "trace_id", "span_id", "tags", "headers")


def to_bytes(value: Any) -> bytes:
    """A message as JSON.

    Raises:
        InvalidEvent: Not JSON: an object of some class, NaN, a lone surrogate, or nested too deeply.
    """
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidEvent(f"this is not JSON: {error}", "invalid_json") from error


def event_fields(
    topic: str,
    payload: Any = None,
    priority: Priority = 5,
    type: EventType | None = None,
    *,
    target: str | None = None,
    source: str | None = None,
    metadata: EventMetadata | None = None,
    event_id: str | None = None,
) -> dict[str, Any]:
    """An event in the protocol's form, without what the router fills in by itself.

    Its times are those of now, not of when it gets through to the router.
    """
    time = time_text(now())
    fields: dict[str, Any] = {"id": event_id or str(uuid.uuid4()), "topic": topic, "timestamp": time}
    if type is not None:
        fields["type"] = type.value if isinstance(type, EventType) else type
    if check_priority(priority) != 5:
        fields["priority"] = int(priority)
    if source is not None:
        fields["source"] = source
    if target is not None:
        fields["target"] = target
    if payload is not None:
        fields["payload"] = payload
    fields["metadata"] = {"created_at": time} if metadata is None else metadata_fields(metadata)
    return fields


def metadata_fields(metadata: EventMetadata) -> dict[str, Any]:
    """Metadata without what holds its default.

    Raises:
        InvalidEvent: It is something else, as a dict.
    """
    if not isinstance(metadata, EventMetadata):
        raise InvalidEvent(f"metadata is an EventMetadata, not {metadata!r:.100}", "invalid_event")
    fields = {name: value for name in _METADATA if (value := getattr(metadata, name))}
    if metadata.created_at is not None:
        fields["created_at"] = time_text(metadata.created_at)
    return fields


def check_priority(priority: Any) -> int:
    """A priority as the number that it is.

    Raises:
        InvalidEvent: It is not 1 to 10.
    """
    if isinstance(priority, bool) or not isinstance(priority, int) or not 1 <= priority <= 10:
        raise InvalidEvent(f"a priority is an integer from 1 to 10, not {priority!r}", "invalid_event")
    return int(priority)


def publish_message(
    request_id: str | None, event: bytes, ttl_ms: int | None, receipt: str | None, mandatory: bool = False
) -> bytes:
    """One `publish`; the event is written already."""
    return b'{"type":"publish"%s,"event":%s}' % (_beside(request_id, ttl_ms, receipt, mandatory), event)


def batch_message(request_id: str, events: list[bytes], receipt: str | None, mandatory: bool = False) -> bytes:
    """One `publish_batch`; the events are written already."""
    beside = _beside(request_id, None, receipt, mandatory)
    return b'{"type":"publish_batch"%s,"events":[%s]}' % (beside, b",".join(events))


def _beside(request_id: str | None, ttl_ms: int | None, receipt: str | None, mandatory: bool) -> bytes:
    wishes: tuple[tuple[str, Any], ...] = (
        ("request_id", request_id),
        ("ttl_ms", ttl_ms),
        ("receipt", receipt),
        ("mandatory", mandatory or None),
    )
    return b"".join(b',"%s":%s' % (name.encode(), to_bytes(value)) for name, value in wishes if value is not None)


def decode_event(data: Mapping[str, Any]) -> Event:
    """A delivered event, whole or lean.

    Raises:
        ValueError: It is none; says why.
    """
    try:
        return Event.from_dict(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an event: {error!r}") from error
