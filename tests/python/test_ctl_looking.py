"""What gadugi-routerctl shows of a running router, as text and as JSON."""
import asyncio
import json
import re
import signal
import subprocess
from datetime import datetime, timezone

import websockets

from client import connect, until
from control import Talk, control, ctl, folder_of, run, socket_of
from routers import environment
from screens import Terminal
from stalled import fill_until_refused, stalled_subscriber

STATUS = """\
Event Router Status: RUNNING
PID: N
WebSocket URL: ws://localhost:PORT
Health Status:
  Status: healthy
  Uptime: T seconds
  Events Processed: 1
  Events Failed: 0
  Events in Queue: 0
  Active Subscriptions: 1
  Connected Clients: 1
Version: 0.1.0
State: running
Listeners: ws://ADDRESS, ws://[::1]:PORT
"""


async def test_status_has_the_old_lines_and_then_more(router):
    async with await connect(router) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t"})
        await client.event()
        outcome = await control(router, "status")
        assert outcome.code == 0 and outcome.err == ""
        assert outcome.redacted.startswith(STATUS)
        assert f"PID: {router.process.pid}\n" in outcome.out
        assert f"ws://localhost:{router.port}\n" in outcome.out
        assert "Totals: 1 accepted, 0 refused, 1 matched, 1 delivered, 0 waiting for subscribers\n" in outcome.out
        assert "Dead Letters: none\n" in outcome.out


async def test_status_as_json_is_one_document(router):
    status = (await control(router, "--json", "status")).json
    assert status["pid"] == router.process.pid and status["phase"] == "running"
    assert status["health"]["status"] == "healthy" and status["health"]["connected_clients"] == 0
    assert [reason["reason"] for reason in status["dead_letters"]][:2] == ["evicted", "expired"]
    assert status["config_file"] == str(router.config_file)


async def test_rates_and_latencies_are_told_by_the_router_and_by_each_client(router):
    async with await connect(router) as publisher, await connect(router) as subscriber:
        await subscriber.subscribe("t")
        for priority in [3] * 20 + [9]:
            await publisher.publish({"topic": "t", "priority": priority})
            await subscriber.event()

        async def all_counted():
            latency = (await control(router, "status", "--json")).json["latency"]
            return [(each["priority"], each["delivery"]["count"]) for each in latency] == [(3, 20), (9, 1)]
        await until(all_counted, "each delivery is counted, by priority")
        status = (await control(router, "status", "--json")).json
        assert status["rates"]["accepted"] > 0 and status["rates"]["delivered"] > 0
        assert status["queue_capacity"] == 10_000
        for each in status["latency"]:
            assert each["queue_wait"]["count"] == each["delivery"]["count"]
            assert 0 < each["delivery"]["p50"] <= each["delivery"]["p99"] <= 10
        text = (await control(router, "status")).out
        assert "Latency by Priority (half within / 99 % within):\n   9: matched " in text
        assert re.search(r"^   3: matched .* ms / .*, delivered .* / .* \(20 times\)$", text, re.M)
        assert re.search(r"^Rates: \d+\.\d accepted, \d+\.\d delivered a second$", text, re.M)
        assert "Queue: 0 of 10000 events\n" in text
        clients = (await control(router, "clients", "--json")).json["clients"]
        clients = {client["id"]: client for client in clients}
        one, other = (clients[client.welcome["client_id"]] for client in (publisher, subscriber))
        assert (one["published"], one["delivered"], other["published"], other["delivered"]) == (21, 0, 0, 21)
        assert one["published_rate"] > 0 and one["delivered_rate"] == 0 and other["delivered_rate"] > 0


async def test_the_last_errors_are_told_with_their_time(start):
    router = start(max_clients=1)
    assert "Recent Errors: none\n" in (await control(router, "status")).out
    async with await connect(router):
        for _ in range(30):
            await refused(router)
        router.config_file.write_text("max_clients = 'x'\n")
        assert (await control(router, "reload")).code == 78
        status = (await control(router, "status", "--json")).json
        errors = status["recent_errors"]
        assert len(errors) == 5 and "max_clients: must be" in errors[3]["message"]
        assert (errors[4]["level"], errors[4]["message"]) == ("error", "reload failed: everything stays as it was")
        assert sum(each["times"] for each in errors if "refused" in each["message"]) == 30
        times = [datetime.fromisoformat(each["time"]) for each in errors]
        assert times == sorted(times) and abs((datetime.now(timezone.utc) - times[-1]).total_seconds()) < 60
        text = (await control(router, "status")).out
        assert re.search(r"^Recent Errors:$\n(^  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  (warning|error): .*$\n)+", text, re.M)


