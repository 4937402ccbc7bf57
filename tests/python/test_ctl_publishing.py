"""gadugi-routerctl publish: what arrives, what is told of it, and what goes wrong."""
import asyncio
import json
import subprocess
from pathlib import Path

import pytest
import websockets

from client import connect, is_uuid
from control import PATIENCE, Outcome, control, ctl, folder_of, run
from routers import environment
from stalled import fill_until_refused, numbered, publish_in_order, read_messages, received, reported, stalled_subscriber


async def feed(router, text: str | bytes, *words) -> Outcome:
    """Runs a command with something on its stdin."""
    given = text.encode() if isinstance(text, str) else text
    done = await asyncio.to_thread(
        subprocess.run, [ctl(), *words], env=environment(folder_of(router)), input=given, capture_output=True,
        timeout=PATIENCE)
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


async def test_an_event_arrives_as_it_was_described(router):
    async with await connect(router) as client:
        await client.subscribe("task.created")
        outcome = await control(
            router, "publish", "task.created", '{"b": 1.50, "a": [null]}', "--priority", "high", "--type",
            "task.created", "--source", "me", "--target", "you", "--metadata", "correlation_id=7=8", "-m", "tags.team=blue",
            "-m", "tags.city=Köln", "-m", "headers.x=y")
        assert outcome.code == 0 and outcome.err == ""
        assert outcome.redacted == "published ID (1 subscriber)\n"
        event = await client.event()
    assert event["id"] in outcome.out
    assert {key: event[key] for key in ("topic", "type", "priority", "source", "target")} == {
        "topic": "task.created", "type": "task.created", "priority": 7, "source": "me", "target": "you"}
    assert event["payload"] == {"b": 1.5, "a": [None]}
    assert event["metadata"] | {"created_at": None} == {
        "created_at": None, "correlation_id": "7=8", "causation_id": None, "user_id": None, "session_id": None,
        "trace_id": None, "span_id": None, "tags": {"team": "blue", "city": "Köln"}, "headers": {"x": "y"}}


@pytest.mark.parametrize(("words", "payload"), [
    ([], {}),
    (["hello"], "hello"),
    ([""], ""),
    (["12.50"], 12.5),
    (["null"], None),
    (["007"], "007"),
    (['"quoted"'], "quoted"),
    (['{"a":'], None),
    (['{"a":', "--text"], '{"a":'),
    (["17", "--text"], "17"),
    (["-5"], -5),
    (["--text", "-5"], "-5"),
    (["--", "--x"], "--x"),
])
async def test_payloads_from_the_command_line(router, words, payload):
    async with await connect(router) as client:
        await client.subscribe("t")
        outcome = await control(router, "publish", "t", *words)
        if words == ['{"a":']:
            assert outcome.code == 64 and outcome.out == ""
            assert "the payload is no JSON" in outcome.err and "--text" in outcome.err and outcome.err.count("\n") == 1
            return
        assert outcome.code == 0, outcome.err
        assert (await client.event())["payload"] == payload


async def test_payloads_from_stdin_and_files(router, tmp_path):
    file = tmp_path / "p.json"
    file.write_text('{\n "n": 1\n}\n')
    async with await connect(router) as client:
        await client.subscribe("t")
        for outcome in [
            await feed(router, '{"n": 1}\n', "publish", "t", "-"),
            await control(router, "publish", "t", "--file", file),
            await feed(router, '{"n": 1}', "publish", "t", "--file", "-"),
        ]:
            assert outcome.code == 0, outcome.err
            assert (await client.event())["payload"] == {"n": 1}
        assert (await feed(router, "two\nlines\r\n", "publish", "t", "-")).code == 0
        assert (await client.event())["payload"] == "two\nlines"

    outcome = await control(router, "publish", "t", "--file", tmp_path / "none")
    assert outcome.code == 64 and "cannot read" in outcome.err and "none" in outcome.err
    outcome = await feed(router, b"\xff", "publish", "t", "-", "--json")
    assert outcome.code == 64 and "UTF-8" in outcome.error["message"]
    file.write_text('{"a": 1,\n}')
    outcome = await control(router, "publish", "t", "--file", file, "--json")
    assert outcome.code == 64 and outcome.error["code"] == "invalid_json"
    assert "p.json" in outcome.error["message"] and "line 2" in outcome.error["message"]


