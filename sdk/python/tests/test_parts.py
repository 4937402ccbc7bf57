"""The parts that need no network: pauses, buffer, results, settings."""

import random

import pytest

from gadugi_router import BufferFull, EventRouterClient
from gadugi_router.backoff import Backoff
from gadugi_router.codec import event_fields, to_bytes
from gadugi_router.errors import InvalidEvent
from gadugi_router.results import PublishResult


def test_pauses_are_random_from_nothing_to_a_growing_limit():
    backoff = Backoff(1.0, 30.0, 2.0, random.Random(1))
    limits = []
    for _ in range(8):
        limits.append(backoff.limit())
        assert 0 <= backoff.next_delay() <= limits[-1]
    assert limits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_connection_that_held_forgets_the_failures_and_one_that_did_not_does_not():
    backoff = Backoff(1.0, 30.0, 2.0)
    for _ in range(5000):
        backoff.next_delay()
    assert backoff.limit() == 30
    backoff.connection_held(0.1)
    assert backoff.attempts == 5000
    backoff.connection_held(60)
    assert backoff.limit() == 1


def test_the_first_pauses_of_many_are_spread_evenly():
    delays = [Backoff(1.0, 30.0, 2.0, random.Random(seed)).next_delay() for seed in range(1000)]
    for tenth in range(10):
        assert 50 < sum(tenth / 10 <= delay < (tenth + 1) / 10 for delay in delays) < 150


def test_a_result_is_the_id_and_says_whether_it_was_taken():
    taken = PublishResult.make("an id", {"status": "queued", "matched": 2}, 1)
    assert taken == "an id" and taken and taken.accepted and taken.matched == 2 and f"{taken}" == "an id"
    refused = PublishResult.make("an id", {"status": "dropped", "reason": "queue_full"}, 1)
    assert refused == "an id" and not refused and refused.reason == "queue_full"
    assert "queue_full" in repr(refused) and type(refused.event_id) is str


def test_what_is_left_out_is_the_routers_to_fill_in():
    fields = event_fields("t")
    assert set(fields) == {"id", "topic", "timestamp", "metadata"} and set(fields["metadata"]) == {"created_at"}


@pytest.mark.parametrize("payload", [object(), float("nan"), {"a": {1, 2}}, "\ud800", {(1, 2): 3}])
def test_what_is_no_json_is_told_before_it_is_sent(payload):
    with pytest.raises(InvalidEvent):
        to_bytes(payload)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://localhost"},
        {"reconnect_interval": 0},
        {"reconnect_decay": 0.5},
        {"buffer_size": 0},
        {"overflow": "drop"},
        {"prefetch": 0},
        {"prefetch": 4, "max_local_events": 3},
        {"timeout": -1},
    ],
)
def test_a_wrong_setting_is_named(wrong):
    name = next(iter(wrong))
    with pytest.raises(ValueError, match=name):
        EventRouterClient(**wrong)


async def test_full_the_oldest_of_the_lowest_priority_goes_and_its_publisher_is_told():
    client = EventRouterClient(buffer_size=3)
    told = []
    client.on_publish_failed(told.append)
    handles = [client.publish_nowait("t", number, priority) for number, priority in enumerate([5, 1, 1, 7, 5, 10])]
    assert told == [handles[1].event_id, handles[2].event_id, handles[0].event_id]
    assert {(result.status, result.reason) for result in told} == {("dropped", "buffer_full")}
    result = await handles[1]
    assert result.reason == "buffer_full"
    assert not handles[3].done() and client.stats["waiting_to_publish"] == 3


async def test_what_is_the_lowest_itself_goes_at_once():
    client = EventRouterClient(buffer_size=1)
    client.publish_nowait("t", priority=5)
    assert (await client.publish("t", priority=1)).reason == "buffer_full"


async def test_the_bound_in_bytes_holds_too():
    client = EventRouterClient(buffer_bytes=2000)
    handles = [client.publish_nowait("t", "x" * 400) for _ in range(10)]
    assert 1 < client.stats["waiting_to_publish"] < 5
    assert handles[0].done() and not handles[-1].done()


async def test_publish_nowait_that_may_not_evict_says_that_there_is_no_room():
    client = EventRouterClient(buffer_size=2, overflow="wait")
    client.publish_nowait("t")
    client.publish_nowait("t")
    with pytest.raises(BufferFull):
        client.publish_nowait("t")


@pytest.mark.parametrize("priority", [0, 11, "7", 5.0, True, None])
async def test_a_priority_that_is_none(priority):
    with pytest.raises(InvalidEvent, match="priority"):
        await EventRouterClient().publish("t", priority=priority)
