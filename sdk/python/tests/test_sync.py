"""The client for scripts, which have no event loop. These tests have none either."""

import threading
import time

import pytest
from routers import free_port

from gadugi_router import ConnectionFailed, Event, InvalidEvent, NotConnected, RequestFailed, SyncEventRouterClient


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_publish_subscribe_request_health(router):
    with SyncEventRouterClient(router.url) as client:
        came: list[Event] = []
        threads = set()

        def handle(event):
            threads.add(threading.current_thread().name)
            came.append(event)
            # A handler may use the client.
            client.publish("seen", event.payload)

        name = client.subscribe(["t"], callback=handle)
        seen = client.events("seen", timeout=20)
        assert client.publish("t", 1).accepted
        assert next(seen).payload == 1 and came[0].payload == 1
        assert not any("gadugi-router" in name for name in threads)
        assert client.unsubscribe(name)

        @client.on("double")
        def answer(event):
            client.publish(event.metadata.headers["reply-to"], event.payload * 2)

        assert client.get_health()["status"] == "healthy" and client.is_connected
        assert [bool(result) for result in client.publish_batch([Event(topic="t"), Event(topic="u")])] == [True, True]
        with pytest.raises(InvalidEvent):
            client.publish("")


def test_what_else_the_real_client_has(router):
    client = SyncEventRouterClient(router.url)
    states, problems = [], []
    client.on_state_change(lambda change: states.append(change.new.value))
    client.on_error(problems.append)
    client.on_gap(lambda gap: None)
    client.connect()
    assert client.wait_until_connected() and client.state.value == "connected" and client.last_error is None
    assert client.supports("groups") and client.ping() and client.subscriptions == {}

    @client.respond("double")
    def double(event):
        return event.payload * 2

    assert client.request("double", 21).payload == 42
    with pytest.raises(RequestFailed):
        client.request("double", {})
    assert client.publish_event(Event(topic="t", id="mine")) == "mine" and client.stats["events_published"] > 2
    wait_for(lambda: len(problems) == 1 and "connected" in states)
    client.disconnect()


def test_iterating_ends_when_nothing_comes(router):
    with SyncEventRouterClient(router.url) as client:
        events = client.events("t", timeout=0.5)
        for number in range(3):
            client.publish("t", number)
        assert [event.payload for event in events] == [0, 1, 2]
        assert client.get_health()["active_subscriptions"] == 0


def test_no_router_is_an_exception_and_no_thread_is_left():
    before = threading.active_count()
    client = SyncEventRouterClient(f"ws://127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionFailed):
        client.connect()
    client.disconnect()
    client.disconnect()
    wait_for(lambda: threading.active_count() == before)


def test_after_its_end_it_says_so(router):
    with SyncEventRouterClient(router.url) as client:
        client.publish("t")
    with pytest.raises(NotConnected, match="another one"):
        client.publish("t")


def test_what_never_came_to_be_leaves_no_thread_behind():
    before = threading.active_count()
    with pytest.raises(ValueError, match="url"):
        SyncEventRouterClient("http://localhost")
    with pytest.raises(ConnectionFailed), SyncEventRouterClient(f"ws://127.0.0.1:{free_port()}"):
        pass
    wait_for(lambda: threading.active_count() <= before)
