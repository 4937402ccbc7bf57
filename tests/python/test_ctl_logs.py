"""gadugi-routerctl logs, of a router that logs into a file. The journal is in tests/systemd."""
import asyncio
import json
import os
import queue
import signal
import subprocess
import threading
import time

import pytest

from client import until
from control import PATIENCE, control, ctl, folder_of, for_others, needs_root, run
from routers import environment, free_port

MANY = 120


@pytest.fixture
def logging(start, tmp_path):
    """A router whose log is in a file, and which has written what it writes at the start."""
    router = start(port=free_port(), log__target="file", log__file=tmp_path / "r.log")
    router.file = tmp_path / "r.log"
    deadline = time.monotonic() + PATIENCE
    while router.file.read_text().count("listening on ") < 2:
        assert time.monotonic() < deadline, "it says where it listens"
        time.sleep(0.01)
    return router


class Following:
    """`logs -f`, and the lines that it prints."""

    def __init__(self, router, *words):
        self.process = subprocess.Popen([ctl(), "logs", "-f", *words], env=environment(folder_of(router)), text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def line(self) -> str:
        return self.lines.get(timeout=PATIENCE)

    def interrupt(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        return code, self.process.stderr.read()


def append(path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


async def test_the_last_lines_of_the_file(logging):
    append(logging.file, "".join(f"line {number}\n" for number in range(MANY)))
    outcome = await control(logging, "logs", "-n", "3")
    assert outcome == (0, "line 117\nline 118\nline 119\n", "")
    assert (await control(logging, "logs")).out.splitlines() == [f"line {number}" for number in range(70, MANY)]
    whole = (await control(logging, "logs", "-n", "100000")).out
    assert whole == logging.file.read_text() and "listening" in whole
    assert (await control(logging, "logs", "-n", "0")).out == ""


async def test_as_json_each_line_is_a_document(logging):
    append(logging.file, 'a "quote"\n{"level":"INFO","n":1}\nwithout an end')
    outcome = await control(logging, "logs", "-n", "3", "--json")
    assert outcome.code == 0 and outcome.err == ""
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert lines == [{"line": 'a "quote"'}, {"level": "INFO", "n": 1}, {"line": "without an end"}]


async def test_following_goes_on_after_rotation_and_truncation_and_waits_for_whole_lines(logging):
    append(logging.file, "first\n")
    following = Following(logging, "-n", "1")
    assert following.line() == "first"
    append(logging.file, "begun, ")
    # Long enough that it is looked at in between.
    await asyncio.sleep(0.3)
    append(logging.file, "ended\n")
    assert following.line() == "begun, ended"
    logging.file.rename(logging.file.with_suffix(".1"))
    append(logging.file.with_suffix(".1"), "still into the old one\n")
    logging.process.send_signal(signal.SIGUSR1)
    await until(logging.file.exists, "the router has opened its file anew")
    assert following.line() == "still into the old one"
    append(logging.file, "into the new one\n")
    while (line := following.line()) != "into the new one":
        assert "opened" in line or "log" in line, line
    os.truncate(logging.file, 0)
    append(logging.file, "cut\n")
    assert following.line() == "cut"
    assert following.interrupt() == (0, "")


async def test_a_reader_that_has_enough_ends_following_though_nothing_is_written(logging):
    following = subprocess.Popen([ctl(), "logs", "-f", "-n", "1"], env=environment(folder_of(logging)),
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert following.stdout.readline()
    following.stdout.close()
    assert await asyncio.to_thread(following.wait, PATIENCE) == 0
    assert following.stderr.read() == b""


async def test_a_log_on_stderr_is_where_the_router_was_started(router):
    outcome = await control(router, "logs")
    assert outcome.code == 69 and outcome.out == "" and outcome.err.count("\n") == 1
    assert "stderr" in outcome.err and "log.target" in outcome.err
    assert (await control(router, "logs", "--json")).error["code"] == "log_on_stderr"


async def test_of_a_router_that_has_ended_the_settings_tell_where_its_log_is(logging, tmp_path):
    await asyncio.to_thread(logging.stop)
    env = environment(tmp_path) | {"GADUGI_ROUTER_LOG__TARGET": "file"}
    outcome = run([ctl(), "logs", "-n", "1"], env | {"GADUGI_ROUTER_LOG__FILE": str(logging.file)})
    assert outcome.code == 0 and outcome.out == logging.file.read_text().splitlines()[-1] + "\n"
    outcome = run([ctl(), "logs"], env | {"GADUGI_ROUTER_LOG__FILE": str(tmp_path / "no.log")})
    assert outcome.code == 69 and outcome.out == "" and f"{tmp_path}/no.log" in outcome.err


async def test_the_log_of_another_router_is_not_shown(tmp_path):
    """A named place without a router: the standard file and place are those of others."""
    others = tmp_path / "logs" / "router.log"
    others.parent.mkdir()
    others.write_text("of another router\n")
    env = environment(tmp_path) | {"LOGS_DIRECTORY": str(others.parent)}
    outcome = run([ctl(), "logs"], env)
    assert outcome.code == 69 and outcome.out == "" and "no router answers" in outcome.err
    assert "GADUGI_ROUTER_LOG__FILE" in outcome.err and outcome.err.count("\n") == 1
    outcome = run([ctl(), "logs"], env | {"GADUGI_ROUTER_LOG__FILE": str(others)})
    assert outcome == (0, "of another router\n", "")


async def test_who_may_not_read_the_file_hears_to_use_sudo(logging, tmp_path):
    """As the user nobody; only root can become another one."""
    needs_root()
    logging.file.chmod(0o600)
    public = for_others(tmp_path)
    env = environment(tmp_path) | {"GADUGI_ROUTER_LOG__TARGET": "file", "GADUGI_ROUTER_LOG__FILE": str(logging.file)}
    outcome = run([public, "logs"], env, before=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"])
    assert outcome.code == 77 and outcome.out == ""
    assert f"no permission to read the log {logging.file}: use sudo" in outcome.err
