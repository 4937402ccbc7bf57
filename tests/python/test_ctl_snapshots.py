"""What each command of gadugi-routerctl prints about one and the same router, compared with `snapshots/`, as text and
as JSON, without what no two runs have in common. Scripts read this: a difference is a change for its users.

`GADUGI_WRITE_SNAPSHOTS=1 tests/run python test_ctl_snapshots.py` writes them anew; read the difference.
"""
import asyncio
import json
import os
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from client import connect, until
from control import control, folder_of

SNAPSHOTS = Path(__file__).parent / "snapshots"
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CHANGING = [
    (ID, "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z| UTC)?"), "TIME"),
    (re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):\d+"), r"\1:PORT"),
    (re.compile(r"\bPID: \d+"), "PID: N"),
    (re.compile(r"\b\d+(\.\d+)? ?(seconds|µs|us|ms|s)\b"), "SPAN"),
    (re.compile(r"(?<![\d.])\d+\.\d+(?![\d.])"), "FRACTION"),
]
# Numbers that depend on the moment, or on how long an address is.
MOMENTARY = {"pid", "port", "waiting_bytes", "size", "uptime", "took_ms"}

COMMANDS = [
    ["status"], ["clients"], ["clients", "--slow"], ["subscriptions"],
    ["dead-letters", "list"], ["dead-letters", "show", "big"],
    ["config", "show"], ["config", "diff"],
    ["explain", "--topic", "t", "--priority", "9"], ["explain", "--topic", "other"], ["explain", "big"],
    ["publish", "nobody", '{"n": 1}', "--source", "me"],
    ["reload"], ["kick", "127.0.0.1:1"], ["dead-letters", "requeue", "none"],
]


def plain(text: str, folder: Path) -> str:
    """Without what changes; how wide a column is depends on it as well."""
    text = text.replace(str(folder), "FOLDER")
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return re.sub(r" {2,}(?=\S)", "  ", re.sub(r"[ ]+\n", "\n", text))


def redacted(value, folder: Path, key: str = ""):
    match value:
        case dict():
            return {name: redacted(inner, folder, name) for name, inner in value.items()}
        case list():
            return [redacted(inner, folder, key) for inner in value]
        case str():
            return plain(value, folder)
        case float():
            return "FRACTION"
        case int() if key in MOMENTARY:
            return "NUMBER"
        case _:
            return value


def as_json(text: str, folder: Path) -> str:
    """Pretty, so that a difference can be read; a document or a line each."""
    try:
        documents = [json.loads(text)]
    except json.JSONDecodeError:
        documents = [json.loads(line) for line in text.splitlines()]
    return "".join(json.dumps(redacted(one, folder), indent=1, ensure_ascii=False) + "\n" for one in documents)


def check(name: str, shown: str) -> None:
    file = SNAPSHOTS / name
    if os.environ.get("GADUGI_WRITE_SNAPSHOTS"):
        file.write_text(shown)
    assert shown == file.read_text(), f"{file.name}: if that is meant, GADUGI_WRITE_SNAPSHOTS=1 writes it anew"


@asynccontextmanager
async def scene(start):
    """A router with two clients, a subscription, and an event that was too big for it."""
    router = start(limits__outbox_size="4KiB", limits__outbox_events=10)
    async with await connect(router, hello={"client": "probe/7"}) as one, await connect(router) as other:
        await one.subscribe("t", priorities=[7], group="workers", sources=["agent"])
        await other.publish({"id": "small", "topic": "t", "priority": 8, "source": "agent", "payload": {}})
        assert (await one.event())["id"] == "small"
        big = {"id": "big", "topic": "t", "priority": 8, "source": "agent", "payload": {"text": "x" * 8192},
               "timestamp": "2026-01-31T12:00:00.000000+00:00"}
        await other.publish(big)
        yield router


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
async def test_a_command_prints_what_it_did(start, words):
    name = "_".join(re.sub(r"\W+", "-", word).strip("-") for word in words)
    async with scene(start) as router:
        folder = folder_of(router)
        text = await control(router, *words)
        check(f"{name}.txt", f"exit {text.code}\n{plain(text.out, folder)}{plain(text.err, folder)}")
        of_json = await control(router, *words, "--json")
        assert of_json.code == text.code and not (of_json.out and of_json.err)
        check(f"{name}.json", as_json(of_json.out or of_json.err, folder))


async def test_watching_prints_what_it_did(start):
    async with scene(start) as router:
        for option, name in ([], "monitor.txt"), (["--json"], "monitor.json"):
            watching = asyncio.create_task(control(router, "monitor", "w.*", "--count", "1", *option))
            await until(lambda: is_watched(router, "w.*"), "somebody watches")
            event = {"id": "one", "topic": "w.x", "priority": 10, "source": "agent", "payload": {"n": 1},
                     "timestamp": "2026-01-31T12:00:00.000000+00:00"}
            async with await connect(router) as publisher:
                await publisher.publish(event)
            outcome = await watching
            assert outcome.code == 0
            shown = as_json(outcome.out, folder_of(router)) if option else plain(outcome.out, folder_of(router))
            check(name, shown)


async def is_watched(router, topic: str) -> bool:
    rows = (await control(router, "subscriptions", "--json")).json["subscriptions"]
    return any(topic in row["topics"] for row in rows)
