"""The clients that exist today work unchanged (see old_client.py)."""
import json
from datetime import datetime, timedelta, timezone

import pytest

from client import Client, connect, open_socket
from old_client import Event, Kind, Metadata, OldClient, Priority
from routers import free_port


async def test_an_old_client_gets_back_exactly_what_it_published(router):
    async with OldClient(router.url) as client:
        await client.subscribe(["task.*"])
        event = Event("task.created", Kind.TASK_CREATED, priority=Priority.HIGH, target="worker-1",
                      payload={"title": "Größe prüfen 😀", "ratio": 0.1, "steps": [1, 2.0, None, True]},
                      metadata=Metadata(user_id="u", tags={"a": "b"}, headers={"h": "1"}))
        assert await client.publish(event)
        assert await client.next_event() == event


async def test_old_clients_hear_each_other(router):
    async with OldClient(router.url) as one, OldClient(router.url) as other:
        subscription = await one.subscribe(["task.*"], [Kind.TASK_CREATED], [Priority.HIGH], [other.client_id])
        assert await other.publish(Event("task.low", Kind.TASK_CREATED, priority=Priority.LOW))
        assert await other.publish(Event("task.high", Kind.TASK_CREATED, priority=Priority.CRITICAL))
        event = await one.next_event()
        assert event.topic == "task.high" and event.source == other.client_id
        assert await one.unsubscribe(subscription)
        assert not await one.unsubscribe(subscription)


async def test_an_old_client_can_build_what_the_router_filled_in(router):
    async with OldClient(router.url) as old, await connect(router) as sparse:
        await old.subscribe(["*"])
        await sparse.publish({"topic": "bare"})
        event = await old.next_event()
        age = datetime.now(timezone.utc) - event.timestamp
        assert timedelta(seconds=-5) < age < timedelta(minutes=5)
        assert event.source == sparse.welcome["client_id"] and event.payload == {} and event.type is Kind.CUSTOM


async def test_no_extension_of_a_publisher_shows_in_what_an_old_client_gets(router):
    async with OldClient(router.url) as old, await connect(router, hello={"lean": True}) as new:
        await old.subscribe(["*"])
        await new.subscribe("**", group="g")
        await new.publish({"topic": "a", "target": "b"}, ttl_ms=60_000, receipt="dispatched", request_id="r")
        event = await old.next_event()
        assert event.topic == "a" and event.target == "b"
        reply = await new.ask({"type": "publish_batch", "events": [{"topic": "b"}], "request_id": "s"})
        assert reply["type"] == "published_batch"
        assert (await old.next_event()).topic == "b"


async def test_an_old_client_pings_and_asks_for_health(router):
    async with OldClient(router.url) as client:
        echo = {"sent": 1.5, "text": "ü"}
        pong = await client.ping(echo)
        assert pong["echo"] == echo
        datetime.fromisoformat(pong["timestamp"])
        assert (await client.health())["connected_clients"] == 1


@pytest.mark.parametrize("multi, level", [(False, "INFO"), (True, "WARNING")])
async def test_the_settings_of_old_deployments_are_understood(start, multi, level):
    router = start(port=free_port(), max_queue_size=500, max_clients=2, use_multi_queue=multi, log_level=level)
    async with OldClient(router.url) as client:
        await client.subscribe([])
        for priority in Priority:
            assert await client.publish(Event("t", priority=priority))
        assert sorted([(await client.next_event()).priority for _ in Priority]) == sorted(Priority)


async def test_the_settings_file_of_old_deployments_is_understood(start):
    settings = {"host": "localhost", "port": 9090, "max_queue_size": 50, "max_clients": 1, "use_multi_queue": False,
                "log_level": "INFO"}
    router = start(config=json.dumps(settings), config_name="router_config.json")
    async with OldClient(router.url) as client:
        assert (await client.ping("old"))["echo"] == "old"
        surplus = Client(await open_socket(router))
        assert (await surplus.receive())["message"] == "Maximum clients (1) reached"
