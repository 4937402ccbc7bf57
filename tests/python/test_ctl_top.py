"""gadugi-routerctl top in a real pseudo-terminal, its screen read back; and where there is none."""
import asyncio
import json
import re
import signal

import pytest

from client import connect
from control import control, ctl, folder_of, socket_of
from routers import Router
from screens import ALTERNATE_OFF, ALTERNATE_ON, Terminal
from stalled import stalled_subscriber

QUICKLY = ["--interval", "100ms"]
SGR_COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")


def top(router, *words, size=(120, 40), **variables) -> Terminal:
    return Terminal([ctl(), "top", *QUICKLY, *words], folder_of(router), size, **variables)


async def shows(terminal: Terminal, words: str) -> None:
    await asyncio.to_thread(terminal.shows, words)


async def until(terminal: Terminal, condition, what: str):
    return await asyncio.to_thread(terminal.until, condition, what)


async def leave(terminal: Terminal, keys: str = "q") -> None:
    """It ends with 0, and the terminal is as it was."""
    terminal.press(keys)
    assert await asyncio.to_thread(terminal.ends) == 0
    assert_restored(terminal)


def assert_restored(terminal: Terminal) -> None:
    assert terminal.modes_now() == terminal.modes
    assert terminal.bytes.count(ALTERNATE_ON) == terminal.bytes.count(ALTERNATE_OFF) == 1
    # The cursor is hidden while it runs, and shown after that.
    assert terminal.bytes.rfind(b"\x1b[?25h") > terminal.bytes.rfind(b"\x1b[?25l")


def place(terminal: Terminal, words: str) -> int:
    return next((number for number, line in enumerate(terminal.lines) if words in line), -1)


async def slow_ones(router) -> list:
    """Two that do not read: one has many events waiting, the other few that are large and were there first."""
    peers = [await stalled_subscriber(router, "large", hello={"client": "large/1"}),
             await stalled_subscriber(router, "many.*", hello={"client": "many/1"})]
    async with await connect(router) as publisher:
        for topic, number, size in (("large", 150, 100_000), ("many.x", 2_500, 4_000)):
            event = {"topic": topic, "priority": 7, "payload": {"text": "x" * size}}
            await publisher.publish_many([event] * number)
    return peers


async def test_rates_and_topics_move_while_events_flow_and_q_leaves_all_as_it_was(router):
    async with await connect(router, hello={}) as client:
        await client.subscribe("task.*")
        with top(router) as terminal:
            # The last line: all of the first screen is there.
            await shows(terminal, "q quit")
            for line in ("gadugi-router 0.1.0", f"ws://localhost:{router.port}", "running  healthy", "clients 1", "in 0/s  0 since the start",
                         "nothing waits for anybody", "QUEUED 0 OF 10,000", "q quit"):
                assert line in terminal.text, terminal.text
            assert "[?1049h" in repr(terminal.bytes)

            async def flow():
                for _ in range(100_000):
                    await client.publish({"topic": "task.progress", "priority": 9})
                    await asyncio.sleep(0.002)

            flowing = asyncio.create_task(flow())
            await until(terminal, lambda text: re.search(r" in [1-9]\d*(\.\d)?/s +[1-9]", text), "events come in")
            await until(terminal, lambda text: re.search(r" out [1-9]\d*(\.\d)?/s +[1-9]", text), "and go out")
            await until(terminal, lambda text: re.search(r" task\.progress +[1-9]", text), "their topic has a rate")
            await until(terminal, lambda text: re.search(r" 9 CRITICAL .*\d+ µs.*(µs|ms)", text), "and a latency")
            await until(terminal, lambda text: re.search("[▁▂▃▄▅▆▇█]", text), "and a graph")
            flowing.cancel()
            await leave(terminal)


