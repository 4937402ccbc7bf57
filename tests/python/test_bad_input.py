"""Messages that are wrong: whoever sent one is told why, its connection stays open, nobody else notices."""
import json

import pytest
import websockets

from client import TIME, connect
from witness import witness

LIMIT = 10_000_000
BOUND_MIB = 200


async def refused(router, text: str | bytes) -> dict:
    """Sends this beside a witness and returns the error; the connection must go on as before."""
    async with witness(router), await connect(router) as client:
        await client.send(text)
        error = json.loads(await client.text())
        assert error["type"] == "error" and error["error"] and TIME.fullmatch(error["timestamp"]), error
        assert len(error["error"]) < 2000, "an error does not repeat what was sent at length"
        await client.ping("still open")
    assert router.rss() < BOUND_MIB
    return error


@pytest.mark.parametrize("text", [
    "", " ", "{", "}", "nonsense", '{"type":"ping"', '{"type":"ping"}}', '{"type":"ping"} {}', "{'type':'ping'}",
    '{"type":"ping",}', '{"type":ping}', '{type:"ping"}', '{"type":"ping","echo":}', '{"type":"ping","echo":01}',
    '{"type":"ping","echo":NaN}', '{"type":"ping","echo":"\\x"}', '{"type":"ping","echo":"a\nb"}',
    '{"type":"publish","event":{"topic":"t","payload":{]}}', '\ufeff{"type":"ping"}', "\0",
])
async def test_what_is_not_json_is_called_invalid_json(router, text):
    error = await refused(router, text)
    assert error["error"].startswith("Invalid JSON:") and error["code"] == "invalid_json"


@pytest.mark.parametrize("text", ["[]", "null", "true", "17", '"ping"', '[{"type":"ping"}]'])
async def test_json_that_is_no_object_is_refused(router, text):
    error = await refused(router, text)
    assert error["error"].startswith("Invalid JSON:") and error["code"] == "invalid_json"


@pytest.mark.parametrize("text", [
    "[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000,
    '{"type":"ping","echo":' + "[" * 100_000 + "]" * 100_000 + "}",
    '{"type":"publish","event":{"topic":"t","payload":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}}",
    '{"type":"publish","event":{"topic":"t","metadata":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}}",
], ids=["open", "open objects", "array", "echo", "payload", "metadata"])
async def test_a_hundred_thousand_levels_of_nesting_are_refused(router, text):
    await refused(router, text)


@pytest.mark.parametrize("text", ["{}", '{"type":null}', '{"type":5}', '{"type":{}}', '{"type":""}', '{"type":"Ping"}',
                                  '{"type":"welcome"}', '{"type":"event"}', '{"Type":"ping"}'])
async def test_an_unknown_type_is_refused(router, text):
    error = await refused(router, text)
    assert error["code"] in ("unknown_type", "invalid_message")


async def test_a_very_long_type_is_refused_in_a_few_words(router):
    await refused(router, '{"type":"%s"}' % ("x" * 1_000_000))


@pytest.mark.parametrize("event, named", [
    ({"colour": "red"}, "colour"), ({"Topic": "t"}, "Topic"), ({"ttl_ms": 5}, "ttl_ms"), ({"sequence": 1}, "sequence"),
    ({"metadata": {"colour": "red"}}, "colour"), ({"metadata": {"topic": "t"}}, "topic"),
])
async def test_an_unknown_key_in_an_event_is_named(router, event, named):
    error = await refused(router, json.dumps({"type": "publish", "event": {"topic": "t", **event}}))
    assert error["error"].startswith("Failed to publish event:") and named in error["error"]
    assert error["code"] == "invalid_event"


WRONG_FIELDS = [
    ("id", [5, None, {}, []]), ("topic", [5, None, {}, ["t"], "", "a\nb", "\x00", "t" * 100_000]),
    ("type", [5, None, {}]), ("priority", [0, 11, -1, 5.5, "high", "5", None, True, 10 ** 30, [], {}]),
    ("source", [5, None, {}]), ("target", [5, [], {}]), ("metadata", [5, [], "m", True]),
    ("timestamp", [5, "", "yesterday", {}, "2026-13-01T00:00:00"]), ("version", [1.0, None]),
    ("delivery_status", ["lost", 1, None]), ("delivery_attempts", [-1, 1.5, "0", None]),
    ("last_delivery_attempt", [5, "never"]), ("delivery_error", [5, {}]),
]
WRONG_METADATA = [
    ("created_at", [5, {}]), ("correlation_id", [5, []]), ("user_id", [{}]), ("trace_id", [1]),
    ("tags", [5, [], None, {"k": 1}, {"k": None}]), ("headers", ["h", {"k": ["v"]}]),
]


@pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG_FIELDS for value in values],
                         ids=lambda part: repr(part)[:30])
async def test_a_wrong_value_in_an_event_is_refused_by_its_name(router, name, value):
    error = await refused(router, json.dumps({"type": "publish", "event": {"topic": "t", name: value}}))
    assert error["error"].startswith("Failed to publish event:") and name in error["error"], error
    assert error["code"] in ("invalid_event", "too_large")


@pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG_METADATA for value in values])
async def test_a_wrong_value_in_metadata_is_refused_by_its_name(router, name, value):
    error = await refused(router, json.dumps({"type": "publish", "event": {"topic": "t", "metadata": {name: value}}}))
    assert error["error"].startswith("Failed to publish event:") and name in error["error"], error


@pytest.mark.parametrize("message", [
    {"type": "publish"}, {"type": "publish", "event": None}, {"type": "publish", "event": []},
    {"type": "publish", "event": "t"}, {"type": "subscribe"}, {"type": "subscribe", "subscription": 5},
    {"type": "unsubscribe"}, {"type": "unsubscribe", "subscription_id": 5},
    {"type": "unsubscribe", "subscription_id": None}, {"type": "publish_batch"}, {"type": "hello"},
])
async def test_a_message_without_its_content_is_refused(router, message):
    await refused(router, json.dumps(message))


@pytest.mark.parametrize("data", [b"", b"\x00\xff", b'{"type":"ping"}', b"x" * 1_000_000])
async def test_binary_frames_get_an_error(router, data):
    error = await refused(router, data)
    assert error["code"] == "binary_not_supported"


async def test_ten_thousand_patterns_in_one_subscription_are_refused(router):
    topics = [f"a.{number}" for number in range(10_000)]
    error = await refused(router, json.dumps({"type": "subscribe", "subscription": {"topics": topics}}))
    assert error["error"].startswith("Failed to subscribe:")


async def test_a_pattern_over_the_bound_is_refused(router):
    error = await refused(router, json.dumps({"type": "subscribe", "subscription": {"topics": ["x" * 100_000]}}))
    assert error["error"].startswith("Failed to subscribe:")


async def test_one_subscription_too_many_is_refused_until_another_ends(start):
    router = start(limits__max_subscriptions=5)
    async with witness(router), await connect(router) as client, await connect(router) as other:
        ids = [await client.subscribe(f"t.{number}") for number in range(5)]
        message = {"type": "subscribe", "subscription": {"topics": ["one.more"]}}
        error = await client.error(message)
        assert error["error"].startswith("Failed to subscribe:") and error["code"] == "too_many_subscriptions"
        await other.subscribe("every.client.has.its.own")
        await client.ask({"type": "unsubscribe", "subscription_id": ids[0]})
        assert (await client.ask(message))["type"] == "subscribed"


def publish_of_size(size: int) -> str:
    head, tail = '{"type":"publish","event":{"topic":"t","payload":{"text":"', '"}}}'
    return head + "x" * (size - len(head) - len(tail)) + tail


async def test_a_message_of_ten_million_bytes_is_taken(router):
    async with witness(router), await connect(router) as client:
        await client.subscribe("t")
        await client.send(publish_of_size(LIMIT))
        assert (await client.reply())["status"] == "queued"
        assert len((await client.event())["payload"]["text"]) > LIMIT - 100


async def test_one_byte_more_closes_the_connection(router):
    async with witness(router):
        client = await connect(router)
        try:
            await client.send(publish_of_size(LIMIT + 1))
        except websockets.ConnectionClosed:
            pass
        code, reason = await client.closed()
        assert code == 1009 and reason
    assert router.rss() < BOUND_MIB


async def test_the_limit_is_a_setting(start):
    router = start(limits__max_message_size=2000)
    async with witness(router), await connect(router) as client:
        await client.send(publish_of_size(2000))
        assert (await client.reply())["status"] == "queued"
        await client.send(publish_of_size(2001))
        code, _ = await client.closed()
        assert code == 1009


async def test_many_errors_in_a_row_are_all_answered(router):
    async with witness(router), await connect(router) as client:
        for _ in range(2000):
            await client.send("nonsense")
        assert {(await client.reply())["code"] for _ in range(2000)} == {"invalid_json"}
        await client.ping()


async def test_nothing_is_sent_to_others_for_a_refused_event(router):
    async with await connect(router) as client, await connect(router) as listener:
        await listener.subscribe("*")
        for event in ({"topic": ""}, {"topic": "t", "priority": 11}, {"topic": "t", "x": 1}):
            await client.error({"type": "publish", "event": event})
        assert await listener.drain() == []
