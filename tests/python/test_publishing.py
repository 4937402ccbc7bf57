"""Part 1: what `publish` fills in, and what it leaves alone."""
import json
import re

import pytest

from client import TIME, connect, is_uuid

EVENT_KEYS = ["id", "topic", "type", "priority", "source", "target", "payload", "metadata", "timestamp", "version",
              "delivery_status", "delivery_attempts", "last_delivery_attempt", "delivery_error"]
METADATA_KEYS = ["created_at", "correlation_id", "causation_id", "user_id", "session_id", "trace_id", "span_id",
                 "tags", "headers"]
TYPES = ["agent.started", "agent.stopped", "agent.failed", "agent.completed", "task.created", "task.assigned",
         "task.started", "task.progress", "task.completed", "task.failed", "workflow.started",
         "workflow.step_completed", "workflow.completed", "workflow.failed", "system.alert", "system.error",
         "system.info", "custom"]
EVERYTHING = {
    "id": "given id", "topic": "a.b", "type": "task.created", "priority": 9, "source": "planner", "target": "worker",
    "payload": {"text": "hello"},
    "metadata": {"created_at": "2026-01-31T12:00:00.123456+00:00", "correlation_id": "c1", "causation_id": "c2",
                 "user_id": "u", "session_id": "s", "trace_id": "t", "span_id": "p", "tags": {"k": "v"},
                 "headers": {"h": "w"}},
    "timestamp": "2026-01-31T12:00:01.000001+00:00", "version": "2.1", "delivery_status": "retrying",
    "delivery_attempts": 3, "last_delivery_attempt": "2026-01-31T12:00:02.000000+00:00",
    "delivery_error": "no route",
}


async def delivered_text(client, event_text: str) -> str:
    """Publishes this JSON text and returns the delivery as it came."""
    await client.send('{"type":"publish","event":%s}' % event_text)
    texts = [await client.text(), await client.text()]
    assert {json.loads(text)["type"] for text in texts} == {"published", "event"}, texts
    return next(text for text in texts if json.loads(text)["type"] == "event")


async def delivered(client, event: dict) -> dict:
    return json.loads(await delivered_text(client, json.dumps(event)))["event"]


async def test_a_publisher_is_told_the_id_and_that_it_is_queued(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "publish", "event": {"id": "mine", "topic": "t"}})
        assert reply == {"type": "published", "event_id": "mine", "status": "queued"}
        reply = await client.ask({"type": "publish", "event": {"topic": "t"}})
        assert set(reply) == {"type", "event_id", "status"} and is_uuid(reply["event_id"], 4)


async def test_a_delivery_is_the_event_and_the_subscription(router):
    async with await connect(router) as client:
        subscription = await client.subscribe("t")
        await client.publish({"topic": "t"})
        message = await client.receive()
        assert list(message) == ["type", "event", "subscription_id"]
        assert message["subscription_id"] == subscription and is_uuid(subscription)


async def test_what_a_publisher_leaves_out_is_filled_in(router):
    async with await connect(router) as client:
        await client.subscribe("only.topic")
        reply = await client.publish({"topic": "only.topic"})
        event = await client.event()
        assert sorted(event) == sorted(EVENT_KEYS)
        assert sorted(event["metadata"]) == sorted(METADATA_KEYS)
        assert event["id"] == reply["event_id"] and is_uuid(event["id"], 4)
        assert event["type"] == "custom" and event["priority"] == 5
        assert event["source"] == client.welcome["client_id"] and event["target"] is None
        assert event["payload"] == {}
        assert TIME.fullmatch(event["timestamp"]) and event["version"] == "1.0"
        assert event["delivery_status"] == "pending" and event["delivery_attempts"] == 0
        assert event["last_delivery_attempt"] is None and event["delivery_error"] is None
        metadata = event["metadata"]
        assert TIME.fullmatch(metadata.pop("created_at"))
        assert metadata.pop("tags") == {} and metadata.pop("headers") == {}
        assert set(metadata.values()) == {None}


async def test_ids_that_the_router_makes_are_all_different(router):
    async with await connect(router) as client:
        replies = await client.publish_many([{"topic": "t"}] * 200)
        assert len({reply["event_id"] for reply in replies}) == 200


async def test_a_topic_that_is_left_out_is_the_type(router):
    async with await connect(router) as client:
        await client.subscribe("*")
        assert (await delivered(client, {"type": "task.created"}))["topic"] == "task.created"
        unknown = await delivered(client, {"type": "my.own.kind"})
        assert unknown["topic"] == "my.own.kind" and unknown["type"] == "custom"


@pytest.mark.parametrize("kind", TYPES)
async def test_known_types_stay(router, kind):
    async with await connect(router) as client:
        await client.subscribe("t")
        assert (await delivered(client, {"topic": "t", "type": kind}))["type"] == kind


@pytest.mark.parametrize("kind", ["", "Task.Created", "task", "task.created.", "no such type", "ünbekannt"])
async def test_unknown_types_become_custom(router, kind):
    async with await connect(router) as client:
        await client.subscribe("t")
        assert (await delivered(client, {"topic": "t", "type": kind}))["type"] == "custom"


