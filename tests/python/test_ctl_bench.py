"""gadugi-routerctl bench: its books are right, and it says what it measured."""
import asyncio
import os
import pty
import re
import subprocess

import pytest

from client import connect
from control import PATIENCE, control, ctl, folder_of, run
from routers import environment
from stalled import stalled_subscriber

PERCENTILES = ["p50", "p90", "p99", "p99.9", "max"]


async def report(router, *words) -> dict:
    outcome = await control(router, "bench", "--json", *words)
    assert outcome.code == 0, outcome.err
    return outcome.json


async def status(router) -> dict:
    return (await control(router, "status", "--json")).json


async def test_what_is_told_is_what_the_router_counted(router):
    found = await report(router, "--events", "3001", "--publishers", "3", "--subscribers", "2", "--size", "1KiB")
    assert (found["published"], found["expected"], found["delivered"]) == (3001, 6002, 6002)
    assert (found["shed"], found["lost"], found["not_taken"], found["other_clients"]) == (0, 0, {}, 0)
    assert (found["publishers"], found["subscribers"], found["payload_bytes"]) == (3, 2, 1024)
    assert found["router"] == f"ws://localhost:{router.port}" and found["shared_machine"] is True
    assert list(found["latency_us"]) == PERCENTILES
    values = list(found["latency_us"].values())
    assert values == sorted(values) and values[0] > 0
    assert found["published_per_second"] > 0 and found["own_cpu_seconds"] > 0
    totals = (await status(router))["totals"]
    assert (totals["accepted"], totals["matched"], totals["delivered"]) == (3001, 6002, 6002)


async def test_events_have_the_size_and_the_priorities_that_were_asked_for(router):
    async with await connect(router) as client:
        await client.subscribe("here")
        for words, priorities in [
            (["--priority", "mixed"], {level: 10 for level in range(1, 11)}),
            (["--priority", "SYSTEM"], {10: 100}),
        ]:
            found = await report(router, "--topic", "here", "--events", "100", "--size", "32", *words)
            assert found["latency_us_by_priority"].keys() == {str(level) for level in priorities}
            assert found["other_clients"] == 1
            sizes, seen = set(), dict.fromkeys(priorities, 0)
            for _ in range(100):
                text = await client.text()
                payload = re.search(r'"payload":(\{.*?\})', text)[1]
                sizes.add(len(payload))
                seen[int(re.search(r'"priority":(\d+)', text)[1])] += 1
            assert sizes == {32} and seen == priorities


async def test_events_may_be_large(router):
    outcome = await control(router, "bench", "--events", "3", "--size", "100000", "--json")
    assert outcome.code == 0 and outcome.json["delivered"] == 3


async def test_events_that_are_too_large_for_the_router_are_refused(start):
    router = start(limits__max_message_size="64KiB")
    outcome = await control(router, "bench", "--events", "3", "--size", "100000")
    assert outcome.code == 69 and outcome.out == "" and outcome.err.count("\n") == 1, outcome


async def test_a_rate_and_a_duration_hold(router):
    found = await report(router, "--rate", "200", "--duration", "1s", "--publishers", "2")
    # Each publisher sends its first event at once; how many come before the end is up to the machine.
    assert 0 < found["published"] <= 204 and found["delivered"] == found["published"]
    assert found["rate"] == 200 and found["publish_seconds"] >= 0.9


async def test_people_are_told_what_was_measured(router):
    outcome = await control(router, "bench", "--events", "200", "--priority", "mixed", "--rate", "1000")
    assert outcome.code == 0 and outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0] == (f"gadugi-router/0.1.0 at ws://localhost:{router.port}: 1 publishing, 1 subscribing, "
                        "payloads of 256 bytes, priority mixed, 1000 events/s")
    assert re.fullmatch(r"published 200 events in \d+\.\d\d s: \d+/s", lines[1])
    assert re.fullmatch(r"delivered 200 of 200: \d+/s; 0 shed for slow subscribers, 0 lost", lines[2])
    assert lines[3].split() == ["LATENCY", *PERCENTILES]
    assert [line.split("  ")[0] for line in lines[4:15]] == ["all", *(f"priority {level}" for level in range(10, 0, -1))]
    assert lines[15].startswith("The router and this program shared the machine; this program ")
    outcome = await control(router, "bench", "--events", "100")
    assert "--rate N shows them" in outcome.out and "as fast as possible" in outcome.out


