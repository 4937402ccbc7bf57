"""What the control program does with the event store."""
import json
import sqlite3
import statistics
from itertools import pairwise

import pytest

from client import connect, until
from control import control
from raw import raw_client, text_frame
from storing import KINDS, ack, durable, take


async def fine(router, *words):
    done = await control(router, *words, "--json")
    assert done.code == 0, done
    return done.json


async def fill(router, count=5):
    """Events 1, 2, …: those with odd numbers on s.b, the others on s.a."""
    async with await connect(router, hello={}) as publisher:
        for number in range(count):
            await publisher.publish({"topic": "s.a" if number % 2 else "s.b", "priority": 9 - number % 9, "id": f"id-{number}"})


async def test_the_control_program_replays(storing):
    router = storing()

    async def replay(*args):
        done = await control(router, "replay", *args)
        assert done.code == 0, done
        return done.out.splitlines()

    async with await connect(router, hello={}) as publisher:
        for number in range(5):
            await publisher.publish({"topic": "s.a" if number % 2 else "s.b", "priority": 9 - number, "payload": number})
        lines = await replay()
        assert [int(line.split()[0]) for line in lines] == [1, 2, 3, 4, 5] and "s.b" in lines[0]
        found = [json.loads(line) for line in await replay("--topic", "s.a", "--json")]
        assert [(one["sequence"], one["event"]["payload"]) for one in found] == [(2, 1), (4, 3)]
        assert [line.split()[0] for line in await replay("--last", "2")] == ["4", "5"]
        assert [line.split()[0] for line in await replay("--from-sequence", "3", "--min-priority", "6")] == ["3", "4"]
        assert len(await replay("--since", "1h")) == 5 and await replay("--since", "2100-01-01T00:00:00Z") == []
        wrong = await control(router, "replay", "--since", "yesterday")
        assert wrong.code == 64 and "as long ago as" in wrong.err
        assert len(await replay("--follow", "-n", "5")) == 5


async def test_a_replay_is_copied_to_another_router(storing, start):
    router, other = storing(), start(limits__max_message_size="2KB")
    url = f"ws://127.0.0.1:{other.port}"
    async with await connect(router) as publisher, await connect(other) as reader:
        await reader.subscribe("*")
        sent = []
        for number in range(300):
            event = {"topic": "s.a", "payload": {"n": number}, "metadata": {"tags": {"a": "b"}, "trace_id": "x"}}
            sent.append((await publisher.publish(event | {"source": "planner", "priority": number % 10 + 1}))["event_id"])
        done = await control(router, "replay", "--to-url", url)
        assert (done.code, done.out) == (0, f"300 events copied to {url}\n"), done
        came = {event["id"]: event for event in [await reader.event() for _ in range(300)]}
        assert set(came) == set(sent)
        first = came[sent[0]]
        assert (first["source"], first["payload"], first["metadata"]["trace_id"]) == ("planner", {"n": 0}, "x")
        listed = (await control(router, "replay", "-n", "1", "--json")).json["event"]
        assert first["timestamp"] == listed["timestamp"] and first["metadata"] == listed["metadata"]
        done = await control(router, "replay", "--to-url", url, "--last", "2", "--rate", "1000", "--json")
        assert done.json == {"copied": 2, "last_sequence": 300, "to": url}
        await publisher.publish({"topic": "s.a", "payload": "x" * 5000})
        done = await control(router, "replay", "--to-url", url, "--last", "2")
        assert done.code == 69 and "--from-sequence 301" in done.err, done.err
        done = await control(router, "replay", "--to-url", f"ws://127.0.0.1:{router.port}", "--url", f"ws://127.0.0.1:{router.port}")
        assert done.code == 64 and "never end" in done.err


async def test_the_control_program_says_that_there_is_no_store(router):
    done = await control(router, "replay")
    assert done.code == 69 and "needs a store" in done.err


