"""Health over the wire: degraded and unhealthy, with the reason in figures.

The dispatcher empties the queue at once, so the moment at which it is full is seen by who asks in the same read: what
comes in one read is answered before anything of it is matched.
"""
import signal

from client import connect, until
from control import control
from raw import raw_client, text_frame


def publish(priority: int) -> bytes:
    return text_frame({"type": "publish", "event": {"topic": "t", "priority": priority}})


HEALTH = text_frame({"type": "get_health"})


async def said_in_one_read(router, frames: list[bytes]) -> list[dict]:
    """The replies to frames that the router finds together in its buffer, for it stands still until they are there."""
    peer = await raw_client(router)
    async with peer:
        router.process.send_signal(signal.SIGSTOP)
        try:
            text = b"".join(frames)
            assert len(text) < 1 << 16, "more than the router reads at once"
            await peer.send(text)
        finally:
            router.process.send_signal(signal.SIGCONT)
        return [await peer.message() for _ in frames]


async def test_a_queue_that_is_more_than_80_percent_full_is_degraded_and_says_how_full(start):
    router = start(max_queue_size=10)
    replies = await said_in_one_read(router, [*[publish(5)] * 8, HEALTH, publish(5), HEALTH])
    before, full = replies[8]["health"], replies[10]["health"]
    assert (before["status"], before["errors"], before["events_in_queue"]) == ("healthy", [], 8)
    assert (full["status"], full["events_in_queue"]) == ("degraded", 9)
    assert full["errors"] == ["the ingress queue is 90 % full: 9 of 10 events"]
    async with await connect(router) as client:
        health = await client.health()
        assert (health["status"], health["errors"], health["events_processed"]) == ("healthy", [], 9)


async def test_of_several_queues_the_full_one_is_named(start):
    router = start(use_multi_queue=True)
    replies = await said_in_one_read(router, [*[publish(10)] * 850, HEALTH])
    health = replies[-1]["health"]
    assert (health["status"], health["events_in_queue"]) == ("degraded", 850)
    assert health["errors"] == ["the ingress queue for priority 10 is 85 % full: 850 of 1000 events"]


async def test_when_more_than_10_percent_fail_it_is_unhealthy_and_every_way_of_asking_says_why(start):
    router = start(max_queue_size=10)
    # Each of the last two pushes one of the others out.
    await said_in_one_read(router, [*[publish(1)] * 10, *[publish(9)] * 2])
    reason = "2 events failed, evicted from the full ingress queue: more than 10 % of the 10 processed"
    async with await connect(router) as client:
        health = await client.health()
        assert (health["status"], health["errors"]) == ("unhealthy", [reason])
        assert (health["events_failed"], health["events_processed"]) == (2, 10)
        status = await control(router, "status")
        assert status.code == 0 and "  Status: unhealthy\n" in status.out and f"Problem: {reason}\n" in status.out
        health = (await control(router, "status", "--json")).json["health"]
        assert (health["status"], health["errors"]) == ("unhealthy", [reason])

        async def among_the_errors():
            errors = (await control(router, "status", "--json")).json["recent_errors"]
            return [each["message"] for each in errors] == [f"unhealthy: {reason}"]
        await until(among_the_errors, "it is among the last errors")
        # With enough that goes well it is healthy again.
        await client.publish_many([{"topic": "t"}] * 11)
        assert (await client.health())["status"] == "healthy"
        await until(lambda: "healthy again" in router.log(), "the log says so")


async def test_publishes_that_a_full_queue_refuses_are_among_the_last_errors_though_the_router_is_healthy(start):
    router = start(max_queue_size=10)
    replies = await said_in_one_read(router, [publish(5)] * 13)
    assert [reply.get("status") for reply in replies].count("dropped") == 3

    async def last_errors():
        return (await control(router, "status", "--json")).json["recent_errors"]
    await until(last_errors, "it is told of")
    [told] = [error for error in await last_errors() if "publishes" in error["message"]]
    assert told["level"] == "warning"
    assert told["message"].startswith(
        "publishes refused because the ingress queue was full: 3; raise max_queue_size, or publish slower")
    assert "refused=3" in told["message"] and "queue_full" in told["message"], told
    assert (await control(router, "status", "--json")).json["health"]["status"] == "healthy"
