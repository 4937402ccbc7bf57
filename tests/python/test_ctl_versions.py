"""gadugi-routerctl beside a router of another version. There is none to be had, so a stand-in speaks for it, written
from docs/admin-protocol.md.
"""
import asyncio
import contextlib
import json
import socket
import threading

import pytest

from control import ctl, run
from routers import environment


@contextlib.contextmanager
def stand_in(path, greeting: dict, *answers):
    """Greets, and answers each request with the next of these."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=serve, args=(listening, greeting, answers))
        thread.start()
        yield
        thread.join(30)


def serve(listening, greeting, answers) -> None:
    peer, _ = listening.accept()
    with peer, peer.makefile("rb") as lines:
        for message in (greeting, *answers):
            lines.readline()
            peer.sendall((message if isinstance(message, str) else json.dumps(message)).encode() + b"\n")


async def status(tmp_path, greeting, *answers, json_too=()):
    place = tmp_path / "admin.sock"
    with stand_in(place, greeting, *answers):
        return await asyncio.to_thread(run, [ctl(), "status", "--socket", place, *json_too], environment(tmp_path))


@pytest.mark.parametrize("version, protocol, advice", [
    ("0.0.9", 1, "restart the router to have the newer one"),
    ("3.0.0", 2, "take a newer gadugi-routerctl"),
])
async def test_a_request_that_it_does_not_know(tmp_path, version, protocol, advice):
    refused = {"answer": "error", "code": "unknown_request", "message": "what?"}
    outcome = await status(tmp_path, {"protocol": protocol, "version": version}, refused)
    assert outcome.code == 76 and outcome.out == "" and outcome.err.count("\n") == 1
    assert f"version {version} (protocol {protocol})" in outcome.err and "gadugi-routerctl 0.1.0" in outcome.err
    assert outcome.err.endswith(f"; {advice}\n")


@pytest.mark.parametrize("answer", [{"answer": "status", "pid": 1}, {"answer": "weather"}, "nonsense", {"no": "answer"}])
async def test_an_answer_that_is_not_understood_names_both_versions(tmp_path, answer):
    outcome = await status(tmp_path, {"protocol": 2, "version": "3.0.0"}, answer, json_too=["--json"])
    assert outcome.code == 76 and outcome.error["code"] == "not_understood"
    assert "3.0.0" in outcome.error["message"] and "0.1.0" in outcome.error["message"]


async def test_what_a_router_says_cannot_move_the_cursor(tmp_path):
    evil = {"answer": "error", "code": "busy", "message": "evil\x1b[2J\nsecond line"}
    outcome = await status(tmp_path, {"protocol": 1, "version": "0.1.0"}, evil)
    assert outcome.code == 4 and "\x1b" not in outcome.err and outcome.err.count("\n") == 1


async def test_what_is_no_socket_is_said_to_be_none(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file"):
        outcome = run([ctl(), "status", "--socket", path], environment(tmp_path))
        assert outcome.code == 64 and outcome.out == "" and "is no socket" in outcome.err
