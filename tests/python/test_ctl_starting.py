"""gadugi-routerctl start, stop, restart, where no service manager does it: the daemon and its PID file.

Those by systemd are in tests/systemd.
"""
import asyncio
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from client import connect, until
from control import PATIENCE, ctl, needs_root, run
from routers import environment, free_port, program
from stalled import fill_until_refused, stalled_subscriber


class Place:
    """A run-time directory, and what is started in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self.file = folder / "c.toml"
        self.configure()

    def configure(self, text: str = "") -> None:
        self.file.write_text(f"port = {self.port}\n{text}")

    def ctl(self, *words, **variables):
        return run([ctl(), *words], environment(self.folder) | variables)

    async def control(self, *words, **variables):
        return await asyncio.to_thread(self.ctl, *words, **variables)

    def start(self) -> int:
        outcome = self.ctl("start", "--config", self.file, "--json")
        assert outcome.code == 0, outcome
        assert outcome.json["done"] == "started" and outcome.json["by"] == "daemon"
        return outcome.json["pid"]

    @property
    def pid_file(self) -> Path:
        return self.folder / "gadugi-router.pid"


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    if place.pid_file.exists():
        os.kill(int(place.pid_file.read_text()), signal.SIGKILL)


def last(outcome) -> dict:
    return json.loads(outcome.out.splitlines()[-1])


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


async def test_start_is_ready_and_stop_leaves_nothing(place):
    outcome = await place.control("start", "--config", place.file)
    pid = int(place.pid_file.read_text())
    assert outcome == (0, f"started (PID {pid}) with {place.file}\n", "")
    async with await connect(place) as client:
        await client.ping()
        again = await place.control("start", "--config", place.file)
        assert again == (0, f"the router is running already (PID {pid})\n", "")
        stopped = await place.control("stop")
        assert stopped.code == 0 and stopped.out == f"stopped (PID {pid}): ended: everything was delivered\n"
        # How far it was at one moment or another: it is quick.
        assert re.search(r"^(running|draining|closing connections): 0 queued, 0 waiting .*, 1 client$", stopped.err, re.M)
        assert (await client.closed())[0] == 1001
    assert not is_alive(pid) and sorted(path.name for path in place.folder.iterdir()) == ["c.toml"]
    assert await place.control("stop") == (0, "the router is not running\n", "")
    assert last(await place.control("stop", "--json"))["done"] == "not_running"


async def test_stop_shows_how_far_the_drain_is_and_what_was_left(place):
    place.configure('[limits]\noutbox_events = 20\n[drain]\ntimeout = "1s"\n')
    pid = place.start()
    peer = await stalled_subscriber(place, "t")
    await fill_until_refused(place, "t", 5)
    outcome = await place.control("stop", "--json")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    shown = [line for line in lines if line.get("answer") == "progress"]
    assert {"draining"} <= {line["phase"] for line in shown} and any(line["waiting"] > 0 for line in shown)
    assert lines[-1]["done"] == "stopped" and lines[-1]["pid"] == pid and sum(lines[-1]["left"]) > 0
    assert lines[-1]["kept"] is None and outcome.err == ""
    peer.vanish()


async def test_who_has_not_ended_in_time_is_told_with_what_to_do(place):
    place.configure('[drain]\ntimeout = "60s"\n')
    pid = place.start()
    peer = await stalled_subscriber(place, "t")
    await fill_until_refused(place, "t", 5)
    outcome = await place.control("stop", "--timeout", "500ms", "--json")
    assert outcome.code == 4 and json.loads(outcome.err)["error"]["code"] == "timed_out"
    assert f"kill -9 {pid}" in outcome.err and is_alive(pid)
    assert (await place.control("stop", "--timeout", "soon")).code == 64
    peer.vanish()
    assert (await place.control("stop")).code == 0

    async def is_gone():
        return not is_alive(pid)
    # It may have ended by itself meanwhile, and be past its PID file and not yet at its end.
    await until(is_gone, "it ends")


async def test_without_an_admin_socket_the_pid_file_says_whom_to_tell(place):
    pid = place.start()
    (place.folder / "admin.sock").unlink()
    outcome = await place.control("stop")
    assert outcome == (0, f"stopped (PID {pid})\n", "") and not is_alive(pid)


async def test_a_number_without_a_lock_is_nobody(place):
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        place.pid_file.write_text(f"{bystander.pid}\n")
        assert await place.control("stop") == (0, "the router is not running\n", "")
        assert bystander.poll() is None
    finally:
        place.pid_file.unlink()
        bystander.communicate(b"\n", PATIENCE)
    assert bystander.returncode == 0


async def test_a_pid_file_of_another_user_has_nobody_killed(place):
    """Only root can give a file away."""
    needs_root()
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    place.pid_file.write_text(f"{bystander.pid}\n")
    os.chown(place.pid_file, 1234, 1234)
    try:
        with place.pid_file.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            outcome = await place.control("stop")
        assert outcome.code == 77 and outcome.out == "" and "as the user that started it" in outcome.err
        assert bystander.poll() is None
    finally:
        place.pid_file.unlink()
        bystander.communicate(b"\n", PATIENCE)


async def test_restart_takes_the_same_file_and_checks_it_first(place):
    before = place.start()
    place.configure("max_clients = 'x'\n")
    outcome = await place.control("restart", "--json")
    assert outcome.code == 78 and f"{place.file}:2:15: max_clients" in outcome.error["mistakes"][0]
    assert is_alive(before)
    place.configure("max_clients = 77\n")
    outcome = await place.control("restart")
    pid = int(place.pid_file.read_text())
    assert pid != before and outcome.out == f"restarted (PID {pid}) with {place.file}, it was PID {before}\n"
    settings = {each["key"]: each for each in (await place.control("config", "show", "--json")).json["settings"]}
    assert settings["max_clients"]["value"] == "77"
    assert (await place.control("stop")).code == 0
    outcome = await place.control("restart", "--config", place.file, "--json")
    assert last(outcome)["done"] == "started" and last(outcome)["pid_before"] is None
    assert last(outcome)["config_file"] == str(place.file)
    assert (await place.control("stop")).code == 0


async def test_a_start_with_another_file_says_that_it_is_not_used(place):
    pid = place.start()
    other = place.folder / "other.toml"
    other.write_text("max_clients = 5\n")
    outcome = await place.control("start", "--config", other)
    assert outcome.code == 64 and outcome.out == "" and outcome.err.count("\n") == 1
    assert f"(PID {pid}) with {place.file}, and {other} was not used" in outcome.err
    assert (await place.control("start", "--config", other, "--json")).error["code"] == "runs_with_another"
    assert is_alive(pid)


async def test_a_file_that_was_named_by_a_relative_path_is_told_by_a_whole_one(place):
    """The router's directory is another one than the reader's."""
    command = ["env", "-C", place.folder, ctl(), "start", "--config", place.file.name]
    outcome = await asyncio.to_thread(run, command, environment(place.folder))
    assert outcome.code == 0 and outcome.out.endswith(f") with {place.file}\n")
    settings = {each["key"]: each for each in (await place.control("config", "show", "--json")).json["settings"]}
    assert settings["port"]["origin"] == f"{place.file}:1:8"


async def test_a_file_whose_name_is_no_text_is_not_mistaken_for_another(place):
    """The name as it is shown may be that of another file."""
    lossy = place.folder / "c\ufffd.toml"
    lossy.write_text("max_clients = 5\n")
    exact = os.fsencode(place.folder) + b"/c\xff.toml"
    Path(os.fsdecode(exact)).write_text(f"port = {place.port}\n")
    env = environment(place.folder)
    assert (await asyncio.to_thread(subprocess.run, [ctl(), "start", "--config", exact], env=env)).returncode == 0
    pid = int(place.pid_file.read_text())
    status = (await place.control("status", "--json")).json
    assert status["config_file"] is None and status["config_file_shown"] == str(lossy)
    assert f"Configuration: {lossy}\n" in (await place.control("status")).out
    for words in (["configure", "--set", "max_clients=6"], ["restart"], ["config", "check"]):
        outcome = await place.control(*words)
        assert outcome.code == 64 and "not UTF-8" in outcome.err and "--config" in outcome.err, words
    assert lossy.read_text() == "max_clients = 5\n" and is_alive(pid)
    change = [ctl(), "configure", "--config", exact, "--set", "max_clients=6", "--reload"]
    assert (await asyncio.to_thread(subprocess.run, change, env=env)).returncode == 0
    again = await asyncio.to_thread(subprocess.run, [ctl(), "restart", "--config", exact], env=env)
    assert again.returncode == 0 and int(place.pid_file.read_text()) != pid


async def test_a_restart_without_an_answer_does_not_take_the_settings_of_another(place):
    pid = place.start()
    (place.folder / "admin.sock").unlink()
    outcome = await place.control("restart")
    assert outcome.code == 64 and outcome.out == "" and "--config" in outcome.err and is_alive(pid)
    outcome = await place.control("restart", "--config", place.file)
    assert outcome.code == 0 and not is_alive(pid)


async def test_a_router_that_hangs_is_given_no_more_than_the_time_that_was_said(place):
    pid = place.start()
    os.kill(pid, signal.SIGSTOP)
    try:
        outcome = await place.control("stop", "--timeout", "1s", "--json")
        assert outcome.code == 4 and json.loads(outcome.err)["error"]["code"] == "timed_out"
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: not is_alive(pid), "it has heard the signal")


async def test_why_it_did_not_start_is_told_in_one_line(place):
    place.file.write_text(f"port = {place.port}\n")
    pid = place.start()
    other = Path(place.folder / "other")
    other.mkdir()
    outcome = await place.control("start", "--config", place.file, GADUGI_ROUTER_RUNTIME_DIR=str(other))
    assert outcome.code == 69 and outcome.out == "" and outcome.err.count("\n") == 1
    assert outcome.err.startswith("gadugi-routerctl: the router did not start: ") and str(place.port) in outcome.err
    place.file.write_text("port = 'x'\n")
    outcome = await place.control("start", "--config", place.file, GADUGI_ROUTER_RUNTIME_DIR=str(other))
    assert outcome.code == 78 and outcome.out == "" and f"{place.file}:1:8: port" in outcome.err
    assert is_alive(pid)
    assert (await place.control("stop")).code == 0


async def test_the_router_is_found_in_path_where_none_is_beside(place):
    alone = place.folder / "bin"
    alone.mkdir()
    shutil.copy(ctl(), alone)
    command = [alone / "gadugi-routerctl", "start", "--config", place.file]
    outcome = await asyncio.to_thread(run, command, environment(place.folder) | {"PATH": "/nowhere"})
    assert outcome.code == 69 and "none in PATH" in outcome.err
    outcome = await asyncio.to_thread(run, command, environment(place.folder) | {"PATH": str(program().parent)})
    assert outcome.code == 0, outcome
    assert (await place.control("stop")).code == 0


async def test_on_a_terminal_the_progress_is_one_line_that_changes(place):
    place.configure('[drain]\ntimeout = "2s"\n')
    pid = place.start()
    peer = await stalled_subscriber(place, "t")
    await fill_until_refused(place, "t", 5)
    terminal = pexpect.spawn(str(ctl()), ["stop"], env=environment(place.folder) | {"TERM": "xterm"}, timeout=PATIENCE,
                             dimensions=(24, 100), encoding="utf-8")
    await asyncio.to_thread(terminal.expect, r"draining: \d+ queued, \d+ waiting for subscribers")
    await asyncio.to_thread(terminal.expect, rf"stopped \(PID {pid}\)")
    await asyncio.to_thread(terminal.expect, pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    peer.vanish()


@pytest.mark.parametrize("command", ["drain", "stop"])
async def test_ctrl_c_says_that_the_end_goes_on(place, command):
    place.configure('[drain]\ntimeout = "60s"\n')
    pid = place.start()
    peer = await stalled_subscriber(place, "t")
    await fill_until_refused(place, "t", 5)
    watching = subprocess.Popen([ctl(), command, "--json"], env=environment(place.folder), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while '"draining"' not in await asyncio.to_thread(watching.stdout.readline):
        assert watching.poll() is None
    watching.send_signal(signal.SIGINT)
    _, err = await asyncio.to_thread(watching.communicate, timeout=PATIENCE)
    assert watching.returncode == -signal.SIGINT and err.count("\n") == 1
    assert err.startswith("gadugi-routerctl: interrupted: the router goes on with its end") and is_alive(pid)
    peer.vanish()
    await until(lambda: not is_alive(pid), "it has ended")


async def test_a_start_of_another_is_not_disturbed_by_those_who_look(place):
    pid = place.start()
    lookers = [subprocess.Popen([ctl(), "start", "--config", place.file], env=environment(place.folder),
                                stdout=subprocess.DEVNULL) for _ in range(8)]
    deadline = time.monotonic() + PATIENCE
    codes = [looker.wait(deadline - time.monotonic()) for looker in lookers]
    assert codes == [0] * 8 and is_alive(pid)
    await until(lambda: place.ctl("status").code == 0, "it answers")
    assert (await place.control("stop")).code == 0
