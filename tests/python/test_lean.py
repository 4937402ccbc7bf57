"""Part 2: lean deliveries, filled in again, are the full ones."""
import json

import pytest

from client import connect
from test_publishing import EVENT_KEYS, EVERYTHING, METADATA_KEYS

DEFAULTS = {"type": "custom", "priority": 5, "target": None, "payload": {}, "version": "1.0",
            "delivery_status": "pending", "delivery_attempts": 0, "last_delivery_attempt": None, "delivery_error": None}
METADATA_DEFAULTS = {name: None for name in METADATA_KEYS} | {"tags": {}, "headers": {}}


def filled(lean: dict) -> dict:
    """What a client's library does with a lean event."""
    return DEFAULTS | lean | {"metadata": METADATA_DEFAULTS | lean.get("metadata", {})}


async def both_forms(router, event: dict) -> tuple[dict, dict, dict]:
    """One event as a lean client and as a full one get it, and what the lean one was told on subscribing."""
    async with await connect(router, hello={"lean": True}) as lean, await connect(router, hello={}) as full:
        told = await lean.subscribed("*")
        await full.subscribe("*")
        await full.publish(event)
        return await lean.expect("event"), await full.expect("event"), told


async def test_a_lean_delivery_names_its_subscription_by_a_small_number(router):
    async with await connect(router, hello={"lean": True}) as client:
        numbers = {(await client.subscribed(topic))["sub"]: topic for topic in ("a", "b", "c")}
        assert len(numbers) == 3 and all(isinstance(number, int) and 0 <= number < 1000 for number in numbers)
        for topic in "cab":
            await client.publish({"topic": topic})
            message = await client.expect("event")
            assert set(message) == {"type", "event", "sub"}
            assert numbers[message["sub"]] == topic == message["event"]["topic"]


@pytest.mark.parametrize("event", [
    {"topic": "t"}, EVERYTHING,
    {"topic": "t", "payload": {"a": [1.0, None]}, "priority": 6},
    {"topic": "t", "type": "custom", "priority": 5, "version": "1.0", "target": None, "payload": {},
     "metadata": {"tags": {}, "headers": {}, "user_id": None}},
    {"topic": "t", "metadata": {"created_at": None}},
    {"topic": "t", "metadata": {"tags": {"": ""}}, "delivery_attempts": 1},
    {"topic": "t", "target": "", "version": "", "delivery_error": ""},
    {"topic": "t", "payload": None}, {"topic": "t", "payload": []}, {"topic": "t", "payload": 0},
])
async def test_a_lean_event_filled_in_is_the_full_one(router, event):
    lean, full, _ = await both_forms(router, event)
    assert sorted(full["event"]) == sorted(EVENT_KEYS)
    assert sorted(full["event"]["metadata"]) == sorted(METADATA_KEYS)
    assert filled(lean["event"]) == full["event"]


async def test_what_holds_its_default_is_left_out(router):
    lean, full, told = await both_forms(router, {"topic": "t"})
    assert lean["sub"] == told["sub"]
    assert set(lean["event"]) <= {"id", "topic", "source", "timestamp", "metadata"}
    assert set(lean["event"].get("metadata", {})) <= {"created_at"}
    assert len(json.dumps(lean)) < len(json.dumps(full)) / 2


async def test_metadata_with_nothing_in_it_is_left_out(router):
    lean, _, _ = await both_forms(router, {"topic": "t", "metadata": {"created_at": None, "tags": {}}})
    assert "metadata" not in lean["event"]


async def test_only_those_who_asked_get_lean_deliveries(router):
    async with await connect(router, hello={"lean": False}) as client, await connect(router) as plain:
        for each in (client, plain):
            subscription = await each.subscribe("t")
            await each.publish({"topic": "t"})
            message = await each.expect("event")
            assert message["subscription_id"] == subscription and len(message["event"]) == 14
            await each.ask({"type": "unsubscribe", "subscription_id": subscription})


async def test_numbers_in_a_lean_payload_keep_their_form(router):
    async with await connect(router, hello={"lean": True}) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t"})
        await client.expect("event")
        await client.send('{"type":"publish","event":{"topic":"t","payload":{"z":1.50,"a":1e2}}}')
        texts = [await client.text() for _ in range(2)]
        assert any('"payload":{"z":1.50,"a":1e2}' in text for text in texts)