async def test_what_waits_has_bars_and_the_slowest_are_sorted_by_key(start):
    router = start(drain__timeout="1s")
    peers = await slow_ones(router)
    with top(router, size=(130, 40)) as terminal:
        # The last line: all of the first screen is there.
        await shows(terminal, "q quit")
        await shows(terminal, "WAITING FOR THE SLOWEST")
        bars = await until(terminal, lambda text: re.search(r" 7 HIGH +(█+)", text), "a bar for what waits")
        assert len(bars[1]) > 20
        assert " 5 NORMAL" in terminal.text and not re.search("5 NORMAL +█", terminal.text)
        await shows(terminal, "▼EVENTS ")
        await until(terminal, lambda _: 0 < place(terminal, "many/1") < place(terminal, "large/1"), "sorted by events")
        assert "many.*" in terminal.text
        terminal.press("b")
        await shows(terminal, "▼BYTES")
        await until(terminal, lambda _: 0 < place(terminal, "large/1") < place(terminal, "many/1"), "sorted by bytes")
        terminal.press("s")
        await shows(terminal, "▼BEHIND")
        await until(terminal, lambda _: 0 < place(terminal, "large/1") < place(terminal, "many/1"), "sorted by age")
        terminal.press("e")
        await until(terminal, lambda _: 0 < place(terminal, "many/1") < place(terminal, "large/1"), "sorted by events")
        assert terminal.colours()
        await leave(terminal, "\x1b")
    for peer in peers:
        peer.vanish()


async def test_topics_are_sorted_by_rate_or_by_name(router):
    async with await connect(router) as client:
        with top(router) as terminal:
            await shows(terminal, "▼EVENTS/s")

            async def publish():
                for _ in range(100_000):
                    for topic in ("often", "often", "often", "a.seldom"):
                        await client.publish({"topic": topic})
                    await asyncio.sleep(0.005)

            publishing = asyncio.create_task(publish())
            await until(terminal, lambda _: 0 < place(terminal, " often") < place(terminal, " a.seldom"), "by rate")
            terminal.press("t")
            await shows(terminal, "TOPIC▼")
            await until(terminal, lambda _: 0 < place(terminal, " a.seldom") < place(terminal, " often"), "by name")
            publishing.cancel()
            await leave(terminal, "\x03")


async def test_a_resize_is_drawn_anew_down_to_nothing(router):
    with top(router, size=(100, 30)) as terminal:
        await shows(terminal, "10 SYSTEM")
        for columns, lines, words in ((60, 10, "SLOWEST"), (30, 5, "too small"), (1, 1, ""), (160, 50, "10 SYSTEM")):
            terminal.resize(columns, lines)
            await shows(terminal, words)
            if lines < 20:
                assert "10 SYSTEM" not in terminal.text
        assert "panicked" not in terminal.text
        await leave(terminal)


