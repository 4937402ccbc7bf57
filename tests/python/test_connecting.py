"""Part 1: the welcome, pings, health, and how many clients there may be."""
import asyncio
import json

import pytest
import websockets

from client import TIME, Client, connect, is_uuid, open_socket, until


async def test_a_client_is_welcomed_before_it_says_anything(router):
    client = Client(await open_socket(router))
    async with client:
        text = await client.text()
        assert text.startswith('{"type":"welcome","client_id":"')
        welcome = json.loads(text)
        assert set(welcome) == {"type", "client_id", "server_time"}
        assert is_uuid(welcome["client_id"])
        assert TIME.fullmatch(welcome["server_time"])


async def test_every_client_has_a_name_of_its_own(router):
    async with await connect(router) as one, await connect(router) as other:
        assert one.welcome["client_id"] != other.welcome["client_id"]


@pytest.mark.parametrize("path", ["/", "/ws", "/any/path?with=query"])
async def test_any_request_path_will_do(router, path):
    async with await connect(router.url + path) as client:
        await client.ping()


async def test_neither_compression_nor_a_subprotocol_is_agreed_on(router):
    async with await connect(router, compression="deflate") as client:
        assert client.socket.subprotocol is None
        assert client.socket.protocol.extensions == []


async def test_a_ping_without_echo_is_answered_with_a_null(router):
    async with await connect(router) as client:
        await client.send({"type": "ping"})
        pong = json.loads(await client.text())
        assert set(pong) == {"type", "timestamp", "echo"}
        assert pong["type"] == "pong" and pong["echo"] is None
        assert TIME.fullmatch(pong["timestamp"])


@pytest.mark.parametrize("echo", [
    "null", "true", '"text"', '"\\u00e9\\n\\ud83d\\ude00"', '"é😀"', "0", "-0", "1.0", "1e2", "1E+2", "-0.0",
    "12345678901234567890", "3.14159265358979323846264338327950288", "1e400", "[]", "{}", '[1,[2,[3,{"a":[]}]]]',
    '{"b":1,"a":2,"c":{"z":0.10}}', '{"type":"pong","echo":"\\"}"}',
])
async def test_an_echo_comes_back_byte_for_byte(router, echo):
    async with await connect(router) as client:
        await client.send('{"type":"ping","echo":%s}' % echo)
        text = await client.text()
        assert f'"echo":{echo}' in text, text
        json.loads(text)


async def test_a_ping_with_spaces_as_python_writes_them_is_understood(router):
    async with await connect(router) as client:
        await client.send('  { "echo" : { "a" : 1 } ,\n\t"type" : "ping" }\r\n')
        assert json.loads(await client.text())["echo"] == {"a": 1}


async def test_replies_come_in_the_order_of_their_messages(router):
    async with await connect(router) as client:
        for number in range(500):
            await client.send({"type": "ping", "echo": number})
        assert [(await client.reply())["echo"] for _ in range(500)] == list(range(500))


async def test_websocket_pings_are_answered(router):
    async with await connect(router) as client:
        latency = await client.socket.ping(b"still there?")
        await asyncio.wait_for(latency, 10)


async def test_health_has_its_nine_members(router):
    async with await connect(router) as client:
        reply = await client.ask({"type": "get_health"})
        assert reply["type"] == "health" and set(reply) == {"type", "health"}
        health = reply["health"]
        assert set(health) == {
            "status", "uptime", "events_processed", "events_failed", "events_in_queue", "active_subscriptions",
            "connected_clients", "last_event_at", "errors",
        }
        assert health["status"] == "healthy"
        assert isinstance(health["uptime"], float) and health["uptime"] >= 0
        assert health["last_event_at"] is None and health["errors"] == []
        assert health["events_processed"] == health["events_failed"] == health["events_in_queue"] == 0
        assert health["active_subscriptions"] == 0 and health["connected_clients"] == 1


async def test_health_counts_what_happened(router):
    async with await connect(router) as client, await connect(router):
        await client.subscribe("seen")
        await client.subscribe("never")
        for _ in range(3):
            await client.publish({"topic": "seen"})
        await client.drain()
        health = await client.health()
        assert health["events_processed"] == 4, "three, and the marker"
        assert health["active_subscriptions"] == 2 and health["connected_clients"] == 2
        assert TIME.fullmatch(health["last_event_at"])


async def test_a_client_that_left_is_counted_no_more(router):
    async with await connect(router) as client:
        async with await connect(router) as other:
            await other.subscribe("*")
            assert (await client.health())["connected_clients"] == 2

        async def only_one_is_left():
            health = await client.health()
            return health["connected_clients"] == 1 and health["active_subscriptions"] == 0
        await until(only_one_is_left, "the client and its subscription are gone")


async def test_one_client_too_many_is_told_so_and_disconnected(start):
    router = start(max_clients=3)
    accepted = [await connect(router) for _ in range(3)]
    surplus = Client(await open_socket(router))
    error = await surplus.receive()
    assert error["type"] == "error"
    assert error["error"] == "max_clients_reached"
    assert error["message"] == "Maximum clients (3) reached"
    with pytest.raises(websockets.ConnectionClosed):
        await surplus.text()
    for client in accepted:
        await client.ping()

    await accepted.pop().socket.close()

    async def another_fits():
        newcomer = Client(await open_socket(router))
        fits = (await newcomer.receive())["type"] == "welcome"
        await newcomer.socket.close()
        return fits
    await until(another_fits, "there is room for another client")
    for client in accepted:
        await client.socket.close()


@pytest.mark.patience(240)
async def test_a_thousand_connect_at_once_and_the_next_one_is_refused(start):
    router = start(max_clients=1000)
    clients = await asyncio.gather(*(connect(router, open_timeout=120, compression=None) for _ in range(1000)))
    surplus = await asyncio.gather(*(open_socket(router, open_timeout=120) for _ in range(20)))
    for socket in surplus:
        assert (await Client(socket).receive())["error"] == "max_clients_reached"
    assert (await clients[0].health())["connected_clients"] == 1000
    print(f"a thousand idle clients: {router.rss()} MiB")
    assert router.rss() < 100
    await asyncio.gather(*(client.socket.close() for client in clients))