async def test_each_line_is_an_event_of_its_own(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        outcome = await feed(router, '1\n\n{"a":2}\n \nthree\n', "publish", "t", "-", "--lines")
        assert outcome.code == 0, outcome.err
        assert [(await client.event())["payload"] for _ in range(3)] == [1, {"a": 2}, "three"]
        lines = outcome.redacted.splitlines()
        assert lines[:3] == ["published ID (1 subscriber)"] * 3 and lines[3].startswith("3 published in ")

        outcome = await feed(router, '1\n{"a"\n2\n', "publish", "t", "--lines")
        assert outcome.code == 64 and "line 2 of stdin" in outcome.err
        assert outcome.redacted == "published ID (1 subscriber)\n", "the line before it was sent, and is told of"


async def test_lines_are_sent_as_they_come(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        process = subprocess.Popen([ctl(), "publish", "t", "--lines"], env=environment(folder_of(router)),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for number in range(3):
            process.stdin.write(b"%d\n" % number)
            process.stdin.flush()
            assert (await client.event())["payload"] == number
            assert process.stdout.readline().startswith(b"published ")
        process.stdin.close()
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0
        process.stdout.close()


async def test_many_events_are_counted(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        outcome = await control(router, "publish", "t", "x", "--count", "1000", "--json")
        assert outcome.code == 0, outcome.err
        *answers, summary = map(json.loads, outcome.out.splitlines())
        assert len(answers) == 1000 and all(is_uuid(answer["event_id"]) for answer in answers)
        assert all(answer["status"] == "queued" and answer["matched"] == 1 for answer in answers)
        assert summary["published"] == 1000 and summary["lost"] == {} and summary["seconds"] > 0
        ids = [(await client.event())["id"] for _ in range(1000)]
        assert sorted(ids) == sorted(answer["event_id"] for answer in answers)
    outcome = await control(router, "publish", "t", "--count", "300", "--quiet")
    assert outcome.code == 0 and outcome.out.startswith("300 published in ") and outcome.out.count("\n") == 1
    outcome = await control(router, "publish", "t", "--count", "11", "--rate", "100/s", "--quiet", "--json")
    assert outcome.json["published"] == 11
    assert outcome.json["seconds"] >= 0.09, "ten steps of 10 ms, less what is caught up"


async def test_an_event_that_waits_too_long_is_not_delivered(router):
    async with await stalled_subscriber(router, "t", hello={}) as slow:
        await publish_in_order(router, [numbered("t", 5, number, "x" * 50_000) for number in range(200)])
        assert (await control(router, "publish", "t", "x", "--ttl", "50ms", "--priority", "1")).code == 0
        await asyncio.sleep(0.1)
        messages = await read_messages(
            slow, lambda messages: received(messages)[5] == 200 and reported(messages, slow.subscription)[1])
        assert received(messages) == {5: 200}
        gaps = [message for message in messages if message["type"] == "gap"]
        assert [gap["expired"] for gap in gaps] == [{"1": 1}]


async def test_a_subscriber_that_cannot_take_it_is_told_of(start):
    router = start(limits__outbox_events=50)
    async with await stalled_subscriber(router, "t") as slow:
        await fill_until_refused(router, "t", 3)
        outcome = await control(router, "publish", "t", "--priority", "LOWEST")
        assert outcome.code == 0 and outcome.redacted == "published ID (0 subscribers, 1 missed it: outbox_full)\n"
        slow.vanish()


async def test_what_is_not_taken_is_a_failure(start):
    router = start(limits__publish_rate=1, limits__publish_burst=2)
    outcome = await control(router, "publish", "t", "--count", "5")
    assert outcome.code == 69
    lines = outcome.redacted.splitlines()
    assert lines[:2] == ["published ID (0 subscribers)"] * 2 and lines[2].startswith("2 published, 3 not taken in ")
    errors = outcome.err.splitlines()
    assert len(errors) == 4 and all(": rate_limited" in line for line in errors[:3])
    assert errors[3] == "gadugi-routerctl: 3 of 5 events were not taken: rate_limited 3"
    outcome = await control(router, "publish", "t", "--count", "5", "--json", "--quiet")
    assert outcome.code == 69 and json.loads(outcome.err)["error"]["code"] == "not_taken"
    assert outcome.json["lost"]["rate_limited"] == 5 - outcome.json["published"]


async def test_what_the_router_finds_wrong_is_told(router):
    for words, line in [
        ([], "Invalid JSON: nested more than 128 levels deep"),
        (["--count", "2"], "2 of 2 events were not taken: invalid_json 2"),
    ]:
        outcome = await control(router, "publish", "t", "[" * 127 + "]" * 127, *words)
        assert outcome.code == 69 and line in outcome.err.splitlines()[-1]
    assert (await control(router, "publish", "t", "[" * 100 + "]" * 100)).code == 0


async def test_an_event_that_is_dropped_is_told_in_one_line(tmp_path):
    async def serve(socket):
        await socket.send(json.dumps({"type": "welcome", "client_id": "c", "server_time": "x"}))
        async for text in socket:
            if json.loads(text)["type"] == "publish":
                await socket.send(json.dumps({"type": "published", "event_id": "i", "status": "dropped",
                                              "reason": "queue_full"}))
            else:
                await socket.send(json.dumps({"type": "error", "error": "Unknown message type: hello"}))

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        command = [ctl(), "publish", "t", "--url", url]
        outcome = await asyncio.to_thread(run, command, environment(tmp_path))
        assert outcome == (69, "", "gadugi-routerctl: i was dropped: queue_full\n")
        outcome = await asyncio.to_thread(run, [*command, "--json"], environment(tmp_path))
        assert outcome.error == {"code": "not_taken", "message": "i was dropped: queue_full"}


async def test_an_event_that_is_too_long_is_refused_clearly(start):
    router = start(limits__max_message_size=10_000)
    for size in (20_000, 5_000_000):
        outcome = await feed(router, "x" * size, "publish", "t", "-")
        assert outcome.code == 69 and outcome.out == ""
        assert "limits.max_message_size" in outcome.err and outcome.err.count("\n") == 1
    outcome = await feed(router, "x" * 20_000, "publish", "t", "-", "--json")
    assert outcome.error["code"] == "too_large"


@pytest.mark.parametrize(("words", "hint"), [
    (["t", "--priority", "11"], "1 to 10"),
    (["t", "--priority", "urgent"], "CRITICAL"),
    (["t", "--type", "task.create"], "task.created"),
    (["t", "--ttl", "0s"], "1ms"),
    (["t", "--ttl", "5"], "30s"),
    (["t", "--rate", "0"], "a second"),
    (["t", "--count", "0"], "1.."),
    (["t", "-m", "colour=red"], "correlation_id"),
    (["t", "-m", "tags"], "KEY=VALUE"),
    ([""], "empty"),
    (["a\nb"], "control"),
    (["t", "x", "--file", "y"], "cannot be used"),
    (["t", "--lines", "--count", "2"], "cannot be used"),
    (["t", "--url", "http://localhost:1"], "ws://"),
    ([], "TOPIC"),
])
async def test_wrong_usage(tmp_path, words, hint):
    outcome = run([ctl(), "publish", *words], environment(tmp_path))
    assert outcome.code == 64 and outcome.out == "" and hint in outcome.err
    outcome = run([ctl(), "--json", "publish", *words], environment(tmp_path))
    assert outcome.code == 64 and outcome.error["code"] == "usage"


async def test_a_router_that_ends_meanwhile(router):
    process = subprocess.Popen([ctl(), "publish", "t", "--lines"], env=environment(folder_of(router)),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdin.write("1\n")
    process.stdin.flush()
    assert (await asyncio.to_thread(process.stdout.readline)).startswith("published ")
    await asyncio.to_thread(router.stop)
    _, err = await asyncio.to_thread(process.communicate, timeout=PATIENCE)
    assert process.returncode == 69 and "shutting down" in err, err


async def test_stdout_that_nobody_reads_is_no_failure(router):
    command = f"{ctl()} publish t --count 5000 | head -n 1"
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", f"set -o pipefail; {command}"], env=environment(folder_of(router)),
        capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.startswith("published ")


def test_help_has_examples():
    for command in ("publish", "subscribe", "monitor", "bench"):
        outcome = run([ctl(), command, "--help"], environment(Path("/tmp")))
        assert outcome.code == 0 and f"\n  gadugi-routerctl {command}" in outcome.out
