"""Socket activation: systemd holds the address, so that whoever knocks waits and nobody is refused."""
import asyncio
import contextlib

import websockets

from client import connect, until
from service import SOCKET, UNIT


async def test_the_first_connect_starts_it(service):
    service.ctl("start", SOCKET)
    assert service.property("ActiveState") == "inactive"
    async with await connect(service) as client:
        await client.ping("started")
        assert service.property("ActiveState") == "active"
    # The port of the settings was not tried as well: it would have been taken.
    assert service.property("NRestarts") == "0"


async def test_who_knocks_during_a_restart_waits(service):
    service.ctl("start", SOCKET)
    knocks = Knocks(service)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(knocks.forever()) for _ in range(4)]
        await until(lambda: knocks.welcomed >= 10, "it answers")
        for _ in range(3):
            pid, before = service.pid(), knocks.welcomed
            await asyncio.to_thread(service.ctl, "restart", UNIT)
            assert service.pid() != pid
            await until(lambda: knocks.welcomed >= before + 10, "it answers again")
        for task in tasks:
            task.cancel()
    print(f"{knocks.welcomed} welcomed, {knocks.turned_away} met the end of a router, {knocks.refused} refused")
    assert knocks.refused == 0
    # The router that ends may have taken a connection already whose handshake it does not finish.
    assert knocks.turned_away <= 3 * 4


class Knocks:
    """Connects again and again, and counts how it went."""

    def __init__(self, service):
        self.service = service
        self.welcomed = self.turned_away = self.refused = 0

    async def forever(self) -> None:
        while True:
            try:
                client = await connect(self.service)
                self.welcomed += 1
                await client.socket.close()
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, EOFError, websockets.WebSocketException):
                self.turned_away += 1
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.sleep(0.005)
