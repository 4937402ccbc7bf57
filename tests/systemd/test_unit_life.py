"""The unit starts, tells its state, reloads, and comes back when it dies."""
import asyncio
import re

from client import connect, until


def test_it_is_active_only_when_a_connect_works(service):
    for _ in range(5):
        service.ctl("start")
        assert service.connects(), "systemctl came back before the router listens"
        assert service.property("ActiveState") == "active"
        service.ctl("stop")
        assert service.show("ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}


def test_a_failed_start_fails_the_unit_with_its_exit_code(service):
    service.configure('host = "192.0.2.1"\n')
    service.drop_in("gadugi-router.service", "Service", "Restart=no\n")
    assert service.ctl("start", check=False).returncode != 0
    assert service.show("ActiveState", "ExecMainStatus") == {"ActiveState": "failed", "ExecMainStatus": "69"}
    assert service.says(r"192\.0\.2\.1")


def test_wrong_settings_are_not_tried_again(service):
    service.configure("max_clients = 0\n")
    assert service.ctl("start", check=False).returncode != 0
    assert service.show("ActiveState", "SubState", "NRestarts", "ExecMainStatus") == {
        "ActiveState": "failed", "SubState": "failed", "NRestarts": "0", "ExecMainStatus": "78"}
    assert service.says("max_clients")


async def test_the_status_is_ours_and_is_refreshed(service):
    service.ctl("start")

    def status(clients: int, subscriptions: int):
        pattern = rf"\b{clients} clients?\b.*\b{subscriptions} subscriptions?\b.*\b0 (events )?(queued|waiting)"
        return lambda: re.search(pattern, service.property("StatusText"))
    async with await connect(service) as client, await connect(service):
        await client.subscribe("a")
        await client.subscribe("b")
        await client.subscribe("c")
        await until(status(2, 3), "two clients in the status")
        assert "2 clients" in service.ctl("status").stdout
    await until(status(0, 0), "no clients in the status")


async def test_a_reload_keeps_clients_and_applies_what_changed(service):
    service.configure("max_clients = 1\n")
    service.ctl("start")
    async with await connect(service) as client:
        await client.subscribe("t")
        pid = service.pid()
        service.configure("max_clients = 2\n")
        service.ctl("reload")
        await until(lambda: takes_one_more(service), "max_clients is 2")
        await client.publish({"topic": "t"})
        await client.event()
        assert service.pid() == pid
        assert service.property("ActiveState") == "active"


async def test_a_reload_of_a_bad_file_fails_visibly_and_changes_nothing(service):
    service.configure("max_clients = 1\n")
    service.ctl("start")
    async with await connect(service) as client:
        pid = service.pid()
        service.configure("max_clients = 2\nunheard_of = 1\n")
        assert service.ctl("reload", check=False).returncode != 0
        await client.ping("still here")
        assert not await takes_one_more(service)
        assert (service.pid(), service.property("ActiveState")) == (pid, "active")
        assert service.says(r"config\.toml:3"), "the journal names the line"


async def takes_one_more(service) -> bool:
    try:
        async with await connect(service):
            return True
    except AssertionError:
        return False


async def test_a_killed_router_is_back_each_time_and_its_pid_file_is_not_in_the_way(service):
    # The folder of the PID file stays, so that each start finds the file of the one that was killed.
    service.drop_in("gadugi-router.service", "Service", "RuntimeDirectoryPreserve=yes\n")
    service.ctl("start")
    pids = {service.pid()}
    for count in range(1, 11):
        service.ctl("kill", "-s", "KILL", "--kill-who=main")

        def it_is_back():
            state = service.show("ActiveState", "NRestarts", "MainPID")
            return state["ActiveState"] == "active" and state["NRestarts"] == str(count) and state["MainPID"]
        pids.add(int(await until(it_is_back, f"restart {count}")))
        assert service.connects()
        pid_file = service.box.output("cat", "/run/gadugi-router/gadugi-router.pid")
        assert int(pid_file) == service.pid()
    assert len(pids) == 11


async def test_the_watchdog_finds_a_router_that_hangs(service):
    service.drop_in("gadugi-router.service", "Service", "WatchdogSec=2s\nTimeoutAbortSec=5s\n")
    service.ctl("start")
    pid = service.pid()
    async with await connect(service) as client:
        # Longer than the watchdog's time: it is content as long as the router works.
        await asyncio.sleep(3)
        await client.ping("still here")
        assert service.pid() == pid
    service.ctl("kill", "-s", "STOP", "--kill-who=main")
    await until(lambda: service.says("(?i)watchdog timeout"), "the watchdog's time is over")

    def it_is_back():
        state = service.show("ActiveState", "NRestarts")
        return state["ActiveState"] == "active" and int(state["NRestarts"]) == 1
    await until(it_is_back, "the router is back")
    assert service.pid() != pid and service.connects()
    assert service.says("with result 'watchdog'")


async def test_what_is_stored_outlives_a_restart_in_the_sandbox(service):
    service.configure('[store]\nkind = "sqlite"\n[[store.rule]]\ntopics = ["s.**"]\n')
    service.ctl("start")
    async with await connect(service, hello={}) as client:
        await client.subscribe("s.**", ack=True, durable="d")
        assert (await client.publish({"topic": "s.a", "id": "e"}))["sequence"] == 1
    service.ctl("restart")
    async with await connect(service, hello={}) as client:
        await client.subscribe("s.**", ack=True, durable="d")
        message = await client.expect("event")
        assert (message["event"]["id"], message["sequence"]) == ("e", 1)
    mode = service.box.output("stat", "-L", "-c", "%a %U", "/var/lib/gadugi-router/events.db").split()
    assert mode[0] == "600" and mode[1] != "root"
