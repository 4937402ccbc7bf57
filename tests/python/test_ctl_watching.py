"""gadugi-routerctl subscribe and monitor: what is shown, and what happens when the router goes away."""
import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest
import websockets

from client import connect, until
from control import PATIENCE, control, ctl, folder_of, run
from routers import environment
from stalled import numbered, publish_in_order
from watching import publish, watching

SHOWN = re.compile(r"\d\d:\d\d:\d\d\.\d{3}Z  ")


async def test_an_event_is_a_line(router):
    async with await watching(router, "subscribe", "task.*", "note") as watcher, await connect(router) as client:
        await client.publish({"topic": "task.done", "type": "task.completed", "priority": 9, "source": "me",
                              "target": "you", "payload": {"a": "x\x1b[2J\ny", "b": [1, 2]},
                              "timestamp": "2026-01-31T12:00:00.123456+00:00"})
        assert await watcher.line() == (
            '12:00:00.123Z   9 CRITICAL  task.done  task.completed  me → you  {"a":"x\\u001b[2J\\ny","b":[1,2]}')
        await client.publish({"topic": "other"})
        await client.send('{"type":"publish","event":{"topic":"note","source":"\x7fs","payload":{ "n" :\n 1.50 }}}')
        line = await watcher.line()
        assert SHOWN.match(line) and line.endswith('   5 NORMAL    note  custom  \\u{7f}s  {"n":1.50}')
        await client.publish({"topic": "note", "priority": 4, "timestamp": "2026-01-31T12:00:00"})
        assert (await watcher.line()).startswith("2026-01-31T12:00:00   4           note  custom  ")


async def test_json_has_the_whole_event_as_others_get_it(router):
    async with await watching(router, "monitor", "--json") as watcher, await connect(router) as client:
        await client.subscribe("t")
        await client.send('{"type":"publish","event":{"topic":"t","payload":{"n":1.50,"big":12345678901234567890123}}}')
        line = await watcher.line()
        await client.reply()
        assert json.loads(line) == await client.event()
        assert len(json.loads(line)) == 14 and '{"n":1.50,"big":12345678901234567890123}' in line


@pytest.mark.parametrize(("words", "passing"), [
    (["--type", "task.failed", "--type", "task.created"], [1, 2]),
    (["--min-priority", "7"], [2, 3]),
    (["--priority", "critical"], [3]),
    (["--source", "a", "--source", "b"], [0, 1]),
    (["--target", "x"], [3]),
    (["--type", "task.failed", "--min-priority", "HIGH"], [2]),
])
async def test_filters(router, words, passing):
    events = [
        {"topic": "t", "priority": 1, "source": "a"},
        {"topic": "t", "priority": 6, "source": "b", "type": "task.created"},
        {"topic": "t", "priority": 7, "source": "c", "type": "task.failed"},
        {"topic": "t", "priority": 10, "source": "d", "target": "x"},
    ]
    for command in ("subscribe", "monitor"):
        async with await watching(router, command, "t", *words, "--json", "--count", str(len(passing))) as watcher:
            await publish(router, *(event | {"payload": number} for number, event in enumerate(events)))
            found = [json.loads(await watcher.line())["payload"] for _ in passing]
            # Several of a read are matched highest priority first.
            assert sorted(found) == passing
            assert await watcher.ended() == 0 and watcher.process.stdout.read() == ""


async def test_a_group_shares_its_events(router):
    async with (await watching(router, "subscribe", "t", "--group", "g", "--json") as one,
                await watching(router, "subscribe", "t", "--group", "g", "--json") as two):
        await publish(router, *({"topic": "t", "payload": number} for number in range(10)))
        halves = [[json.loads(await watcher.line())["payload"] for _ in range(5)] for watcher in (one, two)]
        assert sorted(halves[0] + halves[1]) == list(range(10))


async def test_what_was_missed_is_told(start):
    router = start(limits__outbox_events=50)
    async with await watching(router, "monitor", "--json") as watcher:
        # Nobody takes its lines, so it stands still after some of them.
        await publish_in_order(router, [numbered("t", 3, number) for number in range(6000)])
        notices: list[str] = []

        async def read_notices():
            while notice := await watcher.notice():
                notices.append(notice)
        reader = asyncio.create_task(read_notices())
        seen = 0

        def missed() -> int:
            return sum(int(re.search(r"missed (\d+) events? \(priority: 3:\1\)", notice)[1]) for notice in notices)
        while seen + missed() < 6000:
            line = asyncio.create_task(watcher.line())
            await until(lambda: line.done() or seen + missed() >= 6000, "the rest is shown or told of")
            if line.done():
                seen += 1
        assert seen > 0 and missed() > 0 and seen + missed() == 6000
        assert all(json.loads(notice)["notice"]["code"] == "missed" for notice in notices)
        watcher.process.terminate()
        assert await watcher.ended() == 0
        await reader