@pytest.mark.parametrize("words", [("store", "stats"), ("store", "check"), ("events", "list"), ("events", "show", "1"), ("durables", "list")])
async def test_without_a_store_every_command_says_what_to_set(router, words):
    done = await control(router, *words)
    assert done.code == 69 and "set store.kind" in done.err


@pytest.mark.parametrize("kind", KINDS)
async def test_it_tells_what_is_in_the_store(storing, kind, tmp_path):
    router = storing(kind)
    await fill(router)
    figures = await fine(router, "store", "stats")
    assert (figures["kind"], figures["events"], figures["last"], figures["failed"]) == (kind, 5, 5, None)
    assert (figures["oldest"][0], figures["newest"][0], figures["durables"]) == (1, 5, 0)
    assert [(rule["events"], rule["in_force"], "s.**" in rule["topics"]) for rule in figures["rules"]] == [(5, True, True)]
    assert figures["path"] == (str(tmp_path / "events.db") if kind == "sqlite" else None)
    text = (await control(router, "store", "stats")).out
    assert f"Event Store: {kind}" in text and "State: working" in text and "\nEvents: 5 with " in text


async def test_what_comes_together_is_written_together(storing):
    router, commits = storing("sqlite"), []
    async with await raw_client(router) as peer:
        for _ in range(6):
            commits.append((await fine(router, "store", "stats"))["commits"])
            events = [{"type": "publish", "event": {"topic": "s.a", "payload": number}} for number in range(100)]
            await peer.send(b"".join(map(text_frame, events)))
            assert [(await peer.message())["status"] for _ in events] == ["queued"] * 100
    # One for a hundred, unless the kernel hands them over in pieces.
    assert statistics.median(later - earlier for earlier, later in pairwise(commits)) == 1, commits


@pytest.mark.parametrize("kind", KINDS)
async def test_stored_events_are_listed_the_newest_first(storing, kind):
    router = storing(kind)
    assert (await control(router, "events", "list")).out == "there is no such event in the store\n"
    await fill(router, 1_100)

    async def listed(*words):
        found = await fine(router, "events", "list", *words)
        return [event["sequence"] for event in found["events"]], found["more"]

    assert await listed("-n", "3") == ([1100, 1099, 1098], True)
    assert await listed("--topic", "s.b", "-n", "2") == ([1099, 1097], True)
    everything, more = await listed("-n", "1100", "--since", "1h")
    assert everything == list(range(1100, 0, -1)) and not more
    assert await listed("--since", "2100-01-01T00:00:00Z") == ([], False)
    assert await listed("--topic", "s.none") == ([], False)
    text = (await control(router, "events", "list", "-n", "1")).out.splitlines()
    assert text[0].split()[0] == "NUMBER" and text[1].split()[0] == "1100" and "and more" in text[2]
    wrong = await control(router, "events", "list", "--topic", "")
    assert wrong.code == 64 and "must not be empty" in wrong.err


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stored_event_is_shown_by_its_number_or_its_id(storing, kind):
    router = storing(kind)
    await fill(router, 700)
    for word, number in [("3", 3), ("id-2", 3), ("id-699", 700), ("700", 700)]:
        shown = await fine(router, "events", "show", word)
        assert shown["stored"]["sequence"] == number and shown["event"]["id"] == f"id-{number - 1}"
    assert '"id":"id-4"' in (await control(router, "events", "show", "5")).out
    for word in ("701", "nobody"):
        missing = await control(router, "events", "show", word)
        assert missing.code == 69 and f'has the id "{word}"' in missing.err


