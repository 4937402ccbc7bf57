"""TLS. The router has none yet, so a stand-in speaks it."""

from drivers import until
from part1 import ScriptedRouter


async def test_with_a_trust_of_its_own(driver, certificate):
    async with ScriptedRouter(ssl=certificate.for_server()) as router, driver() as program:
        client = await program.connect(router.url, ca=str(certificate.ca))
        assert client.first["connected"] is True and router.url.startswith("wss://")
        await client.subscribe("t")
        assert (await client.publish("t", {"text": "x" * 200_000}))["status"] == "queued"
        await until(client.events, "the event")
        await router.sockets[-1].close(1001)
        await client.publish("t", 2)
        await until(lambda: len(client.events()) == 2, "the one after the reconnection")


async def test_whom_nobody_vouches_for_is_not_spoken_to(driver, certificate):
    async with ScriptedRouter(ssl=certificate.for_server()) as router, driver() as program:
        client = await program.connect(router.url)
        assert client.first["connected"] is False and "certificate" in client.first["error"]["text"].lower()
        assert not router.sockets
