"""Who may connect, and where: browser pages from elsewhere, IPv4 and IPv6."""
import socket

import pytest
import websockets

from client import connect
from raw import dial, upgrade
from test_http import answer, get

ALLOWED = "https://panel.example.org"


def status_of(head: str) -> int:
    return int(head.split()[1])


async def status_for(router, origin: str | None) -> int:
    async with await dial(router) as peer:
        await peer.send(upgrade(origin=origin))
        return status_of(await peer.http_head())


@pytest.mark.parametrize("origin", ["https://evil.example", "http://evil.example:9090", "null", "file://", "",
                                    "http://localhost.evil.example", ALLOWED])
async def test_a_page_from_another_origin_is_refused(router, origin):
    assert await status_for(router, origin) == 403


async def test_a_client_without_an_origin_is_fine(router):
    assert await status_for(router, None) == 101


@pytest.mark.parametrize("origin, status", [
    (ALLOWED, 101), (ALLOWED.upper().replace("HTTPS", "https"), 101), (None, 101), ("http://panel.example.org", 403),
    (ALLOWED + ":8443", 403), (ALLOWED + ".evil.example", 403), ("https://evil.example", 403), ("null", 403),
])
async def test_only_named_origins_are_let_in(start, origin, status):
    router = start(config=f'[limits]\nallowed_origins = ["{ALLOWED}", "http://localhost:3000"]\n')
    assert await status_for(router, origin) == status


async def test_the_library_sees_the_refusal(router):
    with pytest.raises(websockets.InvalidStatus) as refusal:
        await connect(router, origin="https://evil.example")
    assert refusal.value.response.status_code == 403


async def test_origins_do_not_matter_to_healthz(router):
    status, _, _ = await answer(router, get("/healthz", "Origin: https://evil.example"))
    assert status == 200


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@needs_ipv6
async def test_localhost_is_both_loopback_addresses(start):
    router = start(host="localhost")
    async with await connect(router) as four, await connect(f"ws://[::1]:{router.port_v6}") as six:
        await six.subscribe("t")
        await four.publish({"topic": "t"})
        assert (await six.event())["source"] == four.welcome["client_id"]
    assert router.port == router.port_v6, "one port for both"


@needs_ipv6
async def test_the_name_localhost_leads_to_the_router(start):
    router = start()
    async with await connect(f"ws://localhost:{router.port}") as client:
        await client.ping()


async def test_an_ipv4_address_binds_that_alone(start):
    router = start(host="127.0.0.1")
    async with await connect(router) as client:
        await client.ping()
    with pytest.raises(OSError):
        await dial(router, host="::1")


@needs_ipv6
async def test_an_ipv6_address_binds_that_alone(start):
    router = start(host="::1")
    async with await connect(f"ws://[::1]:{router.port_v6}") as client:
        await client.ping()
    with pytest.raises(OSError):
        await dial(router)


def outside_address() -> str | None:
    """An address of this machine that is not a loopback one. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
        except OSError:
            return None
    return None if address.startswith("127.") else address


async def test_the_default_is_not_reachable_from_outside(router):
    address = outside_address()
    if address is None:
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError):
        await dial(router, host=address)
