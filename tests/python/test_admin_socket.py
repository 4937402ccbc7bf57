"""The admin socket: whose it is, who may do what, and what it bears."""
import asyncio
import contextlib
import os
import signal
import stat
import subprocess

import pytest

from client import connect, until
from control import Talk, control, ctl, folder_of, for_others, is_root, needs_root, run, socket_of
from routers import START_PATIENCE, Router, environment, program

GREETING = {"protocol": 1, "version": "tests"}
PLACES = 16


def mode(path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def test_it_has_the_mode_that_was_set(start):
    assert mode(socket_of(start())) == 0o660
    assert mode(socket_of(start(admin__socket_mode="0600"))) == 0o600


async def test_it_is_where_it_was_set_and_is_found_there(start, tmp_path):
    place = tmp_path / "s"
    router = start(admin__socket=place)
    assert place.is_socket() and not socket_of(router).exists()
    found = run([ctl(), "status"], environment(tmp_path, admin__socket=place))
    assert found.code == 0
    await asyncio.to_thread(router.stop)
    assert not place.exists()


async def test_one_that_a_killed_router_left_is_replaced(start, tmp_path):
    first = start()
    place = socket_of(first)
    first.kill()
    assert place.is_socket()
    outcome = await control(first, "status")
    assert outcome.code == 3 and "nobody answers" in outcome.err
    second = start(admin__socket=place)
    assert (await control(first, "status", "--json")).json["pid"] == second.process.pid


async def test_one_of_a_living_router_is_not_touched(start, tmp_path):
    first = start()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "c").touch()
    second = subprocess.run([program(), "-c", tmp_path / "second" / "c", "--port", "0"], capture_output=True, text=True,
                            env=environment(tmp_path / "second", admin__socket=socket_of(first)), timeout=START_PATIENCE)
    assert second.returncode == 73 and "another router answers" in second.stderr
    assert (await control(first, "status", "--json")).json["pid"] == first.process.pid