async def refused(router) -> None:
    """Somebody who finds no room."""
    async with websockets.connect(router.url) as stranger:
        assert "max_clients_reached" in await stranger.recv()


async def test_top_tells_in_one_answer_what_a_screen_shows(start):
    router = start(limits__outbox_events=50, drain__timeout="1s")
    slow = await stalled_subscriber(router, "t")
    with Talk(router, {"protocol": 1, "version": "tests"}) as talk:
        first = talk.ask({"request": "top"})
        assert first["answer"] == "top" and first["topics"] == []
        await fill_until_refused(router, "t", 5)
        top = talk.ask({"request": "top"})
        assert top["topics"][0]["topic"] == "t" and top["topics"][0]["events"] > 50 and top["topics_seconds"] > 0
        assert [client["waiting_events"] for client in top["slowest"]] == [50]
        assert top["slowest"][0]["slowest_subscription"]["id"] == slow.subscription
        assert top["queue_capacity"] == 10_000 and len(top["queue_depth"]) == 10 and top["dead_letters"] > 0
        assert top["totals"]["accepted"] >= top["topics"][0]["events"] and top["rates"]["accepted"] > 0
        assert (top["health"], top["phase"], top["subscriptions"]) == ("healthy", "running", 1)
        assert [each["priority"] for each in top["latency"]] == [5]
    slow.vanish()


async def test_without_a_router_it_says_how_to_start_one_and_ends_with_3(router, tmp_path):
    socket = socket_of(router)
    await asyncio.to_thread(router.stop)
    assert not socket.exists()
    outcome = await control(router, "status")
    assert outcome.code == 3 and outcome.out == ""
    assert "not running" in outcome.err and "start it with" in outcome.err and outcome.err.count("\n") == 1
    outcome = await control(router, "status", "--json", "--socket", tmp_path / "other")
    assert outcome.code == 3 and outcome.error["code"] == "not_running"


async def test_a_router_that_does_not_answer_is_4(router):
    router.process.send_signal(signal.SIGSTOP)
    try:
        outcome = await control(router, "status", "--json")
    finally:
        router.process.send_signal(signal.SIGCONT)
    assert outcome.code == 4 and outcome.error["code"] == "no_answer"
    assert (await control(router, "status")).code == 0


async def test_clients_are_listed_with_who_they_are(router):
    async with await connect(router, hello={"client": "probe/7"}) as one, await connect(router) as other:
        await one.subscribe("t")
        outcome = await control(router, "clients", "--json")
        clients = {client["id"]: client for client in outcome.json["clients"]}
        assert set(clients) == {one.welcome["client_id"], other.welcome["client_id"]}
        shown = clients[one.welcome["client_id"]]
        assert (shown["software"], shown["subscriptions"], shown["waiting_events"]) == ("probe/7", 1, 0)
        assert shown["remote"].startswith("127.0.0.1:") and shown["connected_for"] < 30
        since = datetime.fromisoformat(shown["connected_since"])
        assert abs((datetime.now(timezone.utc) - since).total_seconds() - shown["connected_for"]) < 30
        text = (await control(router, "clients")).out.splitlines()
        assert text[0].split() == ["ID", "ADDRESS", "SINCE", "CONNECTED", "SUBSCRIPTIONS", "IN/S", "OUT/S", "PUBLISHED",
                                   "DELIVERED", "WAITING", "BYTES", "EVICTED", "BY", "PRIORITY", "SOFTWARE"]
        assert len(text) == 3 and any(line.endswith("probe/7") for line in text)


async def test_a_name_of_a_client_cannot_write_to_the_terminal(router):
    async with await connect(router, hello={"client": "\x1b[2Jevil\n"}):
        text = (await control(router, "clients")).out
        assert "\x1b" not in text and r"\u{1b}[2Jevil\n" in text