@pytest.mark.parametrize("priority", range(1, 11))
async def test_all_ten_priorities_are_taken(router, priority):
    async with await connect(router) as client:
        await client.subscribe("t")
        assert (await delivered(client, {"topic": "t", "priority": priority}))["priority"] == priority


async def test_given_values_arrive_unchanged(router):
    async with await connect(router) as client:
        await client.subscribe("a.b")
        assert await delivered(client, EVERYTHING) == EVERYTHING


async def test_metadata_given_in_part_is_completed(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        event = await delivered(client, {"topic": "t", "metadata": {"user_id": "u", "tags": {"a": "b"}}})
        assert sorted(event["metadata"]) == sorted(METADATA_KEYS)
        assert event["metadata"]["user_id"] == "u" and event["metadata"]["tags"] == {"a": "b"}
        assert event["metadata"]["headers"] == {} and event["metadata"]["trace_id"] is None
        assert TIME.fullmatch(event["metadata"]["created_at"])


@pytest.mark.parametrize("payload", [
    "{}", '{"n":1.0}', '{"n":1e2}', '{"n":-0.0}', '{"n":12345678901234567890123}', '{"n":0.1000}', '{"n":1E400}',
    '{"z":1,"a":2,"m":{"y":1,"b":2}}', '{ "spaced" : [ 1 ,  2 ] }', '{"a":"\\u00e9\\/\\"\\n"}', '{"a":"é 日本 😀"}',
    '{"a":"\\ud83d\\ude00"}', '{"":null}', '{"twice":1,"twice":2}', '{"event":{"id":"}}"}}', "null", "[1, 2]", '"text"',
    "17", '{"deep":' + "[" * 60 + "]" * 60 + "}",
])
async def test_a_payload_arrives_byte_for_byte(router, payload):
    async with await connect(router) as client:
        await client.subscribe("t")
        text = await delivered_text(client, '{"topic":"t","payload":%s}' % payload)
        assert re.search(r'"payload":\s*' + re.escape(payload) + r'[,}]', text), text
        json.loads(text)


@pytest.mark.parametrize("stamp", [
    "2026-01-31T12:00:00.123456+00:00", "2026-01-31T12:00:00+00:00", "2026-01-31T12:00:00.5+02:00",
    "2026-01-31T12:00:00.123Z", "2026-01-31T12:00:00.123456",
])
async def test_given_times_keep_their_form(router, stamp):
    async with await connect(router) as client:
        await client.subscribe("t")
        event = await delivered(client, {"topic": "t", "timestamp": stamp, "metadata": {"created_at": stamp}})
        assert event["timestamp"] == stamp and event["metadata"]["created_at"] == stamp


@pytest.mark.parametrize("text", ["plain", 'with "quotes" and \\', "é日本😀", "tab\tand\nline", "\u2028", "/path/"])
@pytest.mark.parametrize("ascii_only", [True, False])
async def test_strings_mean_the_same_when_they_arrive(router, text, ascii_only):
    async with await connect(router) as client:
        await client.subscribe("t")
        event = {"id": text, "topic": "t", "source": text, "target": text, "version": text,
                 "metadata": {"user_id": text, "tags": {text: text}, "headers": {text: text}}}
        sent = json.dumps(event, ensure_ascii=ascii_only)
        received = json.loads(await delivered_text(client, sent))["event"]
        assert {name: received[name] for name in ("id", "source", "target", "version")} == dict.fromkeys(
            ("id", "source", "target", "version"), text)
        assert received["metadata"]["tags"] == received["metadata"]["headers"] == {text: text}
        reply = await client.publish(event)
        assert reply["event_id"] == text


async def test_an_escaped_topic_is_the_topic_it_means(router):
    async with await connect(router) as client:
        await client.subscribe("caf\u00e9.open")
        text = await delivered_text(client, '{"topic":"c\\u0061f\\u00e9.open"}')
        assert json.loads(text)["event"]["topic"] == "café.open"


async def test_explicit_nulls_are_taken_where_they_are_allowed(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        event = await delivered(client, {
            "topic": "t", "target": None, "last_delivery_attempt": None, "delivery_error": None,
            "metadata": {"correlation_id": None, "user_id": None, "span_id": None}})
        assert event["target"] is None and event["metadata"]["span_id"] is None


async def test_a_delivery_is_compact_where_the_publisher_wrote_nothing(router):
    async with await connect(router) as client:
        subscription = await client.subscribe("t")
        text = await delivered_text(client, '{"topic":"t"}')
        assert text.startswith('{"type":"event","event":{')
        assert text.endswith('},"subscription_id":"%s"}' % subscription)
        assert " " not in text


@pytest.mark.parametrize("event, says", [
    ({}, ""), ({"payload": {}}, ""), ({"topic": "t", "surprise": 1}, "surprise"),
    ({"topic": "t", "metadata": {"colour": "red"}}, "colour"),
    ({"topic": "t", "priority": 0}, "priority"), ({"topic": "t", "delivery_status": "lost"}, "delivery_status"),
])
async def test_a_refused_event_is_answered_with_the_reason(router, event, says):
    async with await connect(router) as client:
        error = await client.error({"type": "publish", "event": event})
        assert error["error"].startswith("Failed to publish event:") and says in error["error"], error
        await client.ping()
