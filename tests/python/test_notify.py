"""What the router tells its supervisor (sd_notify), heard by a notify socket of our own: no systemd takes part.

How a real systemd takes it is in tests/systemd.
"""
import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import time

import pytest

from client import connect, until
from notify import NotifySocket
from routers import can_connect, environment, free_port, program
from stalled import numbered, publish_in_order, read_messages, stalled_subscriber

# Whatever else a line holds, it would be the rest of a message that a newline has split.
KNOWN = {"READY", "STATUS", "RELOADING", "MONOTONIC_USEC", "STOPPING", "EXTEND_TIMEOUT_USEC", "WATCHDOG", "MAINPID",
         "ERRNO", "EXIT_STATUS", "FDSTORE", "FDNAME"}
BEAT = "WATCHDOG=1"
WAITING = 9000


def assert_whole(messages) -> None:
    for message in messages:
        for line in message.lines:
            name, equals, value = line.partition("=")
            assert equals and value and name in KNOWN, message


def hang_up(router, config: str) -> None:
    router.config_file.write_text(config)
    router.process.send_signal(signal.SIGHUP)


async def heard(supervisor, *names: str, after: int = 0):
    return await asyncio.to_thread(supervisor.wait_for, *names, after=after)


async def test_ready_comes_once_and_only_when_every_listener_accepts(start):
    port = free_port()
    accepting = []

    def try_it(message):
        if "READY=1" in message:
            accepting.append(can_connect(port))
    with NotifySocket(on_message=try_it) as supervisor:
        router = start(extra_env=supervisor.env, port=port)
        await heard(supervisor, "READY=1")
        assert len(router.ports) >= 1
        async with await connect(router) as client:
            await client.ping()
        await asyncio.to_thread(router.stop)
        assert accepting == [True], "connected from the very moment of READY=1"
        messages = supervisor.so_far()
        assert_whole(messages)
        first = next(index for index, message in enumerate(messages) if "READY" in message)
        assert all(set(message.fields) <= {"STATUS", "MAINPID"} for message in messages[:first]), messages[:first]


def test_a_failed_start_is_never_ready(start, tmp_path, supervisor):
    other = start()
    (tmp_path / "empty.toml").touch()
    command = [program(), "-c", tmp_path / "empty.toml", "--host", "127.0.0.1", "--port", str(other.port)]
    second = subprocess.run(command, env=environment(tmp_path) | supervisor.env, capture_output=True, text=True,
                            timeout=30)
    assert second.returncode == 69, second.stderr
    assert supervisor.having("READY") == []
    assert_whole(supervisor.so_far())


async def test_the_status_counts_clients_and_subscriptions_in_words(start, supervisor):
    router = start(extra_env=supervisor.env)
    async with await connect(router) as client, await connect(router):
        await client.subscribe("a")
        await client.subscribe("b")
        await client.subscribe("c")

        def it_is_said():
            said = [message["STATUS"] for message in supervisor.so_far() if "STATUS" in message]
            return said and re.search(r"\b2 clients\b.*\b3 subscriptions\b.*\b0 (events )?(queued|waiting)", said[-1])
        await until(it_is_said, "the status is refreshed")
    assert_whole(supervisor.so_far())


async def test_a_reload_is_announced_and_ends_with_ready(start, supervisor):
    router = start(extra_env=supervisor.env)
    await heard(supervisor, "READY=1")
    for clients in (5, 6, 7):
        before, position = time.monotonic_ns() // 1000, supervisor.position()
        hang_up(router, f"max_clients = {clients}\n")
        await heard(supervisor, "READY=1", after=position)
        messages = [message for message in supervisor.so_far()[position:] if "RELOADING" in message or "READY" in message]
        reloading, ready = messages
        assert "RELOADING=1" in reloading and "READY" not in reloading and "READY=1" in ready
        assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert_whole(supervisor.so_far())


async def test_a_failed_reload_ends_with_ready_too_and_its_status_says_so(start, supervisor):
    router = start(config="max_clients = 5\n", extra_env=supervisor.env)
    await heard(supervisor, "READY=1")
    position = supervisor.position()
    # Several mistakes, in a report of several lines.
    hang_up(router, 'max_clients = "many"\nmax_queue_size = -1\nunheard_of = 1\n[limits]\nping_interval = "soon"\n')
    await heard(supervisor, "RELOADING=1", "MONOTONIC_USEC", after=position)
    await heard(supervisor, "READY=1", after=position)

    def it_is_said():
        said = [message["STATUS"] for message in supervisor.so_far()[position:] if "STATUS" in message]
        return any("reload" in status.lower() and "fail" in status.lower() for status in said)
    await until(it_is_said, "the status says that the reload failed")
    assert_whole(supervisor.so_far())
    position = supervisor.position()
    hang_up(router, "max_clients = 6\n")
    await heard(supervisor, "READY=1", after=position)

    def it_is_over():
        return "fail" not in next(m["STATUS"] for m in reversed(supervisor.so_far()) if "STATUS" in m).lower()
    await until(it_is_over, "a good reload takes that back")