async def test_the_slow_ones_come_first_and_the_others_not_at_all(start):
    router = start(limits__outbox_events=50, drain__timeout="1s")
    slow = await stalled_subscriber(router, "t")
    async with await connect(router) as quick:
        await quick.subscribe("other")
        await fill_until_refused(router, "t", 5)
        clients = (await control(router, "clients", "--slow", "--json")).json["clients"]
        assert [client["waiting_events"] for client in clients] == [50]
        first = clients[0]
        assert first["evicted"] > 0 and first["waiting_bytes"] > 0 and sum(first["depth"]) > 0
        slowest = first["slowest_subscription"]
        assert (slowest["id"], slowest["topics"], slowest["more_topics"]) == (slow.subscription, ["t"], 0)
        assert slowest["waiting_events"] == sum(first["depth"]) and first["behind_seconds"] > 0
        # What is being written is in no level any more.
        assert first["in_flight"] == first["waiting_events"] - sum(first["depth"]) > 0
        text = (await control(router, "clients", "--slow")).out.splitlines()
        assert text[0].split() == ["ID", "ADDRESS", "WAITING", "BYTES", "BEHIND", "OUT/S", "EVICTED", "SLOWEST",
                                   "SUBSCRIPTION", "BY", "PRIORITY", "SOFTWARE"]
        assert f" 5:{first['depth'][4]} +{first['in_flight']} being written " in text[1] + " ", text
        assert len(text) == 2 and f" t ({slowest['waiting_events']} waiting, {slow.subscription})" in text[1]
        assert "Dead Letters: " in (await control(router, "status")).out
    slow.vanish()


async def test_subscriptions_are_listed_with_filters_group_and_matches(router):
    async with await connect(router, hello={}) as client:
        subscription = await client.subscribe("t", "x.*", priorities=[7], group="g", sources=["s"])
        await client.publish({"topic": "t", "priority": 8, "source": "s"})
        await client.publish({"topic": "t", "priority": 6, "source": "s"})
        await client.event()
        [shown] = (await control(router, "subscriptions", "--json")).json["subscriptions"]
        assert shown["id"] == subscription and shown["client"] == client.welcome["client_id"]
        assert shown["topics"] == ["t", "x.*"] and shown["group"] == "g" and shown["matched"] == 1
        assert shown["min_priority"] == 7 and shown["sources"] == ["s"]
        text = (await control(router, "subscriptions")).out
        assert "t,x.*" in text and "priority>=7 sources=s" in text


async def test_of_many_topics_the_first_are_shown_and_a_terminal_is_not_left_by_the_last_column(router):
    async with await connect(router) as client:
        topics = [f"topic.number{number:03}" for number in range(300)]
        await client.subscribe(*topics)
        text = (await control(router, "subscriptions")).out.splitlines()[1]
        assert text.endswith(",".join(topics[:8]) + " +292 more")
        [shown] = (await control(router, "subscriptions", "--json")).json["subscriptions"]
        assert sorted(shown["topics"]) == topics
        with Terminal([ctl(), "subscriptions"], folder_of(router), (140, 20)) as terminal:
            assert await asyncio.to_thread(terminal.ends) == 0
        heading, row, *rest = [line for line in terminal.text.splitlines() if line.strip()]
        assert heading.endswith("TOPICS") and row.endswith("…") and len(row) == 140 and not rest, terminal.text


async def test_config_show_and_diff_tell_of_the_running_router(start):
    router = start(config="max_clients = 7\n", limits__outbox_events=9)
    settings = {each["key"]: each for each in (await control(router, "config", "show", "--json")).json["settings"]}
    assert settings["max_clients"]["value"] == "7"
    assert settings["max_clients"]["origin"] == f"{router.config_file}:1:15"
    assert settings["limits.outbox_events"]["origin"] == "GADUGI_ROUTER_LIMITS__OUTBOX_EVENTS"
    assert "\n[limits]\n" in (await control(router, "config", "show")).out
    assert (await control(router, "config", "diff")).out == "a reload would change nothing\n"
    router.config_file.write_text("max_clients = 8\nthreads = 3\n")
    outcome = await control(router, "config", "diff")
    assert "changed: max_clients = 7 → 8\n" in outcome.out
    assert (await control(router, "config", "show", "--json")).json["settings"] == list(settings.values())
    router.config_file.write_text("max_clients = 'x'\n")
    outcome = await control(router, "config", "diff")
    assert outcome.code == 78 and f"{router.config_file}:1:15" in outcome.err


