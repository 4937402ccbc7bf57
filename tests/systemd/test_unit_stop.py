"""systemctl stop: what waits for a slow subscriber is delivered, longer than TimeoutStopSec allows by itself."""
import asyncio
import time

from client import connect, until
from stalled import number_of, numbered, priority_of, publish_in_order, stalled_subscriber

WAITING, LATE = 6000, 100_000
TAKES = 6.0


async def read_slowly(slow, total: int) -> list[dict]:
    """Reads all, evenly over TAKES seconds."""
    began, messages = time.monotonic(), []
    while len(messages) < total:
        due = total * min(1.0, (time.monotonic() - began) / TAKES)
        while len(messages) < due:
            message = await slow.message()
            if message["type"] == "event":
                messages.append(message)
        await asyncio.sleep(0.05)
    return messages


async def test_a_slow_subscriber_gets_everything_highest_first_beyond_the_stop_timeout(service):
    service.configure('[drain]\ntimeout = "60s"\n')
    service.drop_in("gadugi-router.service", "Service", "TimeoutStopSec=2s\n")
    service.ctl("start")
    slow = await stalled_subscriber(service, "t", hello={})
    await publish_in_order(service, [numbered("t", 3, number) for number in range(WAITING)], receipt="dispatched")
    await publish_in_order(service, [numbered("t", 9, LATE)], receipt="dispatched")
    began = time.monotonic()
    stop = asyncio.create_task(asyncio.to_thread(service.ctl, "stop"))
    await until(lambda: service.property("ActiveState") == "deactivating", "it stops")
    messages = await read_slowly(slow, WAITING + 1)
    order = [number_of(message) for message in messages]
    print(f"CRITICAL came after {order.index(LATE)} of {WAITING} LOW events")
    assert order.index(LATE) < 1500, "what is published last overtakes all but what the kernel has"
    assert [number for number in order if number != LATE] == list(range(WAITING))
    assert priority_of(messages[order.index(LATE)]) == 9
    assert await slow.close_code() == 1001
    await stop
    assert time.monotonic() - began > 2, "longer than TimeoutStopSec"
    assert service.show("ActiveState", "Result", "ExecMainStatus") == {
        "ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}
    assert not service.says("(?i)timed out|killing")


async def test_an_idle_router_needs_no_extension(service):
    service.configure('[drain]\ntimeout = "60s"\n')
    service.ctl("start")
    async with await connect(service) as client:
        await client.ping()
        stop = asyncio.create_task(asyncio.to_thread(service.ctl, "stop"))
        assert (await client.closed())[0] == 1001
        await stop
    assert service.show("ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
