"""gadugi-routerctl configure: by --set, and by its questions in a pseudo-terminal whose screen is read back."""
import asyncio
import os
import socket
import time
from pathlib import Path

import pexpect
import pyte
import pytest

from control import PATIENCE, control, ctl, folder_of, for_others, needs_root, run
from routers import environment, program

FILE = """\
# Our router.

port = 0            # a free one
max_clients = 7

# Slow ones.
[limits]
outbox_events = 50
"""
LINES, COLUMNS = 60, 200


def configure(folder: Path, *words, before=()):
    return run([ctl(), "configure", *words], environment(folder), before=before)


@pytest.fixture
def file(tmp_path) -> Path:
    file = tmp_path / "c.toml"
    file.write_text(FILE)
    return file


class Terminal:
    """The wizard in a terminal."""

    def __init__(self, env: dict[str, str], *words, **variables):
        self.screen = pyte.Screen(COLUMNS, LINES)
        self.stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(str(ctl()), ["configure", *map(str, words)], timeout=PATIENCE, encoding="utf-8",
                                   env=env | {"TERM": "xterm-256color"} | variables, dimensions=(LINES, COLUMNS))

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def read(self) -> bool:
        """What is there; False at the end."""
        try:
            self.stream.feed(self.child.read_nonblocking(65536, 0.1))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            return False
        return True

    def shows(self, words: str) -> str:
        """Waits until the screen's last line but empty ones, or what is above it, has these words."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.text():
            alive = self.read()
            assert words in self.text() or (alive and time.monotonic() < deadline), f"no {words!r} in:\n{self.text()}"
        return self.text()

    def answer(self, question: str, answer: str) -> None:
        self.shows(question)
        self.child.send(answer)

    def group(self, down: int) -> None:
        """Chooses from the list of groups, counted from the one that it stands at."""
        self.shows("Which settings? (Esc: no more)")
        self.child.send("\x1b[B" * down + "\r")

    def end(self) -> int:
        while self.read():
            pass
        self.child.close()
        return self.child.exitstatus


async def test_set_changes_values_and_nothing_else(file, tmp_path):
    outcome = configure(tmp_path, "--config", file, "--set", "max_clients=8", "--set", "limits.ping_interval=90s")
    assert outcome.code == 0 and outcome.err == ""
    assert "max_clients = 7 → 8\n" in outcome.out and "-max_clients = 7\n+max_clients = 8\n" in outcome.out
    assert outcome.out.endswith(f"written: {file}\n")
    assert file.read_text() == FILE.replace("= 7", "= 8") + 'ping_interval = "90s"\n'
    outcome = configure(tmp_path, "--config", file, "--unset", "max_clients", "--unset", "limits.ping_interval")
    assert outcome.code == 0 and file.read_text() == FILE.replace("max_clients = 7\n", "")
    again = configure(tmp_path, "--config", file, "--set", "limits.outbox_events=50")
    assert again == (0, f"{file}: nothing changes\n", "")


async def test_lines_end_as_they_did(file, tmp_path):
    file.write_bytes(FILE.replace("\n", "\r\n").encode())
    outcome = configure(tmp_path, "--config", file, "--set", "max_clients=8", "--set", "limits.ping_interval=90s")
    assert outcome.code == 0 and outcome.err == ""
    expected = FILE.replace("= 7", "= 8") + 'ping_interval = "90s"\n'
    assert file.read_bytes() == expected.replace("\n", "\r\n").encode()


async def test_a_dry_run_shows_the_difference_and_writes_nothing(file, tmp_path):
    outcome = configure(tmp_path, "--config", file, "--set", "host=::1", "--dry-run", "--json")
    assert outcome.json["changes"] == [{"key": "host", "old": '"localhost"', "new": '"::1"'}]
    assert outcome.json["written"] is False and '+host = "::1"\n' in outcome.json["diff"]
    assert file.read_text() == FILE


async def test_every_mistake_is_told_and_then_nothing_is_written(file, tmp_path):
    outcome = configure(tmp_path, "--config", file, "--set", "port=x", "--set", "limits.ping_interval=0", "--json")
    assert outcome.code == 78 and len(outcome.error["mistakes"]) == 2
    assert "without pings a vanished client" in outcome.error["mistakes"][1]
    file.write_text(FILE + "publish_rate = -1\nwhat = 1\n")
    outcome = configure(tmp_path, "--config", file, "--set", "max_clients=8")
    assert outcome.code == 78 and outcome.out == "" and f"{file}:9:16: limits.publish_rate" in outcome.err
    assert f"{file}:10:1: limits.what" in outcome.err and "max_clients = 7" in file.read_text()
    outcome = configure(tmp_path, "--config", file, "--set", "=1")
    assert outcome.code == 64 and "key of a setting is missing" in outcome.err
    outcome = configure(tmp_path, "--config", file, "--set", "max_client=8")
    assert outcome.code == 64 and "did you mean max_clients?" in outcome.err
    file.write_text("port = \n")
    outcome = configure(tmp_path, "--config", file, "--set", "port=1")
    assert outcome.code == 78 and "broken TOML" in outcome.err and file.read_text() == "port = \n"


async def test_what_cannot_be_done_says_what_to_do(tmp_path, file):
    assert configure(tmp_path, "--config", file).code == 64
    old = tmp_path / "router_config.json"
    old.write_text('{"port": 7}')
    outcome = configure(tmp_path, "--config", old, "--set", "port=8")
    assert outcome.code == 64 and f"gadugi-router --config {old} --print-config" in outcome.err
    moved = run(["sh", "-c", f"{program()} --config {old} --print-config >{tmp_path}/new.toml"], environment(tmp_path))
    assert moved.code == 0
    assert configure(tmp_path, "--config", tmp_path / "new.toml", "--set", "port=8").code == 0
    outcome = configure(tmp_path, "--config", file, "--set", "port=8", "--reload")
    assert outcome.code == 3 and file.read_text() == FILE, "who cannot be told is known before"


async def test_who_may_not_write_hears_to_use_sudo(file, tmp_path):
    """As the user nobody; only root can become another one."""
    needs_root()
    public = for_others(tmp_path, mode=0o755)
    outcome = run([public, "configure", "--config", file, "--set", "port=8"], environment(tmp_path),
                  before=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"])
    assert outcome.code == 77 and outcome.out == "" and file.read_text() == FILE
    assert f"no permission to write in {tmp_path}, where {file} is replaced: use sudo" in outcome.err


async def test_the_running_router_s_own_file_is_meant_and_it_is_told(start):
    router = start(config=FILE, port=None)
    outcome = await control(router, "configure", "--set", "max_clients=9", "--set", "threads=2", "--reload", "--json")
    assert outcome.json["file"] == str(router.config_file) and outcome.json["written"] is True
    assert [change["key"] for change in outcome.json["reloaded"]["changed"]] == ["max_clients"]
    assert [change["key"] for change in outcome.json["reloaded"]["needs_restart"]] == ["threads"]
    assert router.config_file.read_text().startswith("# Our router.\n\nport = 0            # a free one\nmax_clients = 9\n")


async def test_a_file_that_nobody_can_tell_is_asked_for(file, tmp_path):
    """Not the machine's: that would be another router's."""
    outcome = configure(tmp_path, "--set", "port=1")
    assert outcome.code == 64 and outcome.out == "" and "--config" in outcome.err and "not running" in outcome.err
    clean = {name: value for name, value in environment(tmp_path).items() if name != "GADUGI_ROUTER_RUNTIME_DIR"}
    outcome = run([ctl(), "configure", "--socket", tmp_path / "s", "--set", "port=1", "--json"], clean)
    assert outcome.code == 64 and outcome.error["code"] == "unknown_file"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "admin.sock"))
    outcome = configure(tmp_path, "--set", "port=1")
    assert outcome.code == 64 and "nobody answers" in outcome.err and "--config" in outcome.err


async def test_a_file_of_another_router_is_not_reloaded(start, file):
    router = start(config=FILE, port=None)
    outcome = await control(router, "configure", "--config", file, "--set", "max_clients=9", "--reload")
    assert outcome.code == 64 and outcome.out == "" and file.read_text() == FILE
    assert f"reads {router.config_file}, not {file}" in outcome.err and "nothing is written" in outcome.err
    same = router.config_file.parent / "." / "link.toml"
    same.symlink_to(router.config_file)
    outcome = await control(router, "configure", "--config", same, "--set", "max_clients=9", "--reload")
    assert outcome.code == 0 and "changed: max_clients = 7 → 9" in outcome.out


async def test_the_questions_explain_check_and_write(start):
    router = start(config=FILE, port=None)
    env = environment(folder_of(router))
    await asyncio.to_thread(ask, router, env)
    assert router.config_file.read_text() == FILE.replace("= 7", "= 12")
    settings = {each["key"]: each["value"] for each in (await control(router, "config", "show", "--json")).json["settings"]}
    assert settings["max_clients"] == "12"


def ask(router, env):
    terminal = Terminal(env)
    screen = terminal.shows("That is all")
    assert f"{router.config_file}: its comments and order stay" in screen
    assert "[limits] Bounds that keep one client from harming the others." in screen
    terminal.group(0)
    terminal.answer("host (Enter keeps \"localhost\"", "\r")
    terminal.answer("port (Enter keeps 0", "\r")
    terminal.answer("max_queue_size (Enter keeps", "\r")
    screen = terminal.shows("max_clients (Enter keeps 7")
    assert "How many clients may be connected at once. Must be a whole number from 1 to" in screen
    assert "The default is 1000." in screen
    terminal.child.send("many\r")
    terminal.shows("must be a whole number from 1 to 1000000, not \"many\"")
    terminal.child.send("\x15" + "\x7f" * 8 + "12\r")
    for key in ("use_multi_queue", "log_level", "threads"):
        terminal.answer(f"{key} (Enter keeps", "\r")
    terminal.shows("❯ [limits]")
    terminal.group(6)
    terminal.answer(f"Write {router.config_file}?", "y")
    terminal.answer("Have the running router read it now?", "y")
    terminal.shows("changed: max_clients = 7 → 12")
    assert "-max_clients = 7" in terminal.text() and "+max_clients = 12" in terminal.text()
    assert terminal.end() == 0


async def test_ctrl_c_leaves_the_file_and_the_terminal_as_they_were(file, tmp_path):
    def interrupted(*before: str) -> Terminal:
        terminal = Terminal(environment(tmp_path), "--config", file, NO_COLOR="1")
        terminal.shows("That is all")
        for answer in before:
            terminal.child.send(answer)
            terminal.shows("host (Enter keeps")
        terminal.child.send("\x03")
        terminal.shows("interrupted: nothing is written")
        assert terminal.end() == 130
        assert not terminal.screen.cursor.hidden
        return terminal
    await asyncio.to_thread(interrupted)
    await asyncio.to_thread(interrupted, "\r")
    assert file.read_text() == FILE


async def test_esc_leaves_the_list_and_says_no(file, tmp_path):
    def left() -> int:
        terminal = Terminal(environment(tmp_path), "--config", file)
        terminal.group(0)
        terminal.answer("host (Enter keeps", "\r")
        terminal.answer("port (Enter keeps", "\r")
        terminal.answer("max_queue_size (Enter keeps", "\r")
        terminal.answer("max_clients (Enter keeps 7", "12\r")
        for key in ("use_multi_queue", "log_level", "threads"):
            terminal.answer(f"{key} (Enter keeps", "\r")
        terminal.shows("❯ [limits]")
        terminal.child.send("\x1b")
        terminal.shows("+max_clients = 12")
        terminal.answer("Write ", "\x1b")
        terminal.shows("nothing is written")
        return terminal.end()
    assert await asyncio.to_thread(left) == 0
    assert file.read_text() == FILE


async def test_a_new_file_is_made_by_answers(tmp_path):
    file = tmp_path / "new" / "c.toml"
    outcome = configure(tmp_path, "--config", file, "--set", "port=1")
    assert outcome.code == 69 and outcome.out == "" and f"no directory {file.parent}" in outcome.err
    assert not file.parent.exists()
    file.parent.mkdir()

    def answered():
        terminal = Terminal(environment(tmp_path), "--config", file)
        terminal.shows("a new file")
        terminal.group(2)
        terminal.answer("drain.timeout (Enter keeps", "45s\r")
        for key in ("spool", "spool_wait", "close_spread"):
            terminal.answer(f"drain.{key} (Enter keeps", "\r")
        terminal.shows("[log]")
        terminal.group(4)
        terminal.answer("Write ", "y")
        terminal.shows("written: ")
        return terminal.end()
    assert await asyncio.to_thread(answered) == 0
    assert file.read_text() == '[drain]\ntimeout = "45s"\n'
    assert os.stat(file).st_mode & 0o777 == 0o644
