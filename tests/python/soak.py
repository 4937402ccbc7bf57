"""A soak: random clients connect, publish, stall and vanish for a while, and the books must balance.

The subscribers that are held to account said hello and stay to the end; some of them stall. For each of their
subscriptions (for a group: all its members together) what was received and what gap notices reported must make
up what was dispatched, at every priority, and one publisher's events of one priority keep their order.
Beside them, vandals do everything else that clients do.
"""
import asyncio
import random
from collections import Counter

from client import connect, until
from raw import PING, dial, frame, raw_client, text_frame, upgrade

TOPICS = [f"soak.{number}" for number in range(6)]
GROUP_TOPIC = "soak-group.job"
SUBSCRIBERS, PUBLISHERS, VANDALS = 8, 4, 6


class Account:
    """What one subscription, or one group, must have got and did get, by priority."""

    def __init__(self, name: str, topics: list[str], minimum: int = 1):
        self.name, self.topics, self.minimum = name, topics, minimum
        self.received: Counter[int] = Counter()
        self.reported: Counter[int] = Counter()

    def expected(self, dispatched: Counter) -> Counter:
        return Counter({priority: count for priority in range(self.minimum, 11)
                        if (count := sum(dispatched[topic, priority] for topic in self.topics))})

    def balances(self, dispatched: Counter) -> bool:
        return self.received + self.reported == self.expected(dispatched)


class Subscriber:
    """Reads, and now and then does not."""

    def __init__(self, peer, chance: random.Random, stalls: bool):
        self.peer, self.chance, self.stalls = peer, chance, stalls
        self.patience = 600.0
        self.accounts: dict[str | int, Account] = {}
        self.latest: dict[tuple, int] = {}

    async def subscribe(self, account: Account, topic: str, **filters) -> None:
        reply = await self.peer.ask({"type": "subscribe", "subscription": {"topics": [topic], **filters}})
        for name in (reply["subscription_id"], reply.get("sub")):
            if name is not None:
                self.accounts[name] = account

    async def read(self) -> None:
        """Reads one message, or stalls for a moment first."""
        if self.stalls and self.chance.random() < 0.002:
            await asyncio.sleep(self.chance.uniform(0.1, 1.5))
        message = await self.peer.message(patience=self.patience)
        if message["type"] == "gap":
            account = self.accounts[message["subscription_id"]]
            for kind in ("evicted", "expired"):
                account.reported.update({int(level): n for level, n in message.get(kind, {}).items()})
        elif message["type"] == "event":
            self._got(message["event"], message["sub"] if "sub" in message else message["subscription_id"])
        else:
            raise AssertionError(f"nobody asked for {message}")

    def _got(self, event: dict, subscription) -> None:
        priority, payload = event.get("priority", 5), event["payload"]
        self.accounts[subscription].received[priority] += 1
        line = (subscription, payload["publisher"], priority)
        before = self.latest.get(line, -1)
        assert payload["n"] > before, f"{line}: {payload['n']} after {before}"
        self.latest[line] = payload["n"]


