"""What arrives is what was published, whole, and only what was asked for."""

import asyncio
import json
from datetime import datetime

import pytest
from client import connect
from drivers import Failed, until

FIELDS = {
    "id", "topic", "type", "priority", "source", "target", "payload", "metadata", "timestamp", "version",
    "delivery_status", "delivery_attempts", "last_delivery_attempt", "delivery_error",
}  # fmt: skip
METADATA = {
    "created_at", "correlation_id", "causation_id", "user_id", "session_id", "trace_id", "span_id", "tags", "headers",
}  # fmt: skip
# Numbers in forms that readers and writers like to change.
NUMBERS = "[0, -0.0, 1.5, 0.1, 1e-7, 1e300, 123456789.125]"
LARGE_NUMBERS = "[9007199254740993, 18446744073709551616, -9223372036854775809]"
PAYLOADS = {
    "letters": {"grüße": "Zażółć gęślą jaźń", "日本": "漢字かな", "ئەم": "עברית", "nul": "\u0000\u001f\u007f"},
    "emoji": {"families": "👩‍👩‍👧‍👦", "flags": "🏳️‍🌈🇯🇵"},
    "marks": {"quotes": '"\\/\b\f\n\r\t', "separators": "\u2028\u2029\ufeff\ufffd", "astral": "\U0010ffff𝒳"},
    "numbers": json.loads(NUMBERS),
    "large numbers": json.loads(LARGE_NUMBERS),
    "shapes": [None, True, False, [], {}, [[[]]], {"": {"": ""}}, "", 0],
    "order": {"z": 1, "a": 2, "m": 3},
    "deep": json.loads("[" * 60 + "]" * 60),
    "text": "not an object",
    "null": None,
}


async def test_lean_deliveries_are_filled_in_whole(driver, router):
    async with driver() as program:
        client = await program.connect(router.url)
        await client.subscribe("*")
        event_id = (await client.publish("bare"))["event_id"]
        await until(client.events, "the event")
        event = client.events()[0]
        assert set(event) == FIELDS and set(event["metadata"]) == METADATA
        assert event["id"] == event_id and event["topic"] == "bare" and event["source"]
        defaults = {"type": "custom", "priority": 5, "target": None, "payload": {}, "version": "1.0"}
        defaults |= {"delivery_status": "pending", "delivery_attempts": 0}
        defaults |= {"last_delivery_attempt": None, "delivery_error": None}
        assert {name: event[name] for name in defaults} == defaults
        assert event["metadata"]["tags"] == {} == event["metadata"]["headers"]
        datetime.fromisoformat(event["timestamp"])


async def test_all_that_the_publisher_gave_arrives(driver, other_driver, router):
    given = {
        "id": "an id of my own",
        "type": "task.created",
        "priority": 8,
        "source": "planner",
        "target": "worker-1",
        "metadata": {
            "correlation_id": "c", "causation_id": "d", "user_id": "u", "session_id": "s", "trace_id": "t",
            "span_id": "p", "tags": {"a": "ä"}, "headers": {"b": "β"},
        },
    }  # fmt: skip
    async with driver() as program, other_driver() as other:
        client, taker = await program.connect(router.url), await other.connect(router.url, "b")
        await taker.subscribe("t")
        await client.publish("t", {"n": 1}, **given)
        await until(taker.events, "the event")
        (event,) = taker.events()
        metadata = {name: value for name, value in event["metadata"].items() if name != "created_at"}
        assert metadata == given["metadata"]
        assert event | given == event | {"metadata": given["metadata"]}


@pytest.mark.parametrize("name", PAYLOADS)
async def test_payloads_arrive_as_they_were(driver, other_driver, router, name):
    """Through both SDKs, and to somebody who reads the bytes."""
    async with driver() as program, other_driver() as other, await connect(router) as witness:
        client, taker = await program.connect(router.url), await other.connect(router.url, "b")
        await witness.subscribe("*")
        for each in (client, taker):
            await each.subscribe("*")
        given = {"payload": PAYLOADS[name]}
        await client.publish("t", given)
        await until(lambda: client.events() and taker.events(), "the event")
        seen = [(await witness.event())["payload"], client.payloads()[0], taker.payloads()[0]]
        assert [json.dumps(each) for each in seen] == [json.dumps(given)] * 3


