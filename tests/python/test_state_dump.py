"""SIGUSR2: what the router knows of itself, in its log."""
import re
import signal

from client import connect
from reloading import Log
from stalled import numbered, publish_in_order, stalled_subscriber


async def test_the_state_is_in_the_log_with_who_is_behind_and_without_what_events_say(start):
    router = start(limits__outbox_events=100)
    slow = await stalled_subscriber(router, "t")
    secret = "the-secret-of-this-event"
    await publish_in_order(router, [numbered("t", 5, number, secret * 50) for number in range(2000)], receipt="dispatched")
    async with await connect(router) as client:
        router.process.send_signal(signal.SIGUSR2)
        log = Log(router).from_the_start()
        await log.says("state: 2 clients, 1 subscriptions, draining: false")
        await log.says("state: dead letters, evicted, by priority")
        line = await log.says("state: client .* from 127.0.0.1:")
        counts = re.search(r": (\d+) subscriptions, (\d+) events and (\d+) bytes waiting, (\d+) evicted", line)
        subscriptions, waiting, size, evicted = map(int, counts.groups())
        assert (subscriptions, waiting) == (1, 100) and size > 0 and evicted > 1000
        await log.says(f"state: client {client.welcome['client_id']} from 127.0.0.1:")
        assert secret not in log.text()
    slow.vanish()


async def test_an_event_that_is_not_taken_is_named_at_the_level_of_debugging(start):
    router = start(log_level="debug", limits__publish_rate=1, limits__publish_burst=1)
    async with await connect(router) as client:
        for name in ("first", "second"):
            await client.ask({"type": "publish", "event": {"topic": "t", "id": name}})
        line = await Log(router).from_the_start().says("an event was not taken")
        assert "second" in line and "rate_limited" in line and client.welcome["client_id"] in line
