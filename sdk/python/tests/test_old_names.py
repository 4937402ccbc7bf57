"""What programs for the old client do, unchanged but for the import."""

import asyncio

from helpers import python, until

from gadugi_router import ConnectionState, Event, EventPriority, EventRouterClient, EventType

OLD_PROGRAM = """
import asyncio
from gadugi_router import EventPriority, EventRouterClient

async def example():
    client = EventRouterClient(url="{url}")
    await client.connect()
    @client.on("task.*")
    async def handle_task(event):
        print(f"Task event: {{event.topic}} - {{event.payload}}")
    await client.publish(topic="task.created", payload={{"task_id": "123"}}, priority=EventPriority.HIGH)
    await asyncio.sleep(1)
    await client.disconnect()

asyncio.run(example())
"""


async def test_the_program_from_the_old_documentation_prints_its_event(router):
    found = await asyncio.to_thread(python, "-c", OLD_PROGRAM.format(url=router.url))
    assert found.stdout == "Task event: task.created - {'task_id': '123'}\n" and found.stderr == ""


async def test_connect_subscribe_publish_unsubscribe_disconnect(router):
    client = EventRouterClient(
        url=router.url,
        auto_reconnect=True,
        reconnect_interval=1.0,
        max_reconnect_interval=30.0,
        reconnect_decay=1.5,
        heartbeat_interval=30.0,
        timeout=10.0,
    )
    assert client.state is ConnectionState.DISCONNECTED and not client.is_connected
    assert await client.connect() is True and await client.connect() is True
    assert client.is_connected and client.client_id and client.connected_at
    came: list[Event] = []
    name = await client.subscribe(
        topics=["task.*"],
        types=[EventType.TASK_CREATED],
        priorities=[EventPriority.HIGH],
        sources=["me"],
        callback=came.append,
    )
    assert name in client.subscriptions
    for fits in ({}, {"type": EventType.CUSTOM}, {"priority": EventPriority.LOW}, {"source": "you"}):
        await client.publish(
            "task.created",
            {"n": 1},
            **{"type": EventType.TASK_CREATED, "priority": EventPriority.SYSTEM, "source": "me", "target": "x", **fits},
        )
    await until(lambda: came, "the event")
    (event,) = came
    assert event.type is EventType.TASK_CREATED and event.priority is EventPriority.SYSTEM and event.target == "x"
    assert event.payload == {"n": 1} and event.source == "me"
    health = await client.get_health()
    assert health["status"] == "healthy" and health["active_subscriptions"] == 1
    assert await client.unsubscribe(name) is True and await client.unsubscribe(name) is False
    assert (await client.get_health())["active_subscriptions"] == 0
    assert await client.ping() is True
    await client.disconnect()
    assert client.state is ConnectionState.CLOSED and client.client_id is None
    assert await client.get_health() is None and await client.ping() is False


async def test_publish_returns_the_events_id(router):
    async with EventRouterClient(router.url) as client:
        came: list[Event] = []
        await client.subscribe(topics=["t"], callback=came.append)
        event_id = await client.publish("t", {"a": 1})
        await until(lambda: came, "the event")
        assert event_id and isinstance(event_id, str) and came[0].id == event_id
        assert client.stats["events_published"] == client.stats["events_received"] == 1


async def test_connect_says_whether_it_succeeded_and_goes_on_trying(start, router):
    port = router.port
    router.stop()
    client = EventRouterClient(f"ws://127.0.0.1:{port}", reconnect_interval=0.05, max_reconnect_interval=0.2)
    assert await client.connect() is False
    assert "refused" in str(client.last_error).lower() or "connect" in str(client.last_error).lower()
    assert client.state is ConnectionState.RECONNECTING
    assert await client.wait_until_connected(0.2) is False
    await asyncio.to_thread(start, port=port)
    assert await client.wait_until_connected(30) is True
    await client.disconnect()


async def test_without_auto_reconnect_a_lost_connection_stays_lost(router):
    client = EventRouterClient(router.url, auto_reconnect=False)
    assert await client.connect()
    router.kill()
    await until(lambda: not client.is_connected, "the loss")
    assert client.state is ConnectionState.DISCONNECTED
    assert await client.connect() is False and client.state is ConnectionState.DISCONNECTED
    await client.disconnect()


async def test_messages_of_a_type_can_be_watched(router):
    client = EventRouterClient(router.url)
    seen = []
    client.on_message("welcome")(seen.append)

    @client.on_message("published")
    async def published(message):
        seen.append(message)

    await client.connect()
    await client.publish("t")
    await until(lambda: len(seen) == 2, "both messages")
    assert [message["type"] for message in seen] == ["welcome", "published"]
    await client.disconnect()


async def test_it_can_connect_again_after_disconnect_and_handlers_are_still_there(router):
    client = EventRouterClient(router.url)
    came: list[Event] = []
    client.on("t")(came.append)
    for round_number in (1, 2):
        assert await client.connect()
        await client.publish("t")
        await until(lambda n=round_number: len(came) == n, "the event")
        await client.disconnect()
    assert (await client.publish("t")).reason == "closed"