async def test_large_payloads_and_many_of_them(driver, router):
    """2 MB each, which no buffer between takes at once."""
    async with driver() as program:
        client = await program.connect(router.url)
        await client.subscribe("t")
        texts = [chr(ord("a") + number) * 2_000_000 for number in range(4)]
        results = await asyncio.gather(*(client.publishing("t", {"text": text}) for text in texts))
        assert {result["status"] for result in results} == {"queued"}
        await until(lambda: len(client.events()) == 4, "all of them")
        assert [payload["text"] for payload in client.payloads()] == texts


EVERYTHING = ["a", "a.b", "a.b.c", "end"]
FILTERS = {
    "one level": (["a.*"], {}, ["a.b"]),
    "several levels": (["a.**"], {}, ["a.b", "a.b.c"]),
    "several patterns, each event once": (["a.b", "a.*", "**"], {}, EVERYTHING),
    "everything": (["*"], {}, EVERYTHING),
    "a minimum": (["*"], {"min_priority": 7}, ["a.b.c", "end"]),
    "types": (["*"], {"types": ["task.failed", "agent.started"]}, ["a.b"]),
    "sources": (["*"], {"sources": ["me", "you"]}, ["a", "end"]),
    "targets": (["*"], {"targets": ["t"]}, ["a.b.c"]),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_filters(driver, router, name):
    topics, wanted, expected = FILTERS[name]
    async with driver() as program:
        client = await program.connect(router.url)
        await client.subscribe(*topics, **wanted)
        await client.subscribe("end", sub="end")
        await client.publish("a", source="me")
        await client.publish("a.b", type="task.failed")
        await client.publish("a.b.c", priority=7, target="t")
        await client.publish("end", priority=10, source="you")
        await until(lambda: client.events("end"), "the last one")
        await client.settled()
        assert sorted(event["topic"] for event in client.events()) == expected


async def test_a_refused_subscription_or_event_is_an_error_and_nothing_else_is_hindered(driver, router):
    async with driver() as program:
        client = await program.connect(router.url)
        with pytest.raises(Failed, match="refused"):
            await client.subscribe("a.**.b", sub="wrong")
        await client.subscribe("t")
        with pytest.raises(Failed, match="refused") as refusal:
            await client.publish("")
        assert refusal.value.code == "invalid_event"
        events = [{"topic": "t", "payload": 1}, {"topic": ""}, {"topic": "t", "payload": 3}]
        results = await client.ask("publish_batch", events=events)
        assert [result["status"] for result in results] == ["queued", "rejected", "queued"]
        assert results[1]["reason"] == "invalid_event"
        await until(lambda: len(client.events()) == 2, "the others")
        assert client.payloads() == [1, 3]


async def test_receipts_say_how_many_took_it(driver, router):
    async with driver() as program:
        client = await program.connect(router.url)
        await client.subscribe("t", sub="one")
        await client.subscribe("*", sub="two")
        receipt = {"receipt": "dispatched"}
        assert (await client.publish("t", options=receipt))["matched"] == 2
        assert (await client.publish("other", options=receipt))["matched"] == 1
        await client.ask("unsubscribe", sub="two")
        await until(lambda: len(client.events("two")) == 2, "what came before")
        while (await client.settled())["active_subscriptions"] > 1:
            await asyncio.sleep(0.01)
        assert (await client.publish("other", options=receipt))["matched"] == 0


async def test_what_the_router_refuses_is_a_result(driver, start):
    router = await asyncio.to_thread(start, limits__publish_rate=5, limits__publish_burst=5)
    async with driver() as program:
        client = await program.connect(router.url)
        words = {word for _, word in await client.publishing_many("t", 50)}
        assert words == {"queued", "rejected/rate_limited"}
