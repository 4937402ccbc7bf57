"""Socket activation: systemd holds the address, so that whoever knocks waits and nobody is refused."""
import asyncio

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
        for _ in range(4):
            group.create_task(knocks.go_on())
        await until(lambda: knocks.welcomed >= 10, "it answers")
        for _ in range(3):
            pid, before = service.pid(), knocks.welcomed
            await asyncio.to_thread(service.ctl, "restart", UNIT)
            assert service.pid() != pid
            await until(lambda: knocks.welcomed >= before + 10, "it answers again")
        # Not by cancelling: a library that is in the middle of a handshake may swallow that.
        knocks.over = True
    print(f"{knocks.welcomed} welcomed, {knocks.turned_away} met the end of a router, {knocks.refused} refused")
    assert knocks.refused == 0
    # The router that ends may have taken a connection already whose handshake it does not finish.
    assert knocks.turned_away <= 3 * 4


class Knocks:
    """Connects again and again, and counts how it went."""

    def __init__(self, service):
        self.service = service
        self.welcomed = self.turned_away = self.refused = 0
        self.over = False

    async def go_on(self) -> None:
        while not self.over:
            try:
                client = await connect(self.service)
                self.welcomed += 1
                await client.socket.close()
            except ConnectionRefusedError:
                self.refused += 1
            except (OSError, EOFError, websockets.WebSocketException):
                self.turned_away += 1
            await asyncio.sleep(0.005)