class Soak:
    """One run against a router."""

    def __init__(self, router, seed: int, seconds: float):
        self.router, self.chance, self.seconds = router, random.Random(seed), seconds
        self.dispatched: Counter[tuple[str, int]] = Counter()
        self.subscribers: list[Subscriber] = []
        self.accounts = [Account("group", [GROUP_TOPIC])]
        self.lost = self.visits = 0
        self.over = False

    async def run(self) -> None:
        await self._subscribe()
        reading = [asyncio.create_task(self._read(subscriber)) for subscriber in self.subscribers]
        vandals = [asyncio.create_task(self._vandal(self._chance())) for _ in range(VANDALS)]
        publishers = [asyncio.create_task(self._publish(index, self._chance())) for index in range(PUBLISHERS)]
        await self._watch(self.seconds, reading + vandals + publishers)
        self.over = True
        await asyncio.gather(*publishers, *vandals)
        for subscriber in self.subscribers:
            subscriber.stalls = False
        try:
            await until(lambda: self._settled(reading), "the books balance", 60)
        except AssertionError as failure:
            print(failure)  # what follows says where
        for task in reading:
            if task.done():
                task.result()
            task.cancel()
        self._balance()

    def _chance(self) -> random.Random:
        return random.Random(self.chance.randrange(1 << 62))

    async def _watch(self, seconds: float, tasks) -> None:
        """Lets them go on; ends early if one fails."""
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        assert not done, "nobody leaves before the end"

    async def _subscribe(self) -> None:
        for index in range(SUBSCRIBERS):
            stalls = index % 2 == 0
            hello = {"lean": index % 3 == 0}
            peer = await raw_client(self.router, receive_buffer=4096 if stalls else None, hello=hello)
            subscriber = Subscriber(peer, self._chance(), stalls)
            for number in range(self.chance.randint(1, 3)):
                minimum = self.chance.choice([1, 1, 3, 6])
                pattern = self.chance.choice(TOPICS + ["soak.*", "soak.**"])
                account = Account(f"{index}.{number}: {pattern} from {minimum}",
                                  [pattern] if pattern in TOPICS else TOPICS, minimum)
                self.accounts.append(account)
                await subscriber.subscribe(account, pattern, priorities=[minimum])
            if index < 3:
                await subscriber.subscribe(self.accounts[0], GROUP_TOPIC, group="soakers")
            self.subscribers.append(subscriber)

    async def _read(self, subscriber: Subscriber) -> None:
        while True:
            await subscriber.read()

    def _settled(self, reading) -> bool:
        return (any(task.done() for task in reading)
                or all(account.balances(self.dispatched) for account in self.accounts))

    async def _publish(self, index: int, chance: random.Random) -> None:
        number = 0
        async with await connect(self.router) as client:
            while not self.over:
                burst = []
                for _ in range(chance.choice([1, 5, 50, 200])):
                    burst.append({
                        "topic": chance.choice([*TOPICS, GROUP_TOPIC]),
                        "priority": chance.choice([1, 1, 2, 3, 3, 5, 7, 10]),
                        "payload": {"publisher": index, "n": number, "text": "x" * chance.choice([0, 100, 300, 2000])},
                    })
                    number += 1
                beside = {"receipt": "dispatched"}
                if chance.random() < 0.1:
                    beside["ttl_ms"] = chance.randint(1, 300)
                if chance.random() < 0.2:
                    reply = await client.ask({"type": "publish_batch", "events": burst, **beside})
                    results = reply["results"]
                else:
                    results = await client.publish_many(burst, **beside)
                for event, result in zip(burst, results, strict=True):
                    if "matched" in result:
                        self.dispatched[event["topic"], event["priority"]] += 1
                    else:
                        self.lost += 1
                        assert result.get("reason"), result
                await asyncio.sleep(chance.uniform(0, 0.05))

    async def _vandal(self, chance: random.Random) -> None:
        deeds = [self._knock, self._hang_up, self._stall, self._shout, self._babble, self._visit]
        while not self.over:
            self.visits += 1
            try:
                await chance.choice(deeds)(chance)
            except (ConnectionError, asyncio.TimeoutError):
                pass
            await asyncio.sleep(chance.uniform(0, 0.02))

    async def _knock(self, chance) -> None:
        peer = await dial(self.router)
        await peer.send(upgrade()[:chance.randint(1, 100)])
        await asyncio.sleep(chance.uniform(0, 0.2))
        peer.vanish()

    async def _hang_up(self, chance) -> None:
        peer = await raw_client(self.router)
        await peer.say({"type": "subscribe", "subscription": {"topics": ["soak.*"], "group": chance.choice("ab")}})
        peer.vanish()

    async def _stall(self, chance) -> None:
        peer = await raw_client(self.router, receive_buffer=4096, hello={} if chance.random() < 0.5 else None)
        await peer.subscribe("soak.**")
        await asyncio.sleep(chance.uniform(0, 1))
        peer.vanish()

    async def _shout(self, chance) -> None:
        peer = await raw_client(self.router)
        noise = text_frame({"type": "publish", "event": {"topic": "noise", "priority": chance.randint(1, 10)}})
        await peer.send((noise + frame(PING, b"?")) * chance.randint(1, 300), 5)
        peer.vanish()

    async def _babble(self, chance) -> None:
        peer = await raw_client(self.router)
        await peer.send(chance.randbytes(chance.randint(1, 500)))
        await asyncio.sleep(chance.uniform(0, 0.05))
        peer.vanish()

    async def _visit(self, chance) -> None:
        async with await connect(self.router) as client:
            subscription = await client.subscribe("noise", "soak.1", priorities=[chance.randint(1, 10)])
            await client.publish({"topic": "noise"})
            await client.ping({"visit": self.visits})
            if chance.random() < 0.5:
                await client.ask({"type": "unsubscribe", "subscription_id": subscription})

    def _balance(self) -> None:
        received = sum(account.received.total() for account in self.accounts)
        reported = sum(account.reported.total() for account in self.accounts)
        print(f"{self.dispatched.total()} events dispatched, {self.lost} not; {received} received, {reported} reported "
              f"as shed; {self.visits} visits; {self.router.rss()} MiB")
        for account in self.accounts:
            assert account.balances(self.dispatched), (
                f"{account.name}: received {dict(account.received)} + reported {dict(account.reported)} "
                f"!= {dict(account.expected(self.dispatched))}")
        assert self.dispatched.total() and received, "a soak in which nothing happens shows nothing"
