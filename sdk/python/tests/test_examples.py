"""The examples run and do what they say."""

import asyncio
import re

import pytest
from helpers import PACKAGE, collect, python, until

from gadugi_router import EventRouterClient

EXAMPLES = PACKAGE / "examples"


def output(name: str, *arguments: str) -> str:
    found = python(EXAMPLES / name, *arguments)
    assert found.returncode == 0 and found.stderr == "", found
    return found.stdout


def test_three_agents(router):
    text = output("three_agents.py", router.url)
    assert text.count("created task-00") == 5 and text.count(": done by worker-") == 4
    assert "task-004: division by zero" in text
    assert "seen: agent.started 3, task.completed 4, task.created 5, task.failed 1, task.started 5" in text


def test_request_and_reply(router):
    text = output("request_reply.py", router.url)
    assert "42 / 6 = 7.0" in text and "1 / 0: division by zero" in text and "sing: nobody subscribes" in text


def test_work_sharing(router):
    counts = dict(re.findall(r"(\w+) (\d+)", output("work_sharing.py", router.url)))
    assert int(counts["quick"]) + int(counts["slow"]) == 200 and int(counts["quick"]) > int(counts["slow"])


def test_health(router):
    assert "status: healthy\n" in output("health.py", router.url)


def test_health_without_a_router(router):
    router.kill()
    found = python(EXAMPLES / "health.py", router.url)
    assert found.returncode == 2 and router.url in found.stderr and found.stdout == ""


async def test_reconnection(start, router):
    async with EventRouterClient(router.url) as watcher:
        ticks = collect(watcher, "tick")
        running = asyncio.ensure_future(asyncio.to_thread(output, "reconnection.py", router.url, "20"))
        await until(lambda: len(ticks) > 2, "the first ticks")
        router.kill()
        await until(lambda: not watcher.is_connected, "the loss")
        await asyncio.to_thread(start, port=router.port)
        text = await running
    assert "connected -> reconnecting" in text and "published 20 of 20" in text


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_each_example_says_how_to_run_it(example):
    assert f"python {example.name} [ws://localhost:9090]" in example.read_text()
