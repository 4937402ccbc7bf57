"""Routers with an event store, and what tests do with them."""
from client import connect

RULES = '[[store.rule]]\ntopics = ["s.**", "x"]\n'
KINDS = ["memory", "sqlite"]


async def durable(router, name="d", **wanted):
    client = await connect(router, hello={})
    client.subscription = await client.subscribe(*wanted.pop("topics", ["s.**"]), ack=True, durable=name, **wanted)
    return client


async def ack(client, message, kind="ack", **more):
    return await client.ask({"type": kind, "delivery_id": message["delivery_id"], "request_id": "a", **more})


async def take(client, count) -> list[dict]:
    """So many events, each acknowledged."""
    found = []
    for _ in range(count):
        found.append(await client.expect("event"))
        await ack(client, found[-1])
    return found


def numbers(messages) -> list[int]:
    return [message["sequence"] for message in messages]
