"""Part 2: hello, request ids, error codes, and that none of it shows to those who did not ask."""
import json

import pytest

from client import TIME, connect

NEEDS_THE_STORE = {"durable", "replay", "store"}


async def test_hello_is_answered_with_protocol_server_and_features(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "hello", "protocol": 2, "client": "tests/1.0"})
        assert set(reply) == {"type", "protocol", "server", "features"}
        assert reply["type"] == "hello" and reply["protocol"] == 2
        assert reply["server"].startswith("gadugi-router/")
        assert reply["features"] and all(isinstance(name, str) for name in reply["features"])
        assert len(set(reply["features"])) == len(reply["features"])


async def test_hello_lists_only_what_is_there(router):
    async with await connect(router, hello={}) as client:
        assert not NEEDS_THE_STORE & set(client.greeting["features"])


@pytest.mark.parametrize("beside", [{}, {"client": "tests/1"}, {"token": "secret"}, {"token": None},
                                    {"lean": False}, {"lean": True}])
async def test_everything_in_hello_but_the_protocol_is_optional(router, beside):
    async with await connect(router) as client:
        assert (await client.ask({"type": "hello", "protocol": 2, **beside}))["type"] == "hello"


async def test_a_client_from_the_future_is_told_which_protocol_is_spoken(router):
    async with await connect(router) as client:
        assert (await client.ask({"type": "hello", "protocol": 3}))["protocol"] == 2


async def test_the_protocol_without_hello_is_refused_and_the_connection_stays(router):
    async with await connect(router) as client:
        error = await client.error({"type": "hello", "protocol": 1})
        assert error["code"] == "unsupported_protocol" and "2" in error["error"]
        await client.ping()


@pytest.mark.parametrize("hello", [{}, {"protocol": "2"}, {"protocol": 2.5}, {"protocol": -2}, {"protocol": None},
                                   {"protocol": 2, "lean": "yes"}, {"protocol": 2, "client": 5}])
async def test_a_wrong_hello_is_an_error(router, hello):
    async with await connect(router) as client:
        error = await client.error({"type": "hello", **hello})
        assert error["code"] in ("invalid_message", "unsupported_protocol")
        await client.ping()


def requests(subscription: str) -> list[tuple[dict, str]]:
    return [
        ({"type": "ping"}, "pong"),
        ({"type": "publish", "event": {"topic": "t"}}, "published"),
        ({"type": "publish", "event": {"topic": "t"}, "receipt": "dispatched"}, "published"),
        ({"type": "publish_batch", "events": [{"topic": "t"}, {}]}, "published_batch"),
        ({"type": "subscribe", "subscription": {"topics": ["u"]}}, "subscribed"),
        ({"type": "unsubscribe", "subscription_id": subscription}, "unsubscribed"),
        ({"type": "get_health"}, "health"),
        ({"type": "hello", "protocol": 2}, "hello"),
        ({"type": "publish", "event": {}}, "error"),
        ({"type": "publish"}, "error"),
        ({"type": "subscribe", "subscription": {"topics": [5]}}, "error"),
        ({"type": "unsubscribe", "subscription_id": "no such"}, "error"),
        ({"type": "no such type"}, "error"),
        ({"type": "hello", "protocol": 1}, "error"),
    ]


@pytest.mark.parametrize("first", [True, False])
async def test_a_request_id_comes_back_with_every_reply_and_error(router, first):
    async with await connect(router) as client:
        for number, (message, kind) in enumerate(requests(await client.subscribe("never"))):
            request_id = f"№ {number} \"quoted\""
            message = {"request_id": request_id} | message if first else message | {"request_id": request_id}
            reply = await client.ask(message)
            assert reply["type"] == kind and reply["request_id"] == request_id, (message, reply)


async def test_without_a_request_id_none_comes_back(router):
    async with await connect(router) as client:
        for message, kind in requests(await client.subscribe("never")):
            reply = await client.ask(message)
            assert reply["type"] == kind and "request_id" not in reply, (message, reply)


async def test_a_request_id_is_no_part_of_the_event(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t"}, request_id="r")
        assert set(await client.receive()) == {"type", "event", "subscription_id"}


@pytest.mark.parametrize("text, begins, code", [
    ("{", "Invalid JSON:", "invalid_json"),
    ('{"type":"dance"}', "Unknown message type:", "unknown_type"),
    ('{"type":"publish","event":{}}', "Failed to publish event:", "invalid_event"),
    ('{"type":"publish","event":{"topic":"t","x":1}}', "Failed to publish event:", "invalid_event"),
    ('{"type":"subscribe","subscription":{"topics":[5]}}', "Failed to subscribe:", "invalid_subscription"),
    ('{"type":"unsubscribe","subscription_id":"?"}', "Subscription not found", "not_found"),
])
async def test_errors_have_texts_for_people_and_codes_for_programs(router, text, begins, code):
    async with await connect(router) as client:
        await client.send(text)
        error = json.loads(await client.text())
        assert set(error) == {"type", "error", "code", "timestamp"}
        assert error["type"] == "error" and error["error"].startswith(begins) and error["code"] == code, error
        assert TIME.fullmatch(error["timestamp"])
        await client.ping()


async def test_an_unknown_type_is_named(router):
    async with await connect(router) as client:
        error = await client.error({"type": "dance"})
        assert error["error"].startswith("Unknown message type:") and "dance" in error["error"]


async def test_extensions_work_without_hello_too(router):
    async with await connect(router) as client:
        await client.subscribe("a.**", group="g")
        reply = await client.publish({"topic": "a.b.c"}, receipt="dispatched", request_id="r")
        assert reply["matched"] == 1 and reply["request_id"] == "r"
        assert (await client.event())["topic"] == "a.b.c"