async def test_an_idle_router_is_stopping_and_gone(start, supervisor):
    """A drain without an end would take its minute; an end with nothing to do takes none of it."""
    router = start(extra_env=supervisor.env, drain__timeout="60s")
    await heard(supervisor, "READY=1")
    await asyncio.to_thread(router.stop)
    assert len(supervisor.having("STOPPING=1")) == 1
    assert_whole(supervisor.so_far())


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
async def test_a_drain_with_progress_asks_for_more_time_again_and_again(start, supervisor, name):
    router = start(extra_env=supervisor.env, drain__timeout="60s")
    async with await stalled_subscriber(router, "t") as slow:
        await publish_in_order(router, [numbered("t", 5, number) for number in range(WAITING)], receipt="dispatched")
        router.process.send_signal(getattr(signal, name))
        await heard(supervisor, "STOPPING=1")
        await heard(supervisor, "EXTEND_TIMEOUT_USEC")
        # A little is read until more time was asked for four times: of a second each, and nothing makes it stop.
        received = 0
        while len(supervisor.having("EXTEND_TIMEOUT_USEC")) < 4:
            received += len(await read_messages(slow, lambda messages: len(messages) == 50))
            assert received < WAITING, "all is delivered, and more time was not asked for"
            await asyncio.sleep(0.05)
        await read_messages(slow, lambda messages: len(messages) + received == WAITING)
        await asyncio.to_thread(router.ended)
    extensions = supervisor.having("EXTEND_TIMEOUT_USEC")
    first, last = extensions[0], extensions[-1]
    stopping = supervisor.having("STOPPING=1")[0]
    messages = supervisor.so_far()
    assert messages.index(first) - messages.index(stopping) in (0, 1), "at once, not after the first second"
    assert all(int(message["EXTEND_TIMEOUT_USEC"]) > 1_000_000 for message in extensions), "longer than to the next"
    assert last.at - first.at > 2, "and not in a burst"
    assert_whole(messages)


@pytest.mark.parametrize("watchdog_pid", [None, "its own"])
async def test_the_watchdog_hears_more_than_two_beats_an_interval(start, tmp_path, watchdog_pid):
    with NotifySocket(watchdog_usec=1_000_000) as supervisor:
        with contextlib.ExitStack() as stack:
            if watchdog_pid:
                messages = beats_of_a_shell(stack, tmp_path, supervisor)
            else:
                start(extra_env=supervisor.env)
                messages = await beats(supervisor)
    between = [later.at - earlier.at for earlier, later in zip(messages, messages[1:])]
    print("seconds between beats:", between)
    # The median, for a single beat may have waited for the processor.
    assert statistics.median(between) < 0.5


async def beats(supervisor, count: int = 6):
    await until(lambda: len(supervisor.having(BEAT)) >= count, f"{count} beats")
    return supervisor.having(BEAT)


def beats_of_a_shell(stack, folder, supervisor):
    """A router whose WATCHDOG_PID is its own: known only to the process that becomes it."""
    (folder / "empty.toml").touch()
    script = 'WATCHDOG_PID=$$; export WATCHDOG_PID; exec "$@"'
    process = stack.enter_context(subprocess.Popen(
        ["sh", "-c", script, "sh", program(), "-c", folder / "empty.toml", "--port", "0"],
        env=environment(folder) | supervisor.env, stdin=subprocess.DEVNULL))
    stack.callback(process.terminate)
    deadline = time.monotonic() + 30
    while len(supervisor.having(BEAT)) < 6:
        assert time.monotonic() < deadline and process.poll() is None, "it does not beat"
        time.sleep(0.02)
    return supervisor.having(BEAT)


async def test_a_watchdog_of_somebody_else_hears_nothing(start):
    with NotifySocket(watchdog_usec=200_000, watchdog_pid=os.getpid()) as supervisor:
        router = start(extra_env=supervisor.env)
        await heard(supervisor, "READY=1")
        # Nothing can be waited for here; a watchdog of its own would have had ten beats in this time.
        await asyncio.sleep(1)
        await asyncio.to_thread(router.stop)
        assert supervisor.having("WATCHDOG") == []


async def test_the_watchdog_hears_nothing_while_the_router_is_stopped(start):
    with NotifySocket(watchdog_usec=400_000) as supervisor:
        router = start(extra_env=supervisor.env)
        await beats(supervisor, 3)
        router.process.send_signal(signal.SIGSTOP)
        try:
            count = len(supervisor.having(BEAT))
            await asyncio.sleep(1)
            # One may have been on its way when the signal came.
            assert len(supervisor.having(BEAT)) <= count + 1
        finally:
            router.process.send_signal(signal.SIGCONT)
        await beats(supervisor, count + 3)