async def test_it_pauses_helps_and_goes_on(router):
    async with await connect(router) as client:
        with top(router) as terminal:
            await shows(terminal, "  0 since the start")
            terminal.press("p")
            await shows(terminal, "PAUSED")
            await client.publish({"topic": "t"})
            terminal.press("?")
            await shows(terminal, "this help, and away with it")
            terminal.press("?")
            await until(terminal, lambda text: "this help" not in text and "PAUSED" in text, "still paused")
            assert "in 0/s  0 since the start" in terminal.text
            terminal.press("p")
            await shows(terminal, "1 since the start")
            await leave(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_it_as_q_does(router, number):
    with top(router) as terminal:
        await shows(terminal, "q quit")
        terminal.child.kill(number)
        assert await asyncio.to_thread(terminal.ends) == 0
        assert_restored(terminal)


@pytest.mark.parametrize(("words", "variables"), [([], {"NO_COLOR": "1"}), (["--no-color"], {})])
async def test_without_colours_no_colour_is_sent(router, words, variables):
    with top(router, *words, **variables) as terminal:
        await shows(terminal, "10 SYSTEM")
        assert terminal.colours() == set()
        await leave(terminal)
        assert not SGR_COLOUR.search(terminal.bytes)
    with top(router) as terminal:
        await shows(terminal, "10 SYSTEM")
        await leave(terminal)
        assert SGR_COLOUR.search(terminal.bytes), "the test would see colours"


async def test_it_waits_for_a_router_that_is_restarted(tmp_path, start):
    router = start()
    with top(router) as terminal:
        await shows(terminal, "in 0/s")
        await asyncio.to_thread(router.stop)
        await shows(terminal, "no router; trying again")
        await shows(terminal, "the router is not running")
        # Another one in the same place.
        again = Router(tmp_path / "again", extra_env={"GADUGI_ROUTER_RUNTIME_DIR": str(folder_of(router))})
        try:
            async with await connect(again) as client:
                await shows(terminal, "clients 1")
                assert "trying again" not in terminal.text and f"localhost:{again.port}" in terminal.text
                await client.publish({"topic": "t"})
                await shows(terminal, " 1 since the start")
            await leave(terminal)
        finally:
            again.stop()


async def test_a_router_that_does_not_answer_keeps_nobody_from_leaving(router):
    with top(router) as terminal:
        await shows(terminal, "in 0/s")
        router.process.send_signal(signal.SIGSTOP)
        try:
            await leave(terminal)
        finally:
            router.process.send_signal(signal.SIGCONT)


async def test_names_of_others_cannot_write_to_the_terminal(start):
    router = start(drain__timeout="1s")
    peer = await stalled_subscriber(router, "*", hello={"client": "\x1b[2Jevil"})
    async with await connect(router) as publisher:
        await publisher.publish_many([{"topic": "t", "payload": {"text": "x" * 100_000}}] * 100)
    with top(router, size=(160, 40)) as terminal:
        await shows(terminal, r"\u{1b}[2Jevil")
        await leave(terminal)
    peer.vanish()


async def test_without_a_terminal_it_prints_the_screen_once(router):
    outcome = await control(router, "top")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count("gadugi-router 0.1.0") == 1 and "10 SYSTEM" in outcome.out
    assert "q quit" not in outcome.out and "\x1b" not in outcome.out
    outcome = await control(router, "top", "--count", "3", *QUICKLY)
    assert outcome.out.count("gadugi-router 0.1.0") == 3


async def test_as_json_it_is_a_document_for_each_look(router):
    async with await connect(router) as client:
        await client.publish({"topic": "t", "priority": 3})
        outcome = await control(router, "top", "--json", "--count", "2", *QUICKLY)
        assert (outcome.code, outcome.err) == (0, "")
        first, second = map(json.loads, outcome.out.splitlines())
        assert first["uptime"] < second["uptime"] and second["totals"]["accepted"] == 1
        assert second["queue_capacity"] == 10_000 and second["slowest"] == []
        assert [latency["priority"] for latency in second["latency"]] == [3]


async def test_a_dumb_terminal_gets_a_page(router):
    with top(router, TERM="dumb") as terminal:
        assert await asyncio.to_thread(terminal.ends) == 0
    assert b"\x1b" not in terminal.bytes and "gadugi-router 0.1.0" in terminal.text


async def test_without_a_router_it_says_so_before_it_takes_the_screen(router):
    socket = socket_of(router)
    await asyncio.to_thread(router.stop)
    assert not socket.exists()
    for words in ([], ["--json"]):
        outcome = await control(router, "top", *words)
        assert outcome.code == 3 and outcome.out == "" and "not running" in outcome.err
    with top(router) as terminal:
        assert await asyncio.to_thread(terminal.ends) == 3
        assert ALTERNATE_ON not in terminal.bytes and "not running" in terminal.text


@pytest.mark.parametrize("words", [["--interval", "0s"], ["--interval", "fast"], ["--count", "x"]])
async def test_wrong_usage_is_64(router, words):
    outcome = await control(router, "top", *words)
    assert outcome.code == 64 and outcome.out == ""