@pytest.mark.parametrize("kind", KINDS)
async def test_durable_subscriptions_are_listed_and_forgotten(storing, kind):
    router = storing(kind)
    assert (await control(router, "durables", "list")).out == "there is no durable subscription\n"
    async with await durable(router, "work"):
        await fill(router)
        [found] = (await fine(router, "durables", "list"))["durables"]
        assert (found["name"], found["clients"], found["lost"]) == ("work", 1, 0)
        busy = await control(router, "durables", "forget", "work")
        assert busy.code == 69 and "end these first" in busy.err

    async def is_gone():
        [found] = (await fine(router, "durables", "list"))["durables"]
        return found["clients"] == 0

    await until(is_gone, "its client has gone")
    assert "work" in (await control(router, "durables", "list")).out
    assert await fine(router, "durables", "forget", "work") == {"forgotten": "work"}
    assert (await fine(router, "durables", "list"))["durables"] == []
    missing = await control(router, "durables", "forget", "work")
    assert missing.code == 69 and 'no durable subscription "work"' in missing.err
    async with await durable(router, "work", **{"from": {"sequence": 1}}) as anew:
        assert len(await take(anew, 5)) == 5


@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_is_found_in_order(storing, kind):
    router = storing(kind)
    await fill(router)
    for words in [(), ("--quick",)]:
        assert await fine(router, "store", "check", *words) == {"problems": []}
    assert (await control(router, "store", "check")).out == "the event store is in order\n"


async def test_damage_is_found_and_told(storing, tmp_path):
    router = storing()
    await fill(router)
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute("UPDATE rule SET events = 77")
    other.close()
    done = await control(router, "store", "check")
    assert done.code == 1 and "77" in done.out and done.err == ""


async def test_a_copy_is_made_while_the_router_goes_on_and_is_a_store(storing, tmp_path, start):
    router = storing()
    await fill(router)
    copy = tmp_path / "copy.db"
    done = await fine(router, "store", "backup", str(copy))
    assert done == {"file": str(copy), "bytes": copy.stat().st_size}
    assert copy.stat().st_mode & 0o777 == 0o600 and not list(tmp_path.glob("*.backup*"))
    there = await control(router, "store", "backup", str(copy))
    assert there.code == 69 and "is there already" in there.err
    await fill(router, 2)
    assert f"bytes to {copy}" in (await control(router, "store", "backup", "--force", str(copy))).out
    with sqlite3.connect(f"file:{copy}?mode=ro", uri=True) as read:
        assert read.execute("SELECT count(*) FROM events").fetchone() == (7,)
        assert read.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    read.close()
    nowhere = await control(router, "store", "backup", str(tmp_path / "none" / "copy.db"))
    assert nowhere.code == 71 and "cannot write" in nowhere.err
    restored = start('[[store.rule]]\ntopics = ["s.**"]\n', store__kind="sqlite", store__path=str(copy))
    assert (await fine(restored, "store", "stats"))["events"] == 7


async def test_a_store_in_memory_has_no_copy(storing, tmp_path):
    done = await control(storing("memory"), "store", "backup", str(tmp_path / "copy.db"))
    assert done.code == 69 and "in memory" in done.err and not list(tmp_path.glob("copy*"))


async def test_status_and_subscriptions_tell_what_is_not_acknowledged_yet(storing):
    router = storing()
    assert (await fine(router, "status"))["acks"]["acked"] == 0
    async with await durable(router, "work", max_in_flight=2) as client:
        await fill(router)
        messages = [await client.expect("event") for _ in range(2)]
        [row] = (await fine(router, "subscriptions"))["subscriptions"]
        assert (row["durable"], row["in_flight"], row["waiting"]) == ("work", 2, 3)
        await ack(client, messages[0])
        await ack(client, messages[1], "nack", delay_ms=3_600_000)
        messages = [await client.expect("event") for _ in range(2)]
        status = await fine(router, "status")
        assert status["acks"] == {"waiting": 2, "in_flight": 2, "acked": 1, "nacked": 1, "timed_out": 0, "disconnected": 0}
        assert (status["store"]["failed"], status["store"]["refused"]) == (None, 0) and status["store"]["written"] >= 5
        text = (await control(router, "status")).out
        assert "Acknowledged Delivery: 2 waiting, 2 in flight; 1 acknowledged, 1 refused, " in text
        assert "Event Store: working; " in text and "work" in (await control(router, "subscriptions")).out

    async def is_given_back():
        return (await fine(router, "status"))["acks"]["disconnected"] == 2

    await until(is_given_back, "what its client had is given back")
