"""The journal: our records have their priority, our fields and, for what an operator looks for, a MESSAGE_ID."""
import re

from client import connect, until
from stalled import numbered, publish_in_order, stalled_subscriber

INFO, DEBUG = "6", "7"


async def test_records_have_syslog_s_priorities_and_our_fields(service):
    service.configure('log_level = "debug"\n')
    service.ctl("start")
    async with await connect(service) as client:
        client_id = client.welcome["client_id"]

        def about_the_client():
            return next((record for record in service.own_records() if record.get("GADUGI_CLIENT_ID") == client_id), None)
        record = await until(about_the_client, "a record names the client in a field")
    assert record["PRIORITY"] in (INFO, DEBUG)
    remotes = {record["GADUGI_REMOTE"] for record in service.own_records() if "GADUGI_REMOTE" in record}
    assert any(remote.startswith("127.0.0.1:") for remote in remotes), remotes
    records = service.own_records()
    assert {record["PRIORITY"] for record in records} >= {INFO, DEBUG}
    assert {record["_TRANSPORT"] for record in records} == {"journal"}, "by its own protocol, not as lines on stderr"
    assert any(record["PRIORITY"] == INFO and "listening" in record["MESSAGE"].lower() for record in records)


async def test_start_reload_drain_and_stop_have_message_ids(service):
    service.configure('max_clients = 5\n[drain]\ntimeout = "200ms"\n')
    service.ctl("start")
    await until(lambda: ids(service), "the start is in the journal")
    started = ids(service)
    service.configure('max_clients = 6\n[drain]\ntimeout = "200ms"\n')
    service.ctl("reload")
    await until(lambda: ids(service) - started, "the reload is in the journal")
    reloaded = ids(service) - started
    slow = await stalled_subscriber(service, "t")
    await publish_in_order(service, [numbered("t", 5, number) for number in range(5000)], receipt="dispatched")
    service.ctl("stop")
    slow.vanish()
    # That it stops, and how the drain ended.
    await until(lambda: len(ids(service) - started - reloaded) >= 2, "stop and drain result are in the journal")
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in ids(service))


def ids(service) -> set[str]:
    return {record["MESSAGE_ID"] for record in service.own_records() if "MESSAGE_ID" in record}


async def test_nothing_of_a_payload_is_in_the_journal(service):
    service.configure('log_level = "debug"\n')
    service.ctl("start")
    secret = "a-word-that-only-the-payload-has"
    async with await connect(service) as client:
        await client.subscribe("t")
        await client.publish({"topic": "t", "payload": {"token": secret}})
        await client.event()
        await client.error({"type": "publish", "event": {"topic": "t", "payload": {"token": secret}, secret[:8]: secret}})
    service.ctl("stop")
    service.box.run("journalctl", "--sync")
    assert service.own_records() and secret not in str(service.records())
