"""The log as lines: JSON, a file, and floods that are summed up."""
import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from client import Client, connect, open_socket, until
from raw import dial
from routers import environment, free_port, program

# The Python client's own, as a peer that says nonsense sends it.
NONSENSE = "one\nline \x1b[31mred"
SUM = re.compile(r"a client was refused: ([\d,]+) more in \d+ s$")


def complete_lines(path: Path) -> list[str]:
    text = path.read_text()
    return text[: text.rfind("\n") + 1].splitlines()


async def refuse(router, times: int) -> None:
    """Clients for which there is no room."""
    for _ in range(times):
        client = Client(await open_socket(router))
        await client.closed()


async def test_every_line_is_json_when_that_is_wanted(start):
    router = start(log__format="json", log_level="debug", max_clients=1)
    async with await connect(router) as client:
        await client.ask({"type": "hello", "protocol": 2, "client": NONSENSE})
        await refuse(router, 2)
    await asyncio.to_thread(router.stop)
    lines = [json.loads(line) for line in complete_lines(router.log_file)]
    assert all({"timestamp", "level", "target", "message"} <= line.keys() for line in lines)
    said = next(line for line in lines if line["message"] == "hello")
    assert said["client_id"] == client.welcome["client_id"] and said["software"] == NONSENSE
    refused = next(line for line in lines if line["message"] == "a client was refused")
    assert refused["level"] == "WARN" and refused["remote"].startswith("127.0.0.1:")
    assert re.fullmatch(r"as many clients are connected as may be \(max_clients is \d+\)", refused["reason"]), refused


async def test_a_client_cannot_forge_a_line_of_text(start):
    router = start(log_level="debug")
    async with await connect(router) as client:
        await client.ask({"type": "hello", "protocol": 2, "client": NONSENSE})
    await until(lambda: " hello " in router.log(), "the line about it")
    raw = router.log_file.read_text()
    assert "one\\nline" in raw and "\x1b" not in raw


async def test_a_file_has_all_lines_and_no_colours(start, tmp_path):
    file = tmp_path / "logs" / "router.log"
    router = start(log__target="file", log__file=str(file), port=free_port())
    await until(lambda: file.exists() and complete_lines(file), "a line in the file")
    await asyncio.to_thread(router.stop)
    lines = complete_lines(file)
    assert any("listening on" in line for line in lines) and "stopped" in lines[-1]
    assert "\x1b" not in file.read_text() and router.log() == ""
    assert file.stat().st_mode & 0o777 == 0o640 and file.parent.stat().st_mode & 0o777 == 0o750


async def test_a_flood_of_refused_clients_is_a_dozen_lines(start):
    router = start(max_clients=1)
    async with await connect(router):
        await refuse(router, 50)
        await until(lambda: "more in" in router.log(), "the sum, with nothing else to log")
    await asyncio.to_thread(router.stop)
    lines = [line for line in complete_lines(router.log_file) if "a client was refused" in line]
    sums = [SUM.search(line) for line in lines if "more in" in line]
    single = len(lines) - len(sums)
    # Where the machine is slow, the flood takes more than one of the five seconds that are summed up.
    assert single <= 10 * (len(sums) + 1) and len(lines) < 50
    assert single + sum(int(found[1].replace(",", "")) for found in sums) == 50


async def test_last_lines_are_written_before_the_end(start):
    router = start(log_level="debug")
    peers = [await dial(router) for _ in range(100)]
    await asyncio.to_thread(router.stop)
    assert "stopped" in complete_lines(router.log_file)[-1]
    for peer in peers:
        peer.vanish()


@pytest.mark.parametrize("file", ["missing/missing/router.log", "."])
async def test_a_file_that_cannot_be_had_is_said_in_one_line(tmp_path, file):
    (tmp_path / "empty.toml").touch()
    command = [program(), "-c", tmp_path / "empty.toml", "--port", "0"]
    settings = environment(tmp_path, log__target="file", log__file=str(tmp_path / file))
    ended = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 69 and ended.stdout == ""
    assert "log.file" in ended.stderr and ended.stderr.count("\n") == 1


async def test_an_event_that_is_not_taken_is_named_at_the_level_of_debugging(start):
    router = start(log_level="debug", limits__publish_rate=1, limits__publish_burst=1)
    async with await connect(router) as client:
        for name in ("first", "second"):
            await client.ask({"type": "publish", "event": {"topic": "t", "id": name}})
        line = await until(lambda: next((line for line in router.log().splitlines() if "was not taken" in line), None),
                           "the refusal")
        assert "second" in line and "rate_limited" in line and client.welcome["client_id"] in line
