"""gadugi-routerctl changes a running router, and says how that went."""
import asyncio
import json
import subprocess

from client import connect, until
from control import control, ctl, folder_of, socket_of
from routers import environment
from stalled import fill_until_refused, read_messages, stalled_subscriber


async def test_reload_tells_what_changed_and_what_needs_a_restart(start):
    router = start(config="max_clients = 7\n")
    assert await control(router, "reload") == (0, "nothing has changed\n", "")
    router.config_file.write_text("max_clients = 8\n[log]\nformat = 'json'\n")
    outcome = await control(router, "reload")
    assert outcome.code == 0
    assert outcome.out.splitlines() == ["changed: max_clients = 7 → 8",
                                        'needs a restart: log.format = "text" → "json"']
    router.config_file.write_text("max_clients = 9\n[log]\nformat = 'json'\n")
    reloaded = (await control(router, "reload", "--json")).json
    assert reloaded["changed"] == [{"key": "max_clients", "old": "8", "new": "9"}]
    await until(lambda: "asked by user" in router.log(), "the log says who asked")


async def test_a_reload_of_a_bad_file_names_every_mistake_and_changes_nothing(start):
    router = start(config="max_clients = 7\n")
    router.config_file.write_text("max_clients = 'x'\nnonsense = 1\n")
    outcome = await control(router, "reload")
    assert outcome.code == 78 and outcome.out == ""
    first, second, last = outcome.err.splitlines()
    assert first.startswith(f"{router.config_file}:1:15: max_clients: ")
    assert second.startswith(f"{router.config_file}:2:1: nonsense: ")
    assert last == "gadugi-routerctl: the settings have mistakes: everything stays as it was"
    outcome = await control(router, "reload", "--json")
    assert outcome.code == 78 and outcome.error["code"] == "bad_settings" and len(outcome.error["mistakes"]) == 2
    settings = (await control(router, "config", "show", "--json")).json["settings"]
    assert next(each["value"] for each in settings if each["key"] == "max_clients") == "7"


async def test_who_is_kicked_hears_why_and_the_others_stay(router):
    async with await connect(router) as one, await connect(router) as other:
        name = one.welcome["client_id"]
        outcome = await control(router, "kick", name)
        assert outcome.code == 0 and outcome.out.startswith(f"disconnected {name} from 127.0.0.1:")
        assert await one.closed() == (1008, "closed by the operator")
        await other.ping()
        outcome = await control(router, "kick", other.welcome["client_id"][:12], "--json")
        assert outcome.json["id"] == other.welcome["client_id"]
        assert (await other.closed())[0] == 1008
    for wrong in ("nobody", ""):
        outcome = await control(router, "kick", wrong, "--json")
        assert outcome.code == 69 and outcome.error["code"] == "not_found"


async def test_a_slow_client_can_be_kicked_as_well(start):
    router = start(limits__outbox_events=20, drain__timeout="1s")
    peer = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    [client] = (await control(router, "clients", "--slow", "--json")).json["clients"]
    assert (await control(router, "kick", client["id"])).code == 0

    async def gone():
        return (await control(router, "clients")).out == "no client is connected\n"
    await until(gone, "the engine has forgotten it")
    peer.vanish()


async def test_drain_shows_how_far_it_is_and_returns_when_the_router_has_ended(start):
    router = start(limits__outbox_events=50, drain__timeout="60s")
    slow = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    process = subprocess.Popen([ctl(), "drain", "--json"], env=environment(folder_of(router)), text=True,
                               stdout=subprocess.PIPE)
    lines = [await next_line(process)]
    while lines[-1].get("phase") != "draining":
        lines.append(await next_line(process))
    assert lines[-1]["answer"] == "progress" and lines[-1]["waiting"] > 0 and lines[-1]["clients"] == 1
    assert (await control(router, "status", "--json")).json["phase"] == "draining"
    late = await control(router, "reload", "--json")
    assert late.code == 69 and late.error["code"] == "stopping"
    slow.vanish()
    while lines[-1]["answer"] != "ended":
        lines.append(await next_line(process))
    assert await asyncio.to_thread(process.wait, 30) == 0
    process.stdout.close()
    assert not socket_of(router).exists(), "it has ended by now"
    await asyncio.to_thread(router.ended)
    assert "gadugi-routerctl: stopping" in router.log()


async def next_line(process) -> dict:
    return json.loads(await asyncio.to_thread(process.stdout.readline))


async def test_drain_says_when_everything_was_delivered(start):
    router = start(drain__timeout="60s")
    slow = await stalled_subscriber(router, "t")
    async with await connect(router) as publisher:
        await publisher.publish_many([{"topic": "t", "payload": {"text": "x" * 1000}} for _ in range(2000)])
    draining = asyncio.create_task(control(router, "drain"))
    await read_messages(slow, lambda messages: len(messages) == 2000)
    outcome = await draining
    assert outcome.code == 0 and outcome.out.endswith("ended: everything was delivered\n")
    assert outcome.out.splitlines()[0].endswith((" 1 client", " clients"))
    await asyncio.to_thread(router.ended)
    slow.vanish()


async def test_drain_says_what_was_left(start):
    router = start(limits__outbox_events=50, drain__timeout="100ms")
    slow = await stalled_subscriber(router, "t")
    await fill_until_refused(router, "t", 5)
    outcome = await control(router, "drain")
    assert outcome.code == 0
    last = outcome.out.splitlines()[-1]
    assert last.startswith("ended: ") and "events were left (priority: 5:49) and are lost: a drain.spool" in last, last
    slow.vanish()
    await asyncio.to_thread(router.ended)