async def test_config_check_needs_no_router(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text("port = 1\n")
    good = run([ctl(), "config", "check", file], environment(tmp_path))
    assert good == (0, f"{file}: ok\n", "")
    file.write_text("port = 'x'\nthreads = 0\nwhat = 1\n")
    bad = run([ctl(), "config", "check", file, "--json"], environment(tmp_path))
    assert bad.code == 78 and len(bad.error["mistakes"]) == 3
    assert bad.error["mistakes"][0].startswith(f"{file}:1:8: port: ")


async def test_config_check_without_a_file_checks_the_running_router_s(router):
    good = await control(router, "config", "check")
    assert good == (0, f"{router.config_file}: ok\n", "")
    router.config_file.write_text("port = 'x'\n")
    bad = await control(router, "config", "check")
    assert bad.code == 78 and bad.out == "" and bad.err.startswith(f"{router.config_file}:1:8: port: ")


async def test_wrong_usage_is_64_also_in_json(router):
    outcome = await control(router, "nonsense")
    assert outcome.code == 64 and outcome.out == "" and "nonsense" in outcome.err
    outcome = await control(router, "kick", "--json")
    assert outcome.code == 64 and outcome.error["code"] == "usage"


async def test_a_reader_that_has_enough_ends_it_silently(router):
    process = subprocess.Popen([ctl(), "config", "show"], env=environment(folder_of(router)),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert await asyncio.to_thread(process.wait, 30) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


async def test_what_an_event_was_lost_for_is_shown_and_it_can_be_routed_again_or_forgotten(start):
    router = start(limits__outbox_events=20, drain__timeout="1s")
    peer = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    letters = (await control(router, "dead-letters", "list", "--json")).json["dead_letters"]
    first = letters[0]
    assert first["reason"] == "evicted" and first["topic"] == "t" and first["subscription"] == peer.subscription
    shown = (await control(router, "dead-letters", "show", first["id"], "--json")).json
    assert shown["event"]["id"] == first["id"] and shown["dead_letters"][0]["reason"] == "evicted"
    assert first["id"] in (await control(router, "dead-letters", "show", first["id"])).out
    peer.vanish()
    await until(lambda: no_clients(router), "the stalled one is gone")
    async with await connect(router) as other:
        await other.subscribe("t")
        outcome = await control(router, "dead-letters", "requeue", first["id"][:12])
        assert outcome.out == "routed once more: 1 event, 1 dead letter\n"
        assert (await other.event())["id"] == first["id"]
    outcome = await control(router, "dead-letters", "requeue", first["id"], "--json")
    assert outcome.code == 69 and outcome.error["code"] == "not_found"
    last = (await control(router, "dead-letters", "list", "--json")).json["dead_letters"][-1]["id"]
    shown = (await control(router, "dead-letters", "show", last[:12], "--json")).json
    assert shown["event"]["id"] == last
    assert (await control(router, "explain", last[:12], "--json")).json["event"]["id"] == last
    assert (await control(router, "dead-letters", "purge", last[:12])).out == "purged: 1 dead letter\n"
    outcome = await control(router, "dead-letters", "purge", last[:12])
    assert outcome.code == 69 and "no dead letter of the event" in outcome.err
    outcome = await control(router, "dead-letters", "purge", "--all", "--json")
    assert outcome.json["letters"] > 0
    assert (await control(router, "dead-letters", "list")).out == "there is no dead letter\n"


async def test_a_beginning_that_could_be_of_several_events_changes_nothing(start):
    router = start(limits__outbox_events=50, drain__timeout="1s")
    peer = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    async with await connect(router) as client:
        for id in ("4b1d0000-0000-4000-8000-00000000000a", "4b1d0000-0000-4000-8000-00000000000b", "order-1", "order-10"):
            await client.publish({"id": id, "topic": "t", "priority": 1})
    async def kept():
        letters = (await control(router, "dead-letters", "list", "-n", "1000", "--json")).json["dead_letters"]
        return [letter["id"] for letter in letters if letter["priority"] == 1]
    before = await kept()
    assert len(before) == 4
    for command in (["dead-letters", "show"], ["dead-letters", "requeue"], ["dead-letters", "purge"], ["explain"]):
        outcome = await control(router, *command, "4b1d", "--json")
        assert outcome.code == 69 and outcome.error["code"] == "ambiguous", command
        # Too short; and a name that a publisher gave is no beginning of another's.
        for id in ("4b1", "order", "order-"):
            outcome = await control(router, *command, id, "--json")
            assert outcome.code == 69 and outcome.error["code"] == "not_found", (command, id)
    assert await kept() == before
    assert (await control(router, "dead-letters", "purge", "order-1", "--json")).json == {"letters": 1}
    assert "order-10" in await kept()
    peer.vanish()


async def no_clients(router) -> bool:
    return (await control(router, "status", "--json")).json["health"]["connected_clients"] == 0


async def test_json_is_read_by_anybody(router):
    for words in (["clients"], ["subscriptions"], ["dead-letters", "list"], ["config", "show"], ["config", "diff"]):
        json.loads((await control(router, *words, "--json")).out)