def until_closed(leader: int) -> bytes:
    """All that was written to a terminal which nobody has open any more; that is an error on Linux, not an end."""
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(leader, 10_000):
            shown += piece
    return shown


async def on_a_terminal(router, events: list[dict], *words, env=None) -> list[str]:
    """What `monitor` shows of these events on a terminal of 60 columns."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    process = subprocess.Popen([ctl(), "monitor", "--count", str(len(events)), *words],
                               env=environment(folder_of(router)) | (env or {}), stdin=subprocess.DEVNULL,
                               stdout=follower, stderr=subprocess.PIPE, text=True)
    os.close(follower)
    assert "watching" in await asyncio.to_thread(process.stderr.readline)
    await publish(router, *events)
    _, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    shown = until_closed(leader).decode()
    os.close(leader)
    assert process.returncode == 0 and err == ""
    return shown.splitlines()


async def test_on_a_terminal_lines_are_cut_and_coloured(router):
    events = [{"topic": "t", "priority": 10, "source": "s", "payload": "日本語" * 30}, {"topic": "u", "source": "s"}]
    first, second = await on_a_terminal(router, events)
    assert "\x1b[1;35m10 SYSTEM    \x1b[0mt  custom  s  \"日本語" in first and first.endswith("…")
    bare = re.sub(r"\x1b\[[0-9;]*m", "", first)
    assert 58 <= sum(2 if ord(c) > 0x2fff else 1 for c in bare) <= 60
    assert "\x1b" not in second

    for words, env in [(["--no-color"], {}), ([], {"NO_COLOR": "1"})]:
        first, _ = await on_a_terminal(router, events, *words, env=env)
        assert "10 SYSTEM    t  custom" in first and "\x1b" not in first and first.endswith("…")
    first, _ = await on_a_terminal(router, events, "--json")
    assert json.loads(first)["payload"] == "日本語" * 30


@pytest.mark.parametrize(("words", "hint"), [
    (["subscribe"], "PATTERN"),
    (["subscribe", "a.**.b"], "last part"),
    (["monitor", ""], "empty"),
    (["monitor", "--min-priority", "0"], "1 to 10"),
    (["monitor", "--type", "x"], "possible values"),
    (["monitor", "--count", "0"], "1.."),
    (["monitor", "--timeout", "5"], "30s"),
])
async def test_wrong_usage(tmp_path, words, hint):
    outcome = run([ctl(), *words], environment(tmp_path))
    assert outcome.code == 64 and outcome.out == "" and hint in outcome.err


async def test_what_the_router_refuses_is_told(router):
    outcome = await control(router, "subscribe", "t", "--group", "g" * 300)
    assert outcome.code == 69 and outcome.out == "" and "256" in outcome.err and outcome.err.count("\n") == 1


async def test_a_router_of_the_first_protocol_is_watched_too(tmp_path):
    heard = []

    async def serve(socket):
        await socket.send(json.dumps({"type": "welcome", "client_id": "c", "server_time": "x"}))
        async for text in socket:
            message = json.loads(text)
            heard.append(message)
            if message["type"] == "subscribe":
                await socket.send(json.dumps({"type": "subscribed", "topics": ["*"],
                                              "subscription_id": "0b6f6a1e-6a53-4bb4-9a3c-fd3e0f4a1f00"}))
                event = {"id": "i", "topic": "t", "type": "custom", "priority": 7, "source": "s",
                         "timestamp": "2026-01-31T12:00:00.123456+00:00", "payload": {"a": 1}}
                await socket.send(json.dumps({"type": "event", "event": event}))
            else:
                await socket.send(json.dumps({"type": "error", "error": f"Unknown message type: {message['type']}"}))

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        outcome = await asyncio.to_thread(run, [ctl(), "monitor", "--count", "1", "--url", url], environment(tmp_path))
    assert outcome.code == 0 and outcome.out == '12:00:00.123Z   7 HIGH      t  custom  s  {"a":1}\n'
    assert [message["type"] for message in heard] == ["hello", "subscribe"]
    assert heard[1]["subscription"] == {"topics": ["*"]}
