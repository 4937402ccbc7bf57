"""docs/agents/event-router-manager.md: its commands run, in its order, and print the keys that it shows."""
import asyncio
import json
import os
import re
from typing import NamedTuple

import pytest

from client import connect
from control import ctl, run
from routers import ROOT, environment, free_port

GUIDE = ROOT / "docs" / "agents" / "event-router-manager.md"
FENCE = re.compile(r"^```(sh|json|json stderr)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"# exit (\d+)$")


class Step(NamedTuple):
    command: str
    code: int
    on_stderr: bool
    shown: dict | None


def steps() -> list[Step]:
    """The commands, each with the output that stands below it."""
    found: list[Step] = []
    for kind, text in FENCE.findall(GUIDE.read_text()):
        if kind == "sh":
            (command,) = text.strip().splitlines()
            code = EXIT.search(command)
            found.append(Step(command, int(code[1]) if code else 0, False, None))
        else:
            found[-1] = found[-1]._replace(shown=json.loads(text), on_stderr="stderr" in kind)
    return found


def missing(shown, real, path="") -> list[str]:
    """Keys of what is shown that are not in what was printed, or hold something of another kind."""
    if isinstance(shown, dict):
        if not isinstance(real, dict):
            return [f"{path} is {real!r}"]
        return [problem for key, value in shown.items()
                for problem in (missing(value, real[key], f"{path}.{key}") if key in real else [f"{path}.{key} is not there"])]
    if isinstance(shown, list) and shown and isinstance(shown[0], dict):
        if not real:
            return [f"{path} is empty"]
        return min((missing(shown[0], each, f"{path}[]") for each in real), key=len)
    return []


def last_document(text: str):
    """A document, or the last of several lines."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return json.loads(text.splitlines()[-1])


class Scene:
    """A router that the guide starts, with a slow client and an event that expired."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.env = environment(folder)
        config = folder / "config.toml"
        config.write_text(f'port = {self.port}\n\n[log]\ntarget = "file"\nfile = "{folder / "router.log"}"\n')
        self.env |= {"CONFIG": str(config), "PATH": f"{ctl().parent}:{os.environ['PATH']}"}
        self.clients: list = []

    async def follow(self, step: Step) -> list[str]:
        running = asyncio.ensure_future(asyncio.to_thread(run, ["bash", "-c", step.command], self.env))
        if " subscribe " in step.command:
            await self.publish_when_subscribed()
        done = await running
        if done.code != step.code:
            return [f"{step.command} ended with {done.code}: {done.out}{done.err}"]
        if " start " in step.command:
            await self.furnish()
        real = last_document(done.err if step.on_stderr else done.out)
        return [f"{step.command}: {problem}" for problem in missing(step.shown, real)]

    async def furnish(self):
        url = f"ws://127.0.0.1:{self.port}"
        slow = await connect(url, hello={"credit": {"events": 1}, "client": "worker/1"})
        other = await connect(url)
        self.clients = [slow, other]
        await slow.subscribe("task.*")
        for number in range(3):
            await other.publish({"topic": "task.created", "payload": {"n": number}}, receipt="dispatched")
        await other.publish({"topic": "task.created", "id": "task-17"}, receipt="dispatched", ttl_ms=1)
        self.env |= {"CLIENT": slow.welcome["client_id"], "EVENT": "task-17"}
        expired = ["gadugi-routerctl", "--json", "dead-letters", "list"]
        while not (await asyncio.to_thread(run, expired, self.env)).json["dead_letters"]:
            await asyncio.sleep(0.05)

    async def publish_when_subscribed(self):
        _, other = self.clients
        event = {"topic": "task.created", "type": "task.created", "priority": 7, "payload": {"task_id": "18"}}
        while (await other.ask({"type": "publish", "event": event, "receipt": "dispatched"}))["matched"] < 2:
            await asyncio.sleep(0.05)

    async def close(self):
        await asyncio.to_thread(run, [ctl(), "stop"], self.env)
        for client in self.clients:
            await client.socket.close()


async def test_each_command_runs_and_prints_what_the_guide_shows(tmp_path):
    scene = Scene(tmp_path)
    try:
        problems = [problem for step in steps() for problem in await scene.follow(step)]
    finally:
        await scene.close()
    assert not problems, "\n".join(problems)


def test_each_command_shows_its_output_and_exit_codes_are_those_of_the_program():
    assert len(steps()) > 15 and all(step.shown is not None for step in steps())
    codes = run([ctl(), "--help"], os.environ).out.split("Exit codes:")[1]
    documented = re.search(r"## Exit codes\n(.*?)\n## ", GUIDE.read_text(), re.DOTALL)[1]
    assert re.findall(r"^\s+(\d+) ", codes, re.MULTILINE) == re.findall(r"^\| (\d+) \|", documented, re.MULTILINE)


@pytest.mark.parametrize("shown, real, problems", [
    ({"a": 1}, {"a": 2, "b": 3}, []),
    ({"a": {"b": 1}}, {"a": {}}, [".a.b is not there"]),
    ({"a": [{"b": 1}]}, {"a": []}, [".a is empty"]),
    ({"a": [{"b": 1}]}, {"a": [{}, {"b": 1}]}, []),
    ({"a": {"b": 1}}, {"a": None}, [".a is None"]),
])
def test_what_is_missing_is_found(shown, real, problems):
    assert missing(shown, real) == problems
