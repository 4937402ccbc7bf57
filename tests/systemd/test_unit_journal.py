"""The journal: our records have their priority, our fields and, for what an operator looks for, a MESSAGE_ID."""
from client import connect, until
from journals import message_ids
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


async def test_what_an_operator_looks_for_has_the_ids_of_the_documentation(service):
    drain = '[drain]\ntimeout = "200ms"\n[limits]\noutbox_events = 1000\n'
    service.configure("max_clients = 5\n" + drain)
    service.ctl("start")
    await told(service, "start", "listening on")
    service.configure("max_clients = 6\n" + drain)
    service.ctl("reload")
    await told(service, "reload", "changed: max_clients = 5 → 6")
    slow = await stalled_subscriber(service, "t")
    await publish_in_order(service, [numbered("t", 5, number) for number in range(5000)], receipt="dispatched")
    await told(service, "slow_consumer", "")
    service.ctl("stop")
    slow.vanish()
    drained = await told(service, "drain", "drained")
    assert drained["GADUGI_KEPT"] == "dead letters" and int(drained["GADUGI_LEFT"]) > 500
    assert drained["GADUGI_BY_PRIORITY"] == f"5:{drained['GADUGI_LEFT']}"
    await told(service, "stop", "SIGTERM")
    stopped = await told(service, "stop", "stopped")
    assert int(stopped["GADUGI_DELIVERED"]) > 0 and stopped["GADUGI_SPOOLED"] == ""


async def told(service, name: str, text: str) -> dict[str, str]:
    """Waits for a record that has the id which the documentation gives for this name, and this text."""
    wanted = message_ids()[name]

    def record():
        return next((record for record in service.own_records()
                     if record.get("MESSAGE_ID") == wanted and text in record["MESSAGE"]), None)
    return await until(record, f"a record of {name} with {text!r} in the journal")


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
