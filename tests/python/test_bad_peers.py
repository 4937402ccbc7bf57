"""Peers that misbehave over time: floods, silence, endless slowness. Nobody else notices, memory stays bounded."""
import asyncio
import json
import random

from client import connect, until
from raw import PING, PONG, dial, frame, raw_client, text_frame, upgrade
from stalled import RECEIVE_BUFFER
from witness import witness

BOUND_MIB = 150


async def push(peer, data: bytes, megabytes: int, patience: float = 3) -> int:
    """Sends the same bytes again and again, until the router has taken so much or takes no more for a while."""
    sent = 0
    try:
        while sent < megabytes << 20:
            await peer.send(data, patience)
            sent += len(data)
    except (asyncio.TimeoutError, ConnectionError):
        pass
    return sent


async def test_a_flood_of_pings_is_answered(router):
    async with witness(router), await raw_client(router) as peer:
        flood = b"".join(frame(PING, str(number).encode()) for number in range(20_000))
        sending = asyncio.create_task(peer.send(flood))
        last, pongs = "", 0
        while last != "19999":
            opcode, payload = await peer.frame()
            assert opcode in (PONG, PING)
            if opcode == PONG:
                last, pongs = payload.decode(), pongs + 1
        await sending
        print(f"{pongs} pongs for 20000 pings")
        assert (await peer.ask({"type": "ping"}))["type"] == "pong"
    assert router.rss() < BOUND_MIB


async def test_a_flood_of_pings_from_one_that_never_reads_is_bounded(router):
    async with witness(router), await raw_client(router, receive_buffer=RECEIVE_BUFFER) as peer:
        sent = await push(peer, b"".join(frame(PING, b"x" * 125) for _ in range(500)), 64)
        print(f"took {sent >> 10} KiB of pings without being read; {router.rss()} MiB")
        assert router.rss() < BOUND_MIB


async def test_replies_that_nobody_reads_are_bounded(router):
    async with witness(router), await raw_client(router, receive_buffer=RECEIVE_BUFFER) as peer:
        sent = await push(peer, text_frame({"type": "ping", "echo": "x" * 60_000}), 400)
        print(f"took {sent >> 20} MiB of requests without being read; {router.rss()} MiB")
        assert router.rss() < BOUND_MIB


async def test_errors_that_nobody_reads_are_bounded(router):
    async with witness(router), await raw_client(router, receive_buffer=RECEIVE_BUFFER) as peer:
        sent = await push(peer, text_frame("nonsense") * 1000, 32)
        print(f"took {sent >> 10} KiB of nonsense without being read; {router.rss()} MiB")
        assert router.rss() < BOUND_MIB


async def test_receipts_that_nobody_reads_are_bounded(router):
    publish = text_frame({"type": "publish", "event": {"topic": "t"}, "receipt": "dispatched"})
    async with witness(router), await raw_client(router, receive_buffer=RECEIVE_BUFFER) as peer:
        sent = await push(peer, publish * 500, 64)
        print(f"took {sent >> 10} KiB of publishes without being read; {router.rss()} MiB")
        assert router.rss() < BOUND_MIB


async def test_who_publishes_faster_than_allowed_is_refused_for_a_while(start):
    router = start(limits__publish_rate=20, limits__publish_burst=30)
    async with await connect(router) as client:
        await client.subscribe("t")
        replies = await client.publish_many([{"topic": "t", "payload": {"n": number}} for number in range(300)])
        taken = [number for number, reply in enumerate(replies) if reply["status"] == "queued"]
        refusals = [reply for reply in replies if reply["status"] != "queued"]
        assert taken[:30] == list(range(30)) and len(refusals) > 100
        assert {(reply["type"], reply["reason"]) for reply in refusals} == {("published", "rate_limited")}
        await client.ping("pings are not publishes")

        async def it_may_publish_again():
            reply = await client.ask({"type": "publish", "event": {"topic": "u"}})
            return reply["status"] == "queued"
        await until(it_may_publish_again, "the refusal ends")
        assert [(await client.event())["payload"]["n"] for _ in taken] == taken


