"""kill -9 under load, a hundred times: systemd brings the router back each time, and nothing of the one before is in its way."""
import asyncio

import pytest

from client import until
from gadugi_router import EventRouterClient
from service import CONTROL

TIMES = 100
# Subscribed to by one program, published to by another, each of which looks after its connection by itself.
TOPIC = "load"


class Load:
    """Publishes all the time, and counts what was accepted and what came."""

    def __init__(self, url: str):
        self.publisher, self.reader = (EventRouterClient(url, reconnect_interval=0.05, max_reconnect_interval=0.2) for _ in range(2))
        self.came = self.accepted = 0
        self.over = False
        self.reader.on(TOPIC)(self._count)

    async def _count(self, _event) -> None:
        self.came += 1

    async def go_on(self) -> None:
        async with self.publisher, self.reader:
            while not self.over:
                results = await asyncio.gather(*(self.publisher.publish(TOPIC, {"n": number}, timeout=60) for number in range(20)))
                self.accepted += sum(map(bool, results))


@pytest.mark.patience(600)
async def test_a_router_killed_a_hundred_times_is_back_each_time(service):
    # The folder stays, so that each start finds PID file and socket of the one that was killed; by default systemd cleans up. And
    # no limit: the unit's own, 30 starts in a minute, is for a router that cannot stay up, as this one looks like.
    service.drop_in("gadugi-router.service", "Unit", "StartLimitIntervalSec=0\n[Service]\nRuntimeDirectoryPreserve=yes\n")
    service.ctl("start")
    load = Load(service.url)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.go_on())
        pids = {service.pid()}
        for count in range(1, TIMES + 1):
            came = load.came
            await until(lambda came=came: load.came > came, "events go through")
            await asyncio.to_thread(service.ctl, "kill", "-s", "KILL", "--kill-who=main")
            pids.add(await is_back(service, count))
        came = load.came
        await until(lambda: load.came > came, "events go through")
        load.over = True
    print(f"{load.accepted} events accepted, {load.came} delivered")
    assert len(pids) == TIMES + 1
    service.ctl("stop")
    assert service.property("Result") == "success"


async def is_back(service, count: int) -> int:
    """Waits for a restart and looks whether PID file, socket and admin socket are those of the new one. Its PID."""
    def restarted():
        state = service.show("ActiveState", "NRestarts", "MainPID")
        return state["ActiveState"] == "active" and state["NRestarts"] == str(count) and int(state["MainPID"])
    pid = await until(lambda: asyncio.to_thread(restarted), f"restart {count}")
    look = f"cat /run/gadugi-router/gadugi-router.pid && {CONTROL} status"
    told = (await asyncio.to_thread(service.box.output, "sh", "-c", look)).splitlines()
    assert int(told[0]) == pid and f"PID: {pid}" in "\n".join(told[1:]) and service.connects()
    return pid


async def test_a_router_that_cannot_stay_up_is_given_up(service):
    service.configure('host = "192.0.2.1"\n')
    service.ctl("start", check=False)
    await until(lambda: service.property("ActiveState") == "failed", "it is given up")
    assert service.show("NRestarts", "ExecMainStatus") == {"NRestarts": "30", "ExecMainStatus": "69"}
    assert service.says("(?i)start request repeated too quickly") and service.says(r"192\.0\.2\.1")
    # As docs/operations.md tells.
    service.configure()
    service.ctl("reset-failed")
    service.ctl("start")
    assert service.connects()
