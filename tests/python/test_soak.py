"""The soak, for GADUGI_SOAK_SECONDS in all (20 if that is not set). A run is told by its seed: GADUGI_SOAK_SEED."""
import os
import random

import pytest

from client import connect, until
from soak import SUBSCRIBERS, Soak
from witness import witness

SECONDS = float(os.environ.get("GADUGI_SOAK_SECONDS", "20"))
SEED = int(os.environ.get("GADUGI_SOAK_SEED") or random.randrange(1 << 32))


@pytest.mark.patience(SECONDS + 180)
@pytest.mark.parametrize("threads", [1, 2])
async def test_the_books_balance_whatever_clients_do(start, threads):
    print(f"GADUGI_SOAK_SEED={SEED} GADUGI_SOAK_SECONDS={SECONDS:g}, {threads} threads")
    router = start(threads=threads, limits__outbox_events=300, limits__handshake_timeout="2s",
                   limits__ping_interval="10s")
    soak = Soak(router, SEED, SECONDS / 2)
    async with witness(router):
        await soak.run()

    async with await connect(router) as client:
        async def only_those_who_stay_are_left():
            health = await client.health()
            return health["connected_clients"] == SUBSCRIBERS + 1 and health["events_in_queue"] == 0
        await until(only_those_who_stay_are_left, "all who left are gone")
    assert router.rss() < 200
    for subscriber in soak.subscribers:
        subscriber.peer.vanish()