async def test_what_is_no_socket_is_left_alone(start, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious")
    with pytest.raises(AssertionError, match="ended with 73"):
        start(admin__socket=precious)
    assert precious.read_text() == "precious"


async def test_a_setting_for_later_is_said_to_be_one(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("[auth]\ntoken_file = '/t'\n")
    checked = subprocess.run([program(), "--check-config", "-c", file], env=environment(tmp_path), capture_output=True,
                             text=True)
    assert checked.returncode == 78 and "does not have [auth] yet" in checked.stderr


async def test_who_is_in_its_group_may_look_and_nobody_else_may_connect(start, tmp_path):
    """As the user nobody; only root can become another one."""
    needs_root()
    public = for_others(tmp_path)
    router = start(admin__socket_group="nogroup")
    folder_of(router).chmod(0o755)

    def as_nobody(group: str, *words: str):
        before = ["setpriv", "--reuid=nobody", f"--regid={group}", "--clear-groups"]
        return run([public, "--json", *words], environment(folder_of(router)), before=before)
    looking = as_nobody("nogroup", "status")
    assert looking.code == 0 and looking.json["pid"] == router.process.pid
    for change in (["drain"], ["reload"], ["kick", "x"], ["dead-letters", "purge", "--all"]):
        refused = as_nobody("nogroup", *change)
        assert refused.code == 77 and "may only look" in refused.error["message"], change
    stranger = as_nobody("users", "status")
    assert stranger.code == 77 and "member of the group nogroup" in stranger.error["message"]
    assert router.process.poll() is None


async def test_admins_by_name_number_and_group_may_change_something_and_others_still_may_not(start, tmp_path):
    """As other users; only root can become one. The group also counts when it is not the process's first."""
    needs_root()
    public = for_others(tmp_path)
    router = start(admin__socket_mode="0666", admin__admins="nobody,4711,@daemon")
    folder_of(router).chmod(0o755)

    def purge(*who: str):
        return run([public, "--json", "dead-letters", "purge", "--all"], environment(folder_of(router)),
                   before=["setpriv", *who])
    for who in (["--reuid=nobody", "--regid=users", "--clear-groups"],
                ["--reuid=4711", "--regid=4711", "--clear-groups"],
                ["--reuid=4712", "--regid=daemon", "--clear-groups"],
                ["--reuid=4712", "--regid=4712", "--groups=users,daemon"],
                ["--reuid=4712", "--regid=4712", "--groups=" + ",".join(map(str, [*range(5000, 5200), 1]))]):
        assert purge(*who).code == 0, who
    refused = purge("--reuid=4712", "--regid=4712", "--groups=users")
    assert refused.code == 77 and "admin.admins" in refused.error["message"]
    assert router.process.poll() is None


@pytest.mark.parametrize("name", ["no-such-user", "@no-such-group"])
async def test_admins_that_are_not_there_are_a_mistake(start, name):
    with pytest.raises(AssertionError, match="ended with 78"):
        start(admin__admins=name)


async def test_the_service_s_own_user_may_change_something(start, tmp_path):
    needs_root()
    public = for_others(tmp_path)
    made = tmp_path / "made"
    router = start(runtime_dir=made, process__user="nobody")
    assert (made / "admin.sock").owner() == "nobody"
    before = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    assert run([public, "dead-letters", "purge", "--all"], environment(made), before=before).code == 0
    await asyncio.to_thread(router.stop)
    assert list(made.iterdir()) == []


async def test_many_that_stall_neither_hold_up_events_nor_an_operator(router):
    with contextlib.ExitStack() as stalled:
        for number in range(64):
            talk = stalled.enter_context(Talk(router))
            # Nothing, half a greeting, a request without an end, or one whose answer is never read.
            talk.say([b"", b'{"protocol":1', b'{"protocol":1,"version":"x"}\n{"request"',
                      b'{"protocol":1,"version":"x"}\n{"request":"settings"}\n'][number % 4])
        async with await connect(router) as client:
            await client.subscribe("t")
            for number in range(100):
                await client.publish({"topic": "t", "payload": number})
                assert (await client.event())["payload"] == number
            outcome = await control(router, "status", "--json")
        assert outcome.code == 0 and outcome.json["totals"]["delivered"] == 100


async def test_the_oldest_that_does_nothing_makes_room(router):
    with contextlib.ExitStack() as talks:
        all_of_them = [talks.enter_context(Talk(router, GREETING)) for _ in range(PLACES)]
        newcomer = talks.enter_context(Talk(router, GREETING))
        assert newcomer.ask({"request": "status"})["answer"] == "status"
        assert await asyncio.to_thread(all_of_them[0].hear) is None
        assert all_of_them[1].ask({"request": "status"})["answer"] == "status"


async def test_greeting_and_unknown_requests_name_both_versions(router):
    with Talk(router, {"protocol": 9, "version": "99.1", "mood": "good"}) as talk:
        assert talk.greeting == {"protocol": 1, "version": "0.1.0", "may_change": True}
        refused = talk.ask({"request": "divine"})
        assert refused["code"] == "unknown_request"
        assert "0.1.0" in refused["message"] and "99.1" in refused["message"]
        assert talk.ask({"request": "status", "in": "colour"})["answer"] == "status"


@pytest.mark.parametrize("text", [b"\n", b"hello\n", b"[]\n", b"\xff\xfe\n", b'{"protocol":"x"}\n', b"GET / HTTP/1.1\r\n"])
async def test_who_does_not_greet_is_told_how_and_closed(router, text):
    with Talk(router) as talk:
        talk.say(text)
        assert (await asyncio.to_thread(talk.hear))["protocol"] == 1
        assert talk.hear()["code"] == "bad_request"
        assert talk.hear() is None


async def test_a_line_without_an_end_is_not_kept(router):
    with Talk(router, GREETING) as talk:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            talk.say(b"x" * (1 << 20))
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.to_thread(talk.hear) is None
    assert (await control(router, "status")).code == 0


async def test_long_lists_come_in_pages(router):
    async with await connect(router) as client:
        ids = {await client.subscribe(f"t.{number}") for number in range(600)}
        shown = (await control(router, "subscriptions", "--json")).json["subscriptions"]
        assert {each["id"] for each in shown} == ids and len(shown) == 600
        with Talk(router, GREETING) as talk:
            page = talk.ask({"request": "subscriptions", "from": 0})
            assert len(page["subscriptions"]) == 250 and page["next"] == 250
            beyond = talk.ask({"request": "clients", "from": 1 << 60})
            assert beyond == {"answer": "clients", "clients": [], "next": None}


async def test_a_second_router_of_the_default_place_runs_without_a_socket(tmp_path):
    """In the foreground, with nothing said about the place."""
    runtime = {"XDG_RUNTIME_DIR": str(tmp_path)}
    before = ["env", "-u", "GADUGI_ROUTER_RUNTIME_DIR"]
    if is_root():
        # Root's default place is the machine's, which a test leaves alone.
        public = for_others(tmp_path, program())
        tmp_path.chmod(0o777)
        before = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *before]
    else:
        public = program()
    os.environ["GADUGI_ROUTER_BIN"], old = str(public), os.environ.get("GADUGI_ROUTER_BIN")
    try:
        first = Router(tmp_path / "first", extra_env=runtime, before=before)
        second = Router(tmp_path / "second", extra_env=runtime, before=before)
        await until(lambda: "running without an admin socket" in second.log(), "it says so")
        assert (tmp_path / "gadugi-router" / "admin.sock").is_socket()
        second.stop()
        assert (tmp_path / "gadugi-router" / "admin.sock").is_socket()
        first.stop()
    finally:
        os.environ.pop("GADUGI_ROUTER_BIN")
        if old is not None:
            os.environ["GADUGI_ROUTER_BIN"] = old
    assert not (tmp_path / "gadugi-router").exists()


async def test_a_stopped_router_is_not_taken_for_a_dead_one(start, tmp_path):
    first = start()
    first.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(AssertionError, match="ended with 73"):
            start(admin__socket=socket_of(first))
    finally:
        first.process.send_signal(signal.SIGCONT)
    assert (await control(first, "status")).code == 0