async def test_without_subscribers_it_publishes_only(router):
    outcome = await control(router, "bench", "--subscribers", "0", "--events", "100")
    assert outcome.code == 0 and "published 100 events" in outcome.out
    assert "delivered" not in outcome.out and "LATENCY" not in outcome.out
    found = await report(router, "--subscribers", "0", "--events", "100")
    assert (found["expected"], found["delivered"], found["lost"], found["latency_us"]) == (0, 0, 0, None)


async def test_what_the_router_does_not_take_is_counted(start):
    router = start(limits__publish_rate=100, limits__publish_burst=50)
    found = await report(router, "--events", "200")
    assert found["not_taken"]["rate_limited"] == 200 - found["published"] > 0
    assert found["delivered"] == found["expected"] == found["published"] and found["lost"] == 0


async def test_what_is_shed_is_not_lost(start):
    # With room for one event, a burst is shed; the router tells of each.
    router = start(limits__outbox_events=1)
    found = await report(router, "--events", "5000", "--publishers", "5")
    assert found["published"] == 5000 and found["shed"] > 0 and found["lost"] == 0
    assert found["delivered"] + found["shed"] == 5000


async def test_other_clients_are_told_of(router):
    async with await stalled_subscriber(router, "other") as other, await connect(router):
        outcome = await control(router, "bench", "--events", "10")
        assert outcome.code == 0 and "other clients (2)" in outcome.err and outcome.err.count("\n") == 1
        other.vanish()


async def test_too_many_for_the_router(start):
    router = start(max_clients=3)
    outcome = await control(router, "bench", "--subscribers", "5")
    assert outcome.code == 69 and outcome.out == "" and "Maximum clients (3)" in outcome.err


async def test_a_router_that_ends_meanwhile(router):
    process = subprocess.Popen([ctl(), "bench", "--duration", "60s", "--rate", "100"], stdout=subprocess.PIPE,
                               env=environment(folder_of(router)), stderr=subprocess.PIPE, text=True)
    async with await connect(router) as client:
        while (await client.health())["events_processed"] < 10:
            await asyncio.sleep(0.02)
    await asyncio.to_thread(router.stop)
    out, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert process.returncode == 69 and out == "", (process.returncode, err)
    assert "shutting down" in err.splitlines()[-1]


async def test_a_bar_on_a_terminal_only(router):
    leader, follower = pty.openpty()
    process = subprocess.Popen([ctl(), "bench", "--duration", "500ms"], env=environment(folder_of(router)),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=follower, text=True)
    os.close(follower)
    out, text = await asyncio.gather(asyncio.to_thread(process.stdout.read), asyncio.to_thread(read_all, leader))
    assert await asyncio.to_thread(process.wait, PATIENCE) == 0
    process.stdout.close()
    os.close(leader)
    assert "delivered" in text and "%" in text and "\x1b" not in out


def read_all(leader: int) -> str:
    text = b""
    try:
        while chunk := os.read(leader, 1 << 16):
            text += chunk
    except OSError:
        pass  # Nobody has the other end any more.
    return text.decode()


@pytest.mark.parametrize(("words", "hint"), [
    (["--priority", "some"], "CRITICAL"),
    (["--events", "0"], "1.."),
    (["--publishers", "0"], "1.."),
    (["--size", "1GiB"], "64MiB"),
    (["--size", "31"], "32 bytes"),
    (["--size", "x"], "64KiB"),
    (["--rate", "0"], "a second"),
    (["--events", "5", "--duration", "5s"], "cannot be used"),
    (["--topic", ""], "empty"),
    (["--topic", "a.*"], "not a pattern"),
    (["--topic", "a.**.b"], "last part"),
])
async def test_wrong_usage(tmp_path, words, hint):
    outcome = run([ctl(), "bench", *words], environment(tmp_path))
    assert outcome.code == 64 and outcome.out == "" and hint in outcome.err
