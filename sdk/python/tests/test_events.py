"""Events as objects: the old client's fields and methods, and lean deliveries filled in."""

from datetime import datetime, timedelta, timezone

import pytest

from gadugi_router import DeliveryStatus, Event, EventMetadata, EventPriority, EventType
from gadugi_router.events import matches, parse_time

LEAN = {"id": "1", "topic": "a.b", "source": "s", "timestamp": "2026-01-31T12:00:00.123456+00:00"}


def test_a_lean_event_is_filled_in():
    event = Event.from_dict(LEAN)
    assert (event.id, event.topic, event.source) == ("1", "a.b", "s")
    assert event.type is EventType.CUSTOM and event.priority is EventPriority.NORMAL
    assert event.payload == {} and event.target is None and event.version == "1.0"
    assert event.delivery_status is DeliveryStatus.PENDING and event.delivery_attempts == 0
    assert event.metadata == EventMetadata(created_at=None)


def test_there_and_back_again():
    event = Event(
        topic="t",
        type=EventType.TASK_FAILED,
        priority=EventPriority.SYSTEM,
        source="s",
        target="x",
        payload={"a": [1, None]},
        metadata=EventMetadata(user_id="u", tags={"k": "v"}),
        version="2",
        delivery_status=DeliveryStatus.RETRYING,
        delivery_attempts=3,
        delivery_error="e",
        last_delivery_attempt=datetime(2026, 1, 1, tzinfo=timezone.utc),
    )
    assert Event.from_json(event.to_json()) == event
    assert len(event.to_dict()) == 14 and len(event.to_dict()["metadata"]) == 9


def test_a_priority_without_a_name_is_a_number_and_a_null_payload_stays_null():
    event = Event.from_dict({**LEAN, "priority": 6, "payload": None})
    assert event.priority == 6 and event.payload is None


def test_two_events_do_not_share_their_defaults():
    first, second = Event.from_dict(LEAN), Event.from_dict(LEAN)
    first.payload["x"] = first.metadata.tags["x"] = 1
    assert second.payload == {} and second.metadata.tags == {}


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00.5Z",
        "2026-01-31T12:00:00.500+00:00",
        "2026-01-31T12:00:00.500000000Z",
        "2026-01-31T13:00:00.5+0100",
        "2026-01-31T12:00:00,5Z",
    ],
)
def test_every_form_of_a_time_is_read(text):
    assert parse_time(text) == datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=timezone.utc)


def test_a_time_without_zone_or_fraction():
    assert parse_time("2026-01-31T12:00:00Z") - parse_time("2026-01-31T11:00:00+00:00") == timedelta(hours=1)
    assert parse_time("2026-01-31T12:00:00").tzinfo is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError):
        parse_time(text)


@pytest.mark.parametrize(
    "pattern, topic, fits",
    [
        ("*", "a.b.c", True),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.b*", "a.bc", False),
        ("a.**", "a.b", True),
        ("a.**", "a.b.c", True),
        ("a.**", "a", False),
        ("**", "a", True),
        ("a.*.**", "a.b", False),
    ],
)
def test_patterns(pattern, topic, fits):
    assert matches(pattern, topic) is Event(topic=topic).matches_topic(pattern) is fits