async def test_a_client_may_deliver_its_message_a_byte_at_a_time(router):
    async with witness(router) as others, await raw_client(router) as peer:
        before = others.count
        for byte in text_frame({"type": "ping", "echo": "slow"}):
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.05)
        assert (await peer.message())["echo"] == "slow"
        assert others.count > before + 10


async def test_half_a_message_that_never_ends_holds_nobody_up(router):
    half = frame(1, b'{"type":"ping"', length=9_000_000)
    peers = [await raw_client(router) for _ in range(50)]
    async with witness(router):
        for peer in peers:
            await peer.send(half)
    assert router.rss() < BOUND_MIB, "memory is for what came, not for what was announced"
    for peer in peers:
        peer.vanish()


async def test_a_client_that_vanishes_in_the_middle_of_a_message_is_forgotten(router):
    async with witness(router), await connect(router) as client:
        for _ in range(20):
            peer = await raw_client(router)
            await peer.subscribe("*")
            await peer.send(text_frame({"type": "publish", "event": {"topic": "t"}})[:20])
            peer.vanish()

        async def all_are_gone():
            health = await client.health()
            return health["connected_clients"] == 2 and health["active_subscriptions"] == 1
        await until(all_are_gone, "clients that reset their connections are gone")


async def test_clients_that_come_and_go_leave_nothing_behind(router):
    async with await connect(router) as client:
        async def one_round():
            for _ in range(300):
                peer = await raw_client(router)
                await peer.say({"type": "subscribe", "subscription": {"topics": ["a.*", "b"], "group": "g"}})
                peer.vanish()
        await one_round()
        before = router.rss()
        for _ in range(3):
            await one_round()

        async def all_are_gone():
            health = await client.health()
            return health["connected_clients"] == 1 and health["active_subscriptions"] == 0
        await until(all_are_gone, "nobody is left")
        print(f"{before} MiB, then {router.rss()} MiB")
        assert router.rss() < before + 20


async def test_a_crowd_that_never_finishes_the_handshake_does_not_lock_the_door(start):
    router = start(limits__handshake_timeout="2s")
    crowd = [await dial(router) for _ in range(400)]
    for peer in crowd[::2]:
        await peer.send(upgrade()[:40])

    async def a_client_gets_in():
        try:
            async with await connect(router, open_timeout=5) as client:
                return bool(await client.ping())
        except (OSError, TimeoutError, EOFError):
            return False
    await until(a_client_gets_in, "a client gets in although many handshakes are under way", 60)
    assert router.rss() < BOUND_MIB
    for peer in crowd:
        peer.vanish()


async def test_random_bytes_after_the_handshake_hurt_nobody(router):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    async with witness(router):
        for _ in range(200):
            peer = await raw_client(router)
            try:
                await peer.send(chance.randbytes(chance.randint(1, 3000)))
            except ConnectionError:
                pass
            peer.vanish()
    assert router.rss() < BOUND_MIB


async def test_random_json_hurts_nobody(router):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    good = [{"type": "publish", "event": {"topic": "t", "priority": 3, "payload": {"a": [1, 2]}}}, {"type": "ping"},
            {"type": "subscribe", "subscription": {"topics": ["a.*"], "priorities": [5]}}, {"type": "get_health"},
            {"type": "publish_batch", "events": [{"topic": "t"}]}, {"type": "hello", "protocol": 2}]
    async with witness(router), await connect(router) as client:
        for _ in range(2000):
            text = list(json.dumps(chance.choice(good)))
            for _ in range(chance.randint(0, 4)):
                place = chance.randrange(len(text))
                text[place:place + chance.randint(0, 3)] = chance.choice(['"', "{", "]", "5", "\\", ":", ",", "é", ""])
            assert (await client.ask("".join(text)))["type"] != "event"
